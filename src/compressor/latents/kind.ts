/**
 * @file The interface of kinds of latents (method 2.4): how a compressor's output is transformed before the policy sees it. Shape key: B
 * batch, M latents, D width, G groups of a latent (codes per latent), K codes of an alphabet, W width of a code, L levels, R rows (B·M).
 */

import type { Tensor } from '../../engine/index.ts';
import type { Scope } from '../../nn/index.ts';

/** Settings of all kinds; each reads its own. */
export interface LatentSettings {
  /** Number of codes per latent (discrete kinds). */
  readonly groups: number;
  /** Number of levels of each number of a code (fsq). */
  readonly levels: readonly number[];
  /** Number of codes of a codebook (vq). */
  readonly codes: number;
  /** Number of values in a code vector (vq). */
  readonly codeWidth: number;
  /** Decay of the moving averages that define the codebook (vq). */
  readonly decay: number;
  /** Weight of the commitment loss (vq). */
  readonly commitment: number;
  /** A code used less often than this fraction of the average is reset (vq). */
  readonly revive: number;
}

/** Z in the forms that training and inference need. Unused forms are never computed. */
export interface Latents {
  /** [B, M, D] what the policy is trained on: noisy or quantized, with a gradient to the compressor. */
  readonly trained: Tensor;
  /** [B, M, D] what the policy sees at inference: depends only on parameters, buffers and the context. */
  readonly settled: Tensor;
  /** int32 [B, M, G] the same as codes. */
  readonly codes?: Tensor;
  /** R(Z), a scalar (method 4.1). */
  readonly capacity?: Tensor;
  /** Further scalars for the log of a stage that trains the compressor. */
  readonly metrics?: Readonly<Record<string, Tensor>>;
}

/** How a compressor's output becomes latents. */
export interface LatentKind {
  readonly id: string;
  readonly description: string;
  /** Transforms the compressor's output [B, M, D]. Its parameters and buffers are declared in the scope. */
  apply(scope: Scope, z_BMD: Tensor, settings: LatentSettings): Latents;
  /** Minimum weight of R(Z) while the compressor is trained; 0 by default. */
  leastCapacity?(settings: LatentSettings): number;
  /** Discrete kinds: the alphabet of codes, and decoding. */
  readonly discrete?: {
    /** Each of the G codes of a latent is below `size`. */
    alphabet(settings: LatentSettings): { readonly groups: number; readonly size: number };
    /** Decodes codes int32 [B, M, G] to the value of `settled`, [B, M, D]. */
    decode(scope: Scope, codes_BMG: Tensor, settings: LatentSettings, width: number): Tensor;
  };
}

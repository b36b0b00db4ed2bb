/**
 * @file The interface of kinds of latents (method 2.4): what becomes of a compressor's output before the policy sees it.
 * Shape key: B batch, M latents, D width, G groups of a latent (codes it is made of), K codes of an alphabet, W width of a code,
 * L levels, R rows (B·M).
 */

import type { Tensor } from '../../engine/index.ts';
import type { Scope } from '../../nn/index.ts';

/** Settings of all kinds; each reads its own. */
export interface LatentSettings {
  /** Codes that one latent is made of (discrete kinds). */
  readonly groups: number;
  /** Levels of each number of a code (fsq). */
  readonly levels: readonly number[];
  /** Codes of a codebook (vq). */
  readonly codes: number;
  /** Numbers of a code (vq). */
  readonly codeWidth: number;
  /** Decay of the running averages behind a codebook (vq). */
  readonly decay: number;
  /** Weight of the commitment loss (vq). */
  readonly commitment: number;
  /** A code that is used less than this fraction of the average is made anew (vq). */
  readonly revive: number;
}

/** Z in the forms that training and inference need. What a graph does not use is never computed. */
export interface Latents {
  /** [B, M, D] what the policy learns from: noisy or quantized, with a gradient to the compressor. */
  readonly trained: Tensor;
  /** [B, M, D] what it sees afterwards: depends on parameters, buffers and the context alone. */
  readonly settled: Tensor;
  /** int32 [B, M, G] the same as codes. */
  readonly codes?: Tensor;
  /** R(Z), a scalar (method 4.1). */
  readonly capacity?: Tensor;
  /** Further scalars for the log of a stage that trains the compressor. */
  readonly metrics?: Readonly<Record<string, Tensor>>;
}

export interface LatentKind {
  readonly id: string;
  readonly description: string;
  /** What the compressor gives, [B, M, D], as latents of this kind. Its parameters and buffers live in the scope. */
  apply(scope: Scope, z_BMD: Tensor, settings: LatentSettings): Latents;
  /** R(Z) has at least this weight wherever the compressor is trained; 0 when left out. */
  leastCapacity?(settings: LatentSettings): number;
  /** Discrete kinds: what their codes are, and the way back. */
  readonly discrete?: {
    /** Each of G codes of a latent is below K. */
    alphabet(settings: LatentSettings): { readonly groups: number; readonly size: number };
    /** Codes int32 [B, M, G] → what `settled` was, [B, M, D]. */
    decode(scope: Scope, codes_BMG: Tensor, settings: LatentSettings, width: number): Tensor;
  };
}

/**
 * @file The interface of compressors: raw context X → latents Z.
 * Shape key: B batch, N context tokens, F features of a token, D width, M latents.
 */

import { layerNorm, type Tensor } from '../engine/index.ts';
import { addPositions, block, linear, type Scope } from '../nn/index.ts';

export interface CompressorOptions {
  readonly width: number;
  readonly heads: number;
  readonly hidden: number;
  /** Pre-norm blocks before the context is compressed. */
  readonly layers: number;
  /** Latents asked for (m). */
  readonly latents: number;
}

export interface Compressor {
  readonly id: string;
  readonly description: string;
  /** Tokens that reach the policy, given N context tokens; 0 means that nothing does. */
  latents(contextTokens: number, options: CompressorOptions): number;
  /** Context tokens that it looks at: the last so many of N. */
  window(contextTokens: number, options: CompressorOptions): number;
  /** x [B, N, F] → Z [B, M, D]. Never called when `latents` is 0. */
  compress(scope: Scope, x_BNF: Tensor, options: CompressorOptions): Tensor;
}

/** The stack that every compressor begins with (method 2): tokens embedded, positions added, pre-norm blocks. Gives normalised H [B, N, D]. */
export function encode(scope: Scope, x_BNF: Tensor, { width, heads, hidden, layers }: CompressorOptions): Tensor {
  let h_BND = addPositions(scope.at('embed'), linear(scope.at('embed'), x_BNF, width));
  for (let i = 0; i < layers; i++) h_BND = block(scope.at(`block${i}`), h_BND, { heads, hidden, branches: 2 * layers });
  return layerNorm(h_BND);
}

/**
 * @file The interface of compressors: raw context X → latents Z.
 * Shape key: B batch, N context tokens, F features of a token, D width, M latents.
 */

import { layerNorm, reshape, type Tensor } from '../engine/index.ts';
import { addPositions, block, linear, type Scope } from '../nn/index.ts';

export interface CompressorOptions {
  readonly width: number;
  readonly heads: number;
  readonly hidden: number;
  /** Pre-norm blocks before the context is compressed. */
  readonly layers: number;
  /** Latents asked for (m). */
  readonly latents: number;
  /** Heads of the attention that pools: each of m × heads can watch for something else. */
  readonly poolHeads: number;
  /** Tokens among which the encoder's self-attention mixes: the context is cut into pieces of this length. */
  readonly span: number;
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

/**
 * The stack that every compressor begins with (method 2): tokens embedded, positions added, pre-norm blocks. Gives normalised H [B, N, D].
 * Self-attention stays within pieces of `span` tokens (one episode, say): its cost is linear in N then, and what joins the pieces is the
 * attention that pools them.
 */
export function encode(scope: Scope, x_BNF: Tensor, { width, heads, hidden, layers, span }: CompressorOptions): Tensor {
  const embedded_BND = addPositions(scope.at('embed'), linear(scope.at('embed'), x_BNF, width));
  const [B, N] = embedded_BND.shape;
  const piece = N % span === 0 ? span : N;
  let h = reshape(embedded_BND, [(B * N) / piece, piece, width]);
  for (let i = 0; i < layers; i++) h = block(scope.at(`block${i}`), h, { heads, hidden, branches: 2 * layers });
  return layerNorm(reshape(h, [B, N, width]));
}

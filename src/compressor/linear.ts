/**
 * @file Compressors that map the N positions of the context linearly to m latents: `linear-projection` (method 2.2) with learned weights,
 * and `memory-traces` with fixed ones. Shape key: B batch, N context tokens, M latents, D width.
 */

import { linear as affine, constant, transpose } from '../engine/index.ts';
import { addPositions, block, linear } from '../nn/index.ts';
import { type Compressor, defineCompressor, latentLayers, wholeContext } from './compressor.ts';
import { afterEncoding } from './encoder.ts';

/** Z = Blocks(P H + p) with P [m, N] learned: a latent corresponds to positions in the context, whatever their content. */
export const linearProjection = defineCompressor({
  id: 'linear-projection',
  description: 'a learned linear map from N encoded tokens to m latents, then transformer blocks over them',
  ...wholeContext,
  settings: { latentLayers },
  compress: afterEncoding((scope, h_BND, options) => {
    const { heads, hidden, latents, latentLayers } = options;
    const h_BDN = transpose(h_BND, [0, 2, 1]);
    let z_BMD = addPositions(scope.at('project'), transpose(linear(scope.at('project'), h_BDN, latents), [0, 2, 1]));
    for (let i = 0; i < latentLayers; i++) z_BMD = block(scope.at(`latents${i}`), z_BMD, { heads, hidden, branches: 2 * latentLayers });
    return z_BMD;
  }),
});

/** [N, M] weights of the tokens: trace j has a half-life of N^((j + ½) / M) tokens, and its weights sum to 1. */
export function traceWeights(N: number, M: number): Float64Array {
  const weights = new Float64Array(N * M);
  for (let j = 0; j < M; j++) {
    const halfLife = N ** ((j + 0.5) / M);
    const own = Array.from({ length: N }, (_, i) => 2 ** ((i + 1 - N) / halfLife));
    const total = own.reduce((sum, weight) => sum + weight, 0);
    for (const [i, weight] of own.entries()) weights[i * M + j] = weight / total;
  }
  return weights;
}

/**
 * z_j = Σ_i w_ij h_i: m moving averages of the context, each with its own half-life (Eberhard et al. 2025, "Partially Observable
 * Reinforcement Learning with Memory Traces", who average observations). How long something is remembered is fixed, not learned.
 */
export const memoryTraces: Compressor = {
  id: 'memory-traces',
  description: 'm exponential moving averages of the encoded context, with half-lives from a few tokens to most of it',
  ...wholeContext,
  compress: afterEncoding((_, h_BND, options) => {
    const [N, M] = [h_BND.shape[1], options.latents];
    return transpose(affine(transpose(h_BND, [0, 2, 1]), constant(traceWeights(N, M), [N, M])), [0, 2, 1]);
  }),
};

/**
 * @file `memory-traces`: m running averages of the context, each with a half-life of its own (Eberhard et al. 2025, "Partially Observable
 * Reinforcement Learning with Memory Traces", who average observations; here it is the encoded tokens).
 * Shape key: B batch, N context tokens, M latents, D width.
 */

import { constant, linear, transpose } from '../engine/index.ts';
import { type Compressor, encode } from './compressor.ts';

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

/** z_j = Σ_i w_ij h_i. How long something is remembered is fixed beforehand, not learned. */
export const memoryTraces: Compressor = {
  id: 'memory-traces',
  description: 'm exponential moving averages of the encoded context, with half-lives from a few tokens to most of it',
  form: 'window',
  latents: (_, { latents }) => latents,
  window: contextTokens => contextTokens,
  compress(scope, x_BNF, options) {
    const [N, M] = [x_BNF.shape[1], options.latents];
    const h_BDN = transpose(encode(scope, x_BNF, options), [0, 2, 1]);
    return transpose(linear(h_BDN, constant(traceWeights(N, M), [N, M])), [0, 2, 1]);
  },
};

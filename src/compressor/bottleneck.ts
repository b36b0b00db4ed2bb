/** @file `bottleneck` (method 2.1): m learned latent queries attend to the hidden states, z_j = Attention(q_j, H, H). Non-causal. */

import { add, broadcastTo, concat, layerNorm } from '../engine/index.ts';
import { crossAttention, feedForward, keysValues, normalInit } from '../nn/index.ts';
import { type Compressor, encode } from './compressor.ts';

export const bottleneck: Compressor = {
  id: 'bottleneck',
  description: 'm learned queries attend to the encoded context',
  latents: (_, { latents }) => latents,
  window: contextTokens => contextTokens,
  compress(scope, x_BNF, options) {
    const { width, poolHeads, hidden, latents } = options;
    const h_BND = encode(scope, x_BNF, options);
    const queries = broadcastTo(scope.parameter('queries', [latents, width], normalInit(1)), [x_BNF.shape[0], latents, width]);
    // A query whose transitions are all absent must be able to look at nothing: with a sink, weights say "was there", not only "which".
    const sink = broadcastTo(scope.parameter('sink', [1, width], normalInit(1)), [x_BNF.shape[0], 1, width]);
    const memory = keysValues(scope.at('pool'), concat([sink, h_BND], 1), width, poolHeads);
    const pooled = add(queries, crossAttention(scope.at('pool'), queries, memory, { heads: poolHeads }));
    // Not normalised: the capacity penalty R(Z) acts on the size of the latents.
    return add(pooled, feedForward(scope.at('pool').at('ffn'), layerNorm(pooled), hidden));
  },
};

/** @file `bottleneck` (method 2.1): m learned latent queries attend to the hidden states, z_j = Attention(q_j, H, H). Non-causal. */

import { add, broadcastTo, layerNorm } from '../engine/index.ts';
import { crossAttention, feedForward, keysValues, normalInit } from '../nn/index.ts';
import { type Compressor, encode } from './compressor.ts';

export const bottleneck: Compressor = {
  id: 'bottleneck',
  description: 'm learned queries attend to the encoded context',
  latents: (_, { latents }) => latents,
  window: contextTokens => contextTokens,
  compress(scope, x_BNF, options) {
    const { width, heads, hidden, latents } = options;
    const h_BND = encode(scope, x_BNF, options);
    const queries = broadcastTo(scope.parameter('queries', [latents, width], normalInit(1)), [x_BNF.shape[0], latents, width]);
    const pooled = add(queries, crossAttention(scope.at('pool'), queries, keysValues(scope.at('pool'), h_BND, width, heads), { heads }));
    return layerNorm(add(pooled, feedForward(scope.at('pool').at('ffn'), layerNorm(pooled), hidden)));
  },
};

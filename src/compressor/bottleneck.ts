/** @file `bottleneck` (method 2.1): m learned latent queries attend to the hidden states, z_j = Attention(q_j, H, H). Non-causal. */

import { add, broadcastTo, layerNorm } from '../engine/index.ts';
import { block, crossAttention, feedForward, keysValues, normalInit } from '../nn/index.ts';
import { type Compressor, encode } from './compressor.ts';

export const bottleneck: Compressor = {
  id: 'bottleneck',
  description: 'm learned queries attend to the encoded context',
  latents: (_, { latents }) => latents,
  window: contextTokens => contextTokens,
  compress(scope, x_BNF, options) {
    const { width, heads, hidden, latents, latentLayers } = options;
    const h_BND = encode(scope, x_BNF, options);
    const queries = broadcastTo(scope.parameter('queries', [latents, width], normalInit(1)), [x_BNF.shape[0], latents, width]);
    const pooled = add(queries, crossAttention(scope.at('pool'), queries, keysValues(scope.at('pool'), h_BND, width, heads), { heads }));
    let z_BMD = add(pooled, feedForward(scope.at('pool').at('ffn'), layerNorm(pooled), hidden));
    for (let i = 0; i < latentLayers; i++) {
      const layer = scope.at(`latent${i}`);
      z_BMD = block(layer, z_BMD, { heads, hidden, branches: 3 * latentLayers }, keysValues(layer.at('cross'), h_BND, width, heads));
    }
    return layerNorm(z_BMD);
  },
};

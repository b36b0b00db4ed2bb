/** @file `bottleneck` (method 2.1): m learned latent queries attend to the hidden states, z_j = Attention(q_j, H, H). Non-causal. */

import { type Compressor, encode, learnedQueries, pool } from './compressor.ts';

export const bottleneck: Compressor = {
  id: 'bottleneck',
  description: 'm learned queries attend to the encoded context',
  form: 'window',
  latents: (_, { latents }) => latents,
  window: contextTokens => contextTokens,
  compress(scope, x_BNF, options) {
    const h_BND = encode(scope, x_BNF, options);
    return pool(scope, learnedQueries(scope, x_BNF.shape[0], options.latents, options.width), h_BND, options);
  },
};

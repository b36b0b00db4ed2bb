/**
 * @file `strided-attention` (method 2.2): N → m, each latent from a stretch of the context of its own.
 * Shape key: B batch, N context tokens, M latents, L tokens of a stretch, D width.
 */

import { mean, pad, reshape } from '../engine/index.ts';
import { type Compressor, encode, pool } from './compressor.ts';

/** z_j = pool(q_j, H_j) with H_j the j-th of m equal stretches of H and q_j its mean. */
export const stridedAttention: Compressor = {
  id: 'strided-attention',
  description: 'the encoded context in m stretches; each attends to itself, from its mean',
  form: 'window',
  latents: (_, { latents }) => latents,
  window: contextTokens => contextTokens,
  compress(scope, x_BNF, options) {
    const h_BND = encode(scope, x_BNF, options);
    const [B, N, D] = h_BND.shape;
    const M = options.latents;
    const L = Math.ceil(N / M);
    // Where N does not divide, the first stretches begin with tokens that say nothing.
    const stretches = reshape(pad(h_BND, 1, M * L - N, 0), [B * M, L, D]);
    return reshape(pool(scope, mean(stretches, [1], true), stretches, options), [B, M, D]);
  },
};

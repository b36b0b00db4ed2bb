/** @file What CAD is compared with, in the place of the compressor: all of the context, its end, its mean, or nothing. */

import { mean, reshape, slice } from '../engine/index.ts';
import { CadenzaError, expect } from '../util/errors.ts';
import { type Compressor, encode } from './compressor.ts';

/** Every encoded token reaches the policy: the full-context teacher. */
export const full: Compressor = {
  id: 'full',
  description: 'no compression: the policy attends to every encoded token',
  prose: () => 'Nothing is compressed: the policy attends to every encoded token of the context.',
  uncompressed: true,
  sizeless: true,
  form: 'window',
  reads: [],
  latents: contextTokens => contextTokens,
  window: contextTokens => contextTokens,
  compress: encode,
};

/** Raw context cut to its last m tokens: as many as CAD's policy sees. */
export const truncated: Compressor = {
  id: 'truncated',
  description: 'the last m tokens of the raw context, encoded',
  prose: () =>
    'The raw context is cut to its last $m$ tokens, as many as the policy of CAD sees, and the policy attends to these, encoded.',
  uncompressed: true,
  form: 'window',
  reads: [],
  latents: (contextTokens, { latents }) => Math.min(latents, contextTokens),
  window: (contextTokens, { latents }) => Math.min(latents, contextTokens),
  compress: (scope, x_BNF, options) => encode(scope, slice(x_BNF, 1, -Math.min(options.latents, x_BNF.shape[1])), options),
};

/** H in m equal pieces, each averaged. */
export const meanPool: Compressor = {
  id: 'mean-pool',
  description: 'the encoded context in m equal pieces, each averaged',
  prose: () => 'The encoded context is cut into $m$ pieces of equal length, and the mean of each is a latent.',
  form: 'window',
  reads: [],
  latents: (_, { latents }) => latents,
  window: contextTokens => contextTokens,
  compress(scope, x_BNF, options) {
    const h_BND = encode(scope, x_BNF, options);
    const [B, N, D] = h_BND.shape;
    const m = options.latents;
    expect(N % m === 0, `mean pooling needs a context that divides into m equal pieces, got ${N} tokens and m = ${m}.`);
    return mean(reshape(h_BND, [B, m, N / m, D]), [2]);
  },
};

/** No context at all: what the policy can do from the running episode alone. */
export const none: Compressor = {
  id: 'none',
  description: 'no context: the running episode alone',
  prose: () => 'Nothing of the past reaches the policy, which has no cross-attention and sees the running episode alone.',
  uncompressed: true,
  sizeless: true,
  form: 'window',
  reads: [],
  latents: () => 0,
  window: () => 0,
  compress() {
    throw new CadenzaError('E_SHAPE', 'the compressor "none" has nothing to compress.');
  },
};

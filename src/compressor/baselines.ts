/**
 * @file Baselines in place of the compressor: the whole context, its best episodes, its last tokens, its pieces pooled without learned
 * weights, or nothing. Shape key: B batch, N context tokens, F features of a token, M latents, L tokens of a piece, D width.
 */

import { max, mean, reshape, slice, type Tensor } from '../engine/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { type Compressor, wholeContext } from './compressor.ts';
import { afterEncoding, encodeTokens } from './encoder.ts';
import { wholePieces } from './pooling.ts';

/** All encoded tokens reach the policy: the full-context teacher. */
export const full: Compressor = {
  id: 'full',
  description: 'no compression: the policy attends to every encoded token',
  uncompressed: true,
  sizeless: true,
  contextLayout: 'window',
  latents: contextTokens => contextTokens,
  window: contextTokens => contextTokens,
  compress: afterEncoding((_, h_BND) => h_BND),
};

/** Like `full`, but the context holds the past episodes with the highest returns instead of the latest. */
export const bestEpisodes: Compressor = {
  ...full,
  id: 'best-episodes',
  description: 'all encoded tokens of the past episodes (or segments) with the highest returns',
  contextLayout: 'best',
};

const lastTokens: Compressor['window'] = (contextTokens, { latents }) => Math.min(latents, contextTokens);

/** The raw context cut to its last m tokens, as many as CAD's policy sees. */
export const truncated: Compressor = {
  id: 'truncated',
  description: 'the last m tokens of the raw context, encoded',
  uncompressed: true,
  contextLayout: 'window',
  latents: lastTokens,
  window: lastTokens,
  compress: (scope, x_BNF, options) => encodeTokens(scope, slice(x_BNF, 1, -lastTokens(x_BNF.shape[1], options)), options),
};

/** A compressor with one latent per piece of H, for m pieces: [B, M, L, D] → Z [B, M, D]. */
const pooled = (id: string, description: string, pool: (pieces_BMLD: Tensor) => Tensor): Compressor => ({
  id,
  description,
  ...wholeContext,
  compress: afterEncoding((_, h_BND, { latents: M, width: D }) => {
    const { h, L } = wholePieces(h_BND, M);
    return pool(reshape(h, [h.shape[0], M, L, D]));
  }),
});

/** z_j = mean of H_j. */
export const meanPool = pooled('mean-pool', 'the encoded context split into m pieces, the mean of each', pieces => mean(pieces, [2]));

/** z_j = elementwise maximum of H_j. */
export const maxPool = pooled('max-pool', 'the encoded context split into m pieces, the elementwise maximum of each', pieces =>
  max(pieces, [2]),
);

/** z_j = the last token of H_j: a stride of L. */
export const stridedPool = pooled('strided-pool', 'the encoded context split into m pieces, the last token of each', pieces_BMLD => {
  const [B, M, L, D] = pieces_BMLD.shape;
  return reshape(slice(pieces_BMLD, 2, L - 1, L), [B, M, D]);
});

/** No context: what the policy can do from the running episode only. */
export const none: Compressor = {
  id: 'none',
  description: 'no context: only the running episode',
  uncompressed: true,
  sizeless: true,
  contextLayout: 'window',
  latents: () => 0,
  window: () => 0,
  compress() {
    throw new CadenzaError('E_SHAPE', 'the compressor "none" has nothing to compress.');
  },
};

/** @file The registry of compressors: one record each. */

import { CadenzaError } from '../util/errors.ts';
import { bestEpisodes, full, maxPool, meanPool, none, stridedPool, truncated } from './baselines.ts';
import { bottleneck } from './bottleneck.ts';
import { causal } from './causal.ts';
import type { Compressor } from './compressor.ts';
import { linearProjection } from './linear-projection.ts';
import { pca, randomProjection } from './projection.ts';
import { recurrent } from './recurrent.ts';
import { stridedAttention } from './strided-attention.ts';

export * from './compressor.ts';
export * from './latents/index.ts';
export * from './reconstruction.ts';

export const COMPRESSORS: readonly Compressor[] = [
  bottleneck,
  stridedAttention,
  linearProjection,
  causal,
  recurrent,
  full,
  bestEpisodes,
  truncated,
  meanPool,
  maxPool,
  stridedPool,
  pca,
  randomProjection,
  none,
];

/** The compressor with this id. Throws `E_CONFIG` for an unknown one. */
export function compressor(id: string): Compressor {
  const found = COMPRESSORS.find(candidate => candidate.id === id);
  if (!found)
    throw new CadenzaError('E_CONFIG', `there is no compressor "${id}". Choose one of: ${COMPRESSORS.map(c => c.id).join(', ')}.`);
  return found;
}

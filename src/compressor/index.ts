/** @file The registry of compressors: one record each. */

import { CadenzaError } from '../util/errors.ts';
import { full, meanPool, none, truncated } from './baselines.ts';
import { bottleneck } from './bottleneck.ts';
import { causal } from './causal.ts';
import type { Compressor } from './compressor.ts';
import { linearProjection } from './linear-projection.ts';
import { pca } from './pca.ts';
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
  truncated,
  meanPool,
  pca,
  none,
];

/** The compressor with this id. Throws `E_CONFIG` for an unknown one. */
export function compressor(id: string): Compressor {
  const found = COMPRESSORS.find(candidate => candidate.id === id);
  if (!found)
    throw new CadenzaError('E_CONFIG', `there is no compressor "${id}". Choose one of: ${COMPRESSORS.map(c => c.id).join(', ')}.`);
  return found;
}

/** @file The registry of compressors: each has one record. */

import { Registry } from '../util/registry.ts';
import { accumulating } from './accumulating.ts';
import { bottleneck, perceiver, stridedAttention } from './attention.ts';
import { bestEpisodes, full, maxPool, meanPool, none, stridedPool, truncated } from './baselines.ts';
import { causal } from './causal.ts';
import type { Compressor } from './compressor.ts';
import { gru } from './gru.ts';
import { linearProjection, memoryTraces } from './linear.ts';
import { linearAttention } from './linear-attention.ts';
import { pca, randomProjection } from './projection.ts';
import { recurrent } from './recurrent.ts';

export * from './compressor.ts';
export * from './encoder.ts';
export * from './latents/index.ts';
export * from './pooling.ts';
export * from './reconstruction.ts';
export * from './recurrence.ts';

/** The registry of compressors. */
export const compressors = new Registry<Compressor>(
  'compressor',
  [
    bottleneck,
    stridedAttention,
    linearProjection,
    causal,
    recurrent,
    accumulating,
    gru,
    linearAttention,
    perceiver,
    full,
    bestEpisodes,
    truncated,
    meanPool,
    maxPool,
    stridedPool,
    memoryTraces,
    pca,
    randomProjection,
    none,
  ],
  {
    description: 'string',
    contextLayout: 'string',
    latents: 'function',
    window: 'function',
    compress: 'function',
    recurrence: 'object?',
    settings: 'object?',
  },
);

/**
 * The compressor with this id.
 *
 * @throws {CadenzaError} `E_CONFIG` for an unknown id.
 * @example compressor('bottleneck').description // 'm learned queries attend to the encoded context'
 */
export const compressor = (id: string): Compressor => compressors.get(id);

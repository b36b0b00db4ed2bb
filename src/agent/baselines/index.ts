/** @file The registry of baselines: one record and one line each. */

import { compressor } from '../../compressor/index.ts';
import { Registry } from '../../util/registry.ts';
import type { Baseline } from './baseline.ts';
import { bestEpisodes } from './best-episodes.ts';
import { ad, dpt, full } from './full-context.ts';
import { rad } from './rad.ts';
import { truncatedBytes, truncatedFlops } from './truncated.ts';

export * from './baseline.ts';

/** The model of the experiment with something else in the compressor's place, and nothing else changed. */
const inPlace = (id: string): Baseline => ({ id, description: compressor(id).description, compressor: id });

export const baselines = new Registry<Baseline>('baseline', [
  full,
  ad,
  inPlace('truncated'),
  truncatedFlops,
  truncatedBytes,
  inPlace('mean-pool'),
  inPlace('max-pool'),
  inPlace('strided-pool'),
  inPlace('memory-traces'),
  inPlace('pca'),
  inPlace('random-projection'),
  bestEpisodes,
  dpt,
  rad,
  inPlace('none'),
  {
    id: 'oracle',
    description: 'an optimal player who is told the task: 1 by definition, which checks the environment and the scores',
    given: 'the task',
    plays: 'oracle',
  },
]);

/** The baseline with this id. Throws `E_CONFIG` for an unknown one. */
export const baseline = (id: string): Baseline => baselines.get(id);

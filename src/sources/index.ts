/** @file The registry of sources: each has one file and one line here. */

import { Registry } from '../util/registry.ts';
import { countBased } from './count-based.ts';
import { demonstrations } from './demonstrations.ts';
import { discSearch } from './disc-search.ts';
import { discountedUcb } from './discounted-ucb.ts';
import { layoutSearch } from './layout-search.ts';
import { mazeSearch } from './maze-search.ts';
import { noiseCurriculum } from './noise-curriculum.ts';
import { oracle, uniform } from './oracle.ts';
import { ppo } from './ppo/ppo.ts';
import { qLearning } from './q-learning.ts';
import { rMax } from './r-max.ts';
import { recall } from './recall.ts';
import { replayBuffer } from './replay-buffer.ts';
import { slidingWindowUcb } from './sliding-window-ucb.ts';
import type { Source } from './source.ts';
import { thompson } from './thompson.ts';
import { ucb } from './ucb.ts';

export * from './demonstrations.ts';
export * from './generate.ts';
export * from './labels.ts';
export * from './monte-carlo.ts';
export * from './oracle.ts';
export * from './policy.ts';
export * from './request.ts';
export * from './source.ts';

/** The registry of sources. */
export const sources = new Registry<Source>(
  'source',
  [
    rMax,
    countBased,
    qLearning,
    noiseCurriculum,
    demonstrations,
    replayBuffer,
    ucb,
    slidingWindowUcb,
    discountedUcb,
    thompson,
    discSearch,
    layoutSearch,
    recall,
    mazeSearch,
    ppo,
    oracle,
    uniform,
  ],
  { description: 'string', knows: 'string', options: 'object' },
);

/**
 * The source with this id.
 *
 * @throws {CadenzaError} `E_CONFIG` for an unknown id.
 * @example source('q-learning').knows // what it knows before its first step
 */
export const source = (id: string): Source => sources.get(id);

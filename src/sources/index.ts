/** @file The registry of sources: one file and one line each. */

import { CadenzaError } from '../util/errors.ts';
import { countBased } from './count-based.ts';
import { demonstrations } from './demonstrations.ts';
import { discSearch } from './disc-search.ts';
import { noiseCurriculum } from './noise-curriculum.ts';
import { oracle } from './oracle.ts';
import { qLearning } from './q-learning.ts';
import { rMax } from './r-max.ts';
import { uniform } from './random.ts';
import { replayBuffer } from './replay-buffer.ts';
import type { Source } from './source.ts';
import { ucb } from './ucb.ts';

export * from './demonstrations.ts';
export * from './generate.ts';
export * from './monte-carlo.ts';
export * from './oracle.ts';
export * from './policy.ts';
export * from './source.ts';

export const SOURCES: readonly Source[] = [
  rMax,
  countBased,
  qLearning,
  noiseCurriculum,
  demonstrations,
  replayBuffer,
  ucb,
  discSearch,
  oracle,
  uniform,
];

/** The source with this id. Throws `E_CONFIG` for an unknown one. */
export function source(id: string): Source {
  const found = SOURCES.find(candidate => candidate.id === id);
  if (!found) {
    const known = SOURCES.map(candidate => candidate.id).join(', ');
    throw new CadenzaError('E_CONFIG', `There is no source "${id}". Choose one of: ${known}.`);
  }
  return found;
}

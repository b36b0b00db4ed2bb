/** @file The registry of supervised problems: one file and one line each. */

import { CadenzaError } from '../util/errors.ts';
import { gaussianClasses } from './gaussian-classes.ts';
import { linearRegression } from './linear-regression.ts';
import type { Problem, ProblemEntry } from './problem.ts';
import { sinusoids } from './sinusoids.ts';

export * from './labels.ts';
export * from './problem.ts';

export const PROBLEMS: readonly ProblemEntry[] = [linearRegression, gaussianClasses, sinusoids];

/**
 * The problem with this id. Throws `E_CONFIG` for an unknown id, option or value.
 *
 * @example problem('linear-regression', { dimension: 10 })
 */
export function problem(id: string, options?: Readonly<Record<string, unknown>>): Problem {
  const entry = PROBLEMS.find(candidate => candidate.id === id);
  if (!entry)
    throw new CadenzaError('E_CONFIG', `there is no supervised problem "${id}". Choose one of: ${PROBLEMS.map(p => p.id).join(', ')}.`);
  return entry.create(options);
}

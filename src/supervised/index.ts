/** @file The registry of supervised problems: each has one file and one line here. */

import { Registry } from '../util/registry.ts';
import { gaussianClasses } from './gaussian-classes.ts';
import { linearRegression } from './linear-regression.ts';
import type { Problem, ProblemEntry } from './problem.ts';
import { sinusoids } from './sinusoids.ts';

export * from './labels.ts';
export * from './problem.ts';

/** The registry of supervised problems. */
export const problems = new Registry<ProblemEntry>('supervised problem', [linearRegression, gaussianClasses, sinusoids], {
  description: 'string',
  options: 'object',
  create: 'function',
});

/**
 * Creates the problem with this id.
 *
 * @throws {CadenzaError} `E_CONFIG` for an unknown id, option or value.
 * @example problem('linear-regression', { dimension: 10 })
 */
export const problem = (id: string, options?: Readonly<Record<string, unknown>>): Problem => problems.get(id).create(options);

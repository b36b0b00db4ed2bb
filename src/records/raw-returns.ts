/** @file From the raw returns of a table to its rows: a table of results is always computed so, so that the two files cannot drift apart. */

import { CadenzaError, expect } from '../util/errors.ts';
import { atOnce, type Pieces } from '../util/pieces.ts';
import { Random } from '../util/random.ts';
import { type MethodInput, methodResultPieces, type SeedReturns } from './method.ts';
import type { MethodResult } from './results-format.ts';
import type { ReturnsTable } from './returns-format.ts';

/** The random stream of the intervals of results. Every method gets the same, so that all are resampled alike. */
export const bootstrapRandom = (seed: number): Random => Random.seeded(seed).split('bootstrap');

/** The returns of one method of a table, ready to be scored. Throws `E_DATA` for a method that the table does not have. */
export function scoringInput(table: ReturnsTable, method: string): Omit<MethodInput, 'cost'> {
  const { tasks, oracle, streams, episodes, bootstrap, regretParts } = table;
  const own = Object.hasOwn(table.methods, method) ? table.methods[method] : undefined;
  if (!own)
    throw new CadenzaError('E_DATA', `there are no returns of "${method}"; expected one of ${Object.keys(table.methods).join(', ')}.`);
  expect(
    own.returns.length === own.seeds.length && oracle.length === tasks.length,
    `returns of ${method}: expected one list for each of ${own.seeds.length} seeds and one oracle return for each of ${tasks.length} tasks, got ${own.returns.length} and ${oracle.length}.`,
  );
  const keys = tasks.flatMap(task => new Array<string>(streams).fill(task));
  return {
    seeds: own.returns.map((returns, k): SeedReturns => ({ returns, tasks: keys, regret: own.regret?.[k] })),
    episodes,
    oracle: new Map(tasks.map((task, t) => [task, oracle[t]])),
    random: bootstrapRandom(bootstrap.seed),
    resamples: bootstrap.resamples,
    resampled: bootstrap.resampled,
    regretParts,
  };
}

/** The results of one method, as they stand in results.json, from its returns and costs. */
export const scoreMethod = (table: ReturnsTable, method: string, cost: MethodInput['cost']): MethodResult =>
  atOnce(scoreMethodPieces(table, method, cost));

/** `scoreMethod` in pieces. */
export const scoreMethodPieces = (table: ReturnsTable, method: string, cost: MethodInput['cost']): Pieces<MethodResult> =>
  methodResultPieces({ ...scoringInput(table, method), cost });

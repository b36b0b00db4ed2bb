/**
 * @file The raw returns behind a results.json, as they are written to returns.json beside it: every statistic of the results follows from
 * the two files alone. A table of results is always computed from such a table, so that they cannot drift apart.
 * Shape key: K training seeds, T tasks, S streams of a task, E in-context episodes, P parts of the regret.
 */

import type { Resampled } from '../statistics/bootstrap.ts';
import { CadenzaError, expect } from '../util/errors.ts';
import { atOnce, type Pieces } from '../util/pieces.ts';
import { Random } from '../util/random.ts';
import { type MethodInput, type MethodResult, methodResultPieces, type SeedReturns } from './method.ts';

export const RETURNS_FORMAT = 'cadenza-returns-1';

/** Name of the file in the folder of a run. */
export const RETURNS_FILE = 'returns.json';

/** What one method earned. */
export interface MethodReturns {
  /** [K] */
  seeds: number[];
  /** [K][T × S × E] undiscounted returns. */
  returns: number[][];
  /** [K][T × S × P] where the family declares regret. */
  regret?: number[][];
}

/** What all methods of one table earned on the same tasks. */
export interface ReturnsTable {
  /** [T] task keys, in the order of the streams. */
  tasks: string[];
  /** [T] raw return of each task's oracle. */
  oracle: number[];
  /** S */
  streams: number;
  /** E */
  episodes: number;
  /** [P] names of the parts of the regret, where the family declares it. */
  regretParts?: string[];
  /** How the intervals of this table are drawn. */
  bootstrap: { seed: number; resamples: number; resampled: Resampled };
  methods: Record<string, MethodReturns>;
}

/** The whole of returns.json: tables by the name of the experiment or, for further tables of the results, by theirs. */
export interface RawReturns {
  format: typeof RETURNS_FORMAT;
  tables: Record<string, ReturnsTable>;
}

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

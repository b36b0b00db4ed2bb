/**
 * @file Computes the results of a table, and the scores of single runs, from raw returns. All results are computed here, so that results.json and
 * returns.json always agree.
 */

import { drawRuns, type Resamples } from '../statistics/bootstrap.ts';
import { areaUnder, finalMean } from '../statistics/learning.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import { atOnce, type Pieces } from '../util/pieces.ts';
import { Random } from '../util/random.ts';
import { type MethodInput, methodResultPieces, runsByTask } from './method.ts';
import { referenceOf } from './reference.ts';
import type { MethodResult } from './results-format.ts';
import type { ReturnsTable, SeedReturns } from './returns-format.ts';
import type { Measure } from './study.ts';

/** The random stream of the intervals of results. All methods use the same, so that they have the same resamples. */
export const bootstrapRandom = (seed: number): Random => Random.seeded(seed).split('bootstrap');

/**
 * The returns of one method of a table, as input of `methodResult`.
 *
 * @throws {CadenzaError} `E_DATA` if the table does not have the method.
 */
export function scoringInput(table: ReturnsTable, method: string): Omit<MethodInput, 'cost'> {
  const { tasks, streams, episodes, bootstrap, regretParts, window, recovery } = table;
  const own = Object.hasOwn(table.methods, method) ? table.methods[method] : undefined;
  if (!own)
    throw new CadenzaError('E_DATA', `there are no returns for "${method}"; expected one of ${Object.keys(table.methods).join(', ')}.`);
  invariant(
    own.returns.length === own.seeds.length,
    `returns of ${method}: expected one list for each of ${own.seeds.length} seeds, found ${own.returns.length}.`,
  );
  const keys = tasks.flatMap(task => new Array<string>(streams).fill(task));
  return {
    seeds: own.returns.map(
      (returns, k): SeedReturns => ({
        returns,
        tasks: keys,
        regret: own.regret?.[k],
        recovery: own.recovery && { first: own.recovery.first[k], later: own.recovery.later[k] },
      }),
    ),
    episodes,
    reference: referenceOf(table),
    random: bootstrapRandom(bootstrap.seed),
    resamples: bootstrap.resamples,
    resampled: bootstrap.resampled,
    regretParts,
    window,
    recovery,
  };
}

/**
 * The result of one method, as in results.json, from its returns and costs.
 *
 * @throws {CadenzaError} `E_DATA` if the table does not have the method.
 */
export const scoreMethod = (table: ReturnsTable, method: string, cost: MethodInput['cost']): MethodResult =>
  atOnce(scoreMethodPieces(table, method, cost));

/**
 * `scoreMethod` in pieces.
 *
 * @throws {CadenzaError} `E_DATA` if the table does not have the method.
 */
export const scoreMethodPieces = (table: ReturnsTable, method: string, cost: MethodInput['cost']): Pieces<MethodResult> =>
  methodResultPieces({ ...scoringInput(table, method), cost });

/** One stream of one seed. */
export interface Run {
  readonly seed: number;
  /** Index within the task, from 0. */
  readonly stream: number;
  /** [E] returns, normalized by the reference of the task. */
  readonly curve: Float64Array;
  /** Cumulative regret in units of reward, if the environment declares it. */
  readonly regret?: number;
}

/**
 * [T] the runs of a method by task, in the order of the table's tasks; within a task seed by seed, then stream by stream.
 *
 * @throws {CadenzaError} `E_DATA` if the table does not have the method.
 */
export function runsOf(table: ReturnsTable, method: string): Run[][] {
  const input = scoringInput(table, method);
  const byTask = runsByTask(input);
  return Array.from(byTask.values(), runs =>
    runs.map(({ seed, scores, regret }, i) => ({
      seed: table.methods[method].seeds[seed],
      stream: i % table.streams,
      curve: scores,
      ...(input.regretParts && { regret: regret.reduce((a, b) => a + b, 0) }),
    })),
  );
}

/** The score of a run by each measure. */
export const runScore: Readonly<Record<Measure, (run: Run) => number>> = {
  area: ({ curve }) => areaUnder(curve),
  final: ({ curve }) => finalMean(curve),
};

/**
 * [T][N] the scores of a method's runs by task.
 *
 * @throws {CadenzaError} `E_DATA` if the table does not have the method.
 */
export const scoresOf = (table: ReturnsTable, method: string, measure: Measure): number[][] =>
  runsOf(table, method).map(runs => runs.map(runScore[measure]));

/**
 * The resamples behind the intervals of a method.
 *
 * @throws {CadenzaError} `E_DATA` if the table does not have the method.
 */
export function drawsOf(table: ReturnsTable, method: string): Resamples {
  const { seeds, random, resamples = 2000, resampled } = scoringInput(table, method);
  const cells = table.tasks.map(() => seeds.map(() => table.streams));
  return drawRuns(cells, resampled ?? 'runs', resamples, random);
}

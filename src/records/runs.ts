/** @file The runs behind a row, one by one: what every stream of every seed scored on its task. Statistics over two rows start from these. */

import { drawRuns, mean, type Resamples } from '../statistics/bootstrap.ts';
import { areaUnder } from '../statistics/learning.ts';
import { FINAL_EPISODES } from './method.ts';
import { scoringInput } from './raw-returns.ts';
import type { ReturnsTable } from './returns-format.ts';
import type { Measure } from './study.ts';

/** One stream of one seed. */
export interface Run {
  readonly seed: number;
  /** Counted from 0 within the task. */
  readonly stream: number;
  /** [E] returns divided by the task's oracle return. */
  readonly curve: Float64Array;
  /** Raw expected reward that it gave up in all, where the family declares regret. */
  readonly regret?: number;
}

/** [T] the runs of a method by task, in the order of the table's tasks; within a task seed by seed, then stream by stream. */
export function runsOf(table: ReturnsTable, method: string): Run[][] {
  const { tasks, oracle, streams, episodes, regretParts = [] } = table;
  const { seeds } = scoringInput(table, method);
  return tasks.map((_, t) =>
    table.methods[method].seeds.flatMap((seed, k) =>
      Array.from({ length: streams }, (_, stream): Run => {
        const at = t * streams + stream;
        const { returns, regret } = seeds[k];
        const curve = Float64Array.from({ length: episodes }, (_, e) => returns[at * episodes + e] / oracle[t]);
        const parts = regret && regretParts.map((_, p) => regret[at * regretParts.length + p]);
        return { seed, stream, curve, ...(parts ? { regret: parts.reduce((a, b) => a + b, 0) } : {}) };
      }),
    ),
  );
}

/** What a run is judged by, as one number. */
export const runScore: Readonly<Record<Measure, (run: Run) => number>> = {
  area: ({ curve }) => areaUnder(curve),
  final: ({ curve }) => mean(curve.subarray(-FINAL_EPISODES)),
};

/** [T][N] the scores of a method's runs by task. */
export const scoresOf = (table: ReturnsTable, method: string, measure: Measure): number[][] =>
  runsOf(table, method).map(runs => runs.map(runScore[measure]));

/** The draws that the intervals of a method's row are from. */
export function drawsOf(table: ReturnsTable, method: string): Resamples {
  const { seeds, random, resamples = 2000, resampled } = scoringInput(table, method);
  const cells = table.tasks.map(() => seeds.map(() => table.streams));
  return drawRuns(cells, resampled ?? 'runs', resamples, random);
}

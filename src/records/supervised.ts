/** @file The results of a supervised experiment, as they are written to results.json: scores by number of examples, with intervals over test tasks. */

import { bootstrapInterval, columnsOf, drawResamples, type Interval, mean, quantile, type Resamples } from '../statistics/bootstrap.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import type { CommonResults } from './results-format.ts';

/** Format of results of supervised experiments. */
export const SUPERVISED_FORMAT = 'cadenza-supervised-2';

/** One method; each column has one value for every entry of `SupervisedResults.examples`. */
export interface SupervisedMethodResult {
  /** Scores by number of examples. */
  byExamples: {
    /** Mean score over test tasks and their test inputs. */
    mean: number[];
    /** Ends of the interval of the mean. */
    low: number[];
    high: number[];
    /** Mean divided by the reference's mean on the same tasks, and its interval. */
    ratio: number[];
    ratioLow: number[];
    ratioHigh: number[];
  };
  /** Trained parameters; 0 for a method that is not trained. */
  parameters: number;
  /** Training steps; 0 for a method that is not trained. */
  steps: number;
  /** Bytes that reach the predictor for one context. */
  stateBytes: number;
  /** Score on validation tasks by training step, averaged over seeds: a column for each number of examples. */
  curve?: { step: number[]; byExamples: Record<string, number[]> };
}

/** The content of results.json of a supervised experiment. */
export interface SupervisedResults extends CommonResults<SupervisedMethodResult> {
  format: typeof SUPERVISED_FORMAT;
  /** The problem with its options. */
  problem: { id: string; description: string; options: unknown };
  /** The score, and which direction is better. */
  score: { name: string; better: 'lower' | 'higher' };
  /** The best predictor with the same examples. */
  reference: { name: string; about: string };
  /** Numbers of examples, ascending. */
  examples: number[];
  /** The number of examples of the main result. */
  headline: number;
  tasks: number;
  /** Test inputs per task. */
  queries: number;
  /** The tasks of the training curves, and the mean score of the reference on them for every entry of `examples`. */
  validation: { tasks: number; reference: number[] };
}

/** Resamples of test tasks, shared by all methods. */
export const supervisedDraws = (tasks: number, resamples: number, random: Random): Resamples => drawResamples([tasks], resamples, random);

/**
 * Scores of one method, and their ratio to those of the reference.
 *
 * @param seeds [counts × tasks] scores of each training seed, which are averaged within a task before tasks are resampled.
 * @param reference [counts × tasks]
 * @throws {CadenzaError} `E_SHAPE` if the number of scores is not counts × tasks.
 */
export function scoresByExamples(
  seeds: readonly ArrayLike<number>[],
  reference: ArrayLike<number>,
  counts: number,
  draws: Resamples,
): SupervisedMethodResult['byExamples'] {
  const tasks = draws.runs;
  for (const scores of [...seeds, reference])
    invariant(
      scores.length === counts * tasks,
      `scoresByExamples: found ${scores.length} scores, expected ${counts} numbers of examples × ${tasks} tasks.`,
    );
  const rows = Array.from({ length: counts }, (_, c) => {
    const at = (scores: ArrayLike<number>) => Float64Array.from({ length: tasks }, (_, i) => scores[c * tasks + i]);
    const own = Float64Array.from({ length: tasks }, (_, i) => mean(seeds.map(scores => scores[c * tasks + i])));
    const best = at(reference);
    const [interval, ratio] = [bootstrapInterval(own, mean, draws), ratioInterval(own, best, draws)];
    return { mean: mean(own), ...interval, ratio: mean(own) / mean(best), ratioLow: ratio.low, ratioHigh: ratio.high };
  });
  return columnsOf(rows);
}

/** 95% percentile interval of mean(a) / mean(b) when tasks are resampled in pairs. */
function ratioInterval(a: Float64Array, b: Float64Array, { resamples, runs, counts }: Resamples): Interval {
  const ratios = Float64Array.from({ length: resamples }, (_, r) => {
    let [above, below] = [0, 0];
    for (let i = 0; i < runs; i++) {
      above += counts[r * runs + i] * a[i];
      below += counts[r * runs + i] * b[i];
    }
    return above / below;
  }).sort();
  return { low: quantile(ratios, 0.025), high: quantile(ratios, 0.975) };
}

/** Explains the intervals in a sentence. */
export const describeSupervisedIntervals = ({ tasks, seeds, resamples }: { tasks: number; seeds: number; resamples: number }): string =>
  `95% percentile intervals of a bootstrap over ${tasks} test tasks (${resamples} resamples, the same for every method). ` +
  `The score of a task is the mean over its test inputs and over ${seeds} training ${seeds === 1 ? 'seed' : 'seeds'}; the intervals do not cover the variation of seeds.`;

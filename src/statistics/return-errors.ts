/**
 * @file Return-prediction error (method 6.2): errors of predicted returns of a learner's next episodes, and simple predictors for comparison.
 * Shape key: R runs (histories), E episodes per history, K returns predicted at the start of an episode.
 */

import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import type { MeanScore } from './bootstrap.ts';
import { bootstrapInterval, drawRuns, mean, type Resampled } from './bootstrap.ts';
import { normalized, type Scales, scaleOf } from './reference.ts';

/** Two measures of the same errors of scores, which are returns normalized by the reference of their task. */
export interface Errors<T> {
  /** Absolute error. */
  absolute: T;
  /** Squared error. */
  squared: T;
}

/** Number of equal bins of predicted scores from 0 to 1 for calibration; the first and the last bin include scores beyond. */
export const CALIBRATION_BINS = 10;

/** Predictions of similar size, as scores. */
export interface CalibrationBin {
  /** Share of all predictions. */
  share: number;
  /** Means; null for an empty bin. */
  predicted: number | null;
  /** Mean of the actual returns; null for an empty bin. */
  actual: number | null;
}

/** One predictor. */
export interface ReturnError extends Errors<MeanScore> {
  /** Calibration of the predictions; absent in old results. */
  calibration?: {
    /** Σ over bins of their share · |mean prediction − mean return|. */
    error: number;
    bins: CalibrationBin[];
  };
  /** By the in-context episode at whose start the predictions were made. */
  byEpisode: Errors<number[]>;
  /** By the number of episodes ahead, from the next episode. */
  byAhead: Errors<number[]>;
}

/** All predictors on the same histories. */
export interface ReturnTable {
  /** Histories per seed. */
  histories: number;
  /** Errors by predictor. */
  predictors: Record<string, ReturnError>;
}

/** Actual returns of histories, and their tasks. */
export interface ActualReturns {
  /** [R × E] */
  readonly returns: ArrayLike<number>;
  /** [R] */
  readonly tasks: readonly string[];
}

/** What the errors of a predictor are computed from. */
export interface ReturnErrorInput {
  /** The returns that were predicted. */
  readonly actual: ActualReturns;
  /** [R × E × K] for each seed. Predictions beyond the last episode are ignored. */
  readonly predicted: readonly ArrayLike<number>[];
  /** K */
  readonly count: number;
  /** The returns that score 0 and 1, by task. */
  readonly scales: Scales;
  readonly random: Random;
  readonly resamples?: number;
  readonly resampled?: Resampled;
}

/** Names of the reference predictors. */
export const REFERENCES = { mean: 'training mean', last: 'last return' } as const;

/** Predicts the mean return of the training histories in each episode; independent of the task. [R × E × K] */
export function meanReturns({ tasks }: ActualReturns, trainingMean: readonly number[], count: number): number[] {
  const one = trainingMean.flatMap((_, e) => Array.from({ length: count }, (_, k) => trainingMean[e + k] ?? 0));
  return tasks.flatMap(() => one);
}

/** Predicts the return of the last episode again, and 0 before the first. [R × E × K] */
export function lastReturns({ returns, tasks }: ActualReturns, count: number): number[] {
  const episodes = returns.length / tasks.length;
  return Array.from({ length: returns.length * count }, (_, i) => {
    const at = Math.floor(i / count);
    return at % episodes === 0 ? 0 : returns[at - 1];
  });
}

/**
 * The errors of one predictor, with bootstrap intervals over histories within tasks, or over tasks if those are a sample.
 *
 * @throws {CadenzaError} `E_SHAPE` for a wrong number of predictions.
 */
export function returnError(input: ReturnErrorInput): ReturnError {
  const { actual, predicted, count, scales, random, resamples = 2000, resampled = 'runs' } = input;
  const { returns, tasks } = actual;
  const episodes = returns.length / tasks.length;
  invariant(
    predicted.length > 0 && predicted.every(({ length }) => length === returns.length * count),
    `returnError: expected ${tasks.length} histories × ${episodes} episodes × ${count} predictions per seed, found [${predicted.map(({ length }) => length)}].`,
  );
  const byEpisode = tally(episodes);
  const byAhead = tally(Math.min(count, episodes));
  const bins = Array.from({ length: CALIBRATION_BINS }, () => ({ count: 0, predicted: 0, actual: 0 }));
  const byTask = new Map<string, Errors<number>[]>();
  for (const guesses of predicted) {
    for (const [i, task] of tasks.entries()) {
      const scale = scaleOf(scales, task, 'returnError');
      const own = tally(1);
      for (let e = 0; e < episodes; e++) {
        for (let k = 0; k < count && e + k < episodes; k++) {
          const at = i * episodes + e;
          const [predicted, actual] = [guesses[at * count + k], returns[at + k]].map(value => normalized(value, scale));
          const bin = bins[Math.min(CALIBRATION_BINS - 1, Math.max(0, Math.floor(predicted * CALIBRATION_BINS)))];
          bin.count++;
          bin.predicted += predicted;
          bin.actual += actual;
          const error = predicted - actual;
          for (const [where, sums] of [[0, own] as const, [e, byEpisode] as const, [k, byAhead] as const]) sums.add(where, error);
        }
      }
      const [absolute, squared] = [own.means.absolute[0], own.means.squared[0]];
      byTask.set(task, [...(byTask.get(task) ?? []), { absolute, squared }]);
    }
  }
  const runs = [...byTask.values()].flat();
  const cells = [...byTask.values()].map(({ length }) => predicted.map(() => length / predicted.length));
  const draws = drawRuns(cells, resampled, resamples, random);
  const score = (measure: keyof Errors<number>): MeanScore => {
    const values = runs.map(run => run[measure]);
    return { mean: mean(values), ...bootstrapInterval(values, mean, draws) };
  };
  const all = bins.reduce((sum, bin) => sum + bin.count, 0);
  return {
    absolute: score('absolute'),
    squared: score('squared'),
    calibration: {
      error: bins.reduce((sum, bin) => sum + Math.abs(bin.predicted - bin.actual), 0) / all,
      bins: bins.map(bin => {
        const mean = (sum: number) => (bin.count > 0 ? sum / bin.count : null);
        return { share: bin.count / all, predicted: mean(bin.predicted), actual: mean(bin.actual) };
      }),
    },
    byEpisode: byEpisode.means,
    byAhead: byAhead.means,
  };
}

/** Sums of errors by position, and their means. */
function tally(size: number) {
  const [absolute, squared, counts] = [new Float64Array(size), new Float64Array(size), new Float64Array(size)];
  return {
    add(at: number, error: number) {
      absolute[at] += Math.abs(error);
      squared[at] += error ** 2;
      counts[at]++;
    },
    get means(): Errors<number[]> {
      const over = (sums: Float64Array) => Array.from(sums, (sum, i) => sum / counts[i]);
      return { absolute: over(absolute), squared: over(squared) };
    },
  };
}

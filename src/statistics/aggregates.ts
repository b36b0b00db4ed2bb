/**
 * @file Further aggregates of normalized scores and their distribution, after Agarwal et al. 2021 (rliable): median over tasks, optimality gap,
 * performance profiles. The interquartile mean and the bootstrap are in statistics.ts.
 */

import type { Estimate, Interval, Resamples, Statistic } from './bootstrap.ts';
import { bootstrapInterval, interquartileMean, mean, overResamples, percentiles, quantile } from './bootstrap.ts';

/** Scores by task: [T] lists, one score a run. In the bootstrap's draws, tasks lie one after the other. */
export type Scores = readonly ArrayLike<number>[];

/** The aggregates that rliable reports. */
export interface Aggregates {
  /** Mean over runs. */
  mean: Estimate;
  /** Interquartile mean over runs. */
  iqm: Estimate;
  /** Median over tasks of the mean over runs. */
  median: Estimate;
  /** How far scores fall short of 1; what is beyond 1 does not make up for it. */
  optimalityGap: Estimate;
}

/** How far a score falls short of 1. Its mean is the optimality gap: 0 where every run scores at least 1. */
export const shortfall = (score: number): number => Math.max(0, 1 - score);

/**
 * Median over tasks of the mean over runs; of an even number of tasks, the mean of the two in the middle. With `counts` ([runs], as a row of a
 * bootstrap's draws) a run counts as often as it was drawn, and a task as often as all of its runs were.
 */
export function taskMedian(scores: Scores, counts?: ArrayLike<number>): number {
  const means: number[] = [];
  let offset = 0;
  for (const runs of scores) {
    const own = Uint32Array.from(runs, (_, i) => counts?.[offset + i] ?? 1);
    const drawn = own.reduce((a, b) => a + b, 0);
    // Within tasks as many runs are drawn as there are; whole tasks come none, one or several times.
    for (let copies = Math.round(drawn / runs.length); copies > 0; copies--) means.push(mean(runs, own));
    offset += runs.length;
  }
  return quantile(
    means.sort((a, b) => a - b),
    0.5,
  );
}

/** All aggregates with percentile intervals under the same draws. */
export function aggregate(scores: Scores, draws: Resamples, confidence = 0.95): Aggregates {
  const all = flat(scores);
  const estimate = (values: readonly number[], statistic: Statistic): Estimate => ({
    value: statistic(values),
    ...bootstrapInterval(values, statistic, draws, confidence),
  });
  const medians = overResamples(draws, counts => taskMedian(scores, counts));
  return {
    mean: estimate(all, mean),
    iqm: estimate(all, interquartileMean),
    median: { value: taskMedian(scores), ...percentiles(medians, confidence) },
    optimalityGap: estimate(all.map(shortfall), mean),
  };
}

/** One point of a performance profile. */
export interface ProfilePoint extends Interval {
  /** The score that runs are compared with. */
  threshold: number;
  /** Share of the runs, over all tasks, that score above it. */
  share: number;
}

/** The run-score distribution: at every threshold the share of runs above it, with pointwise bands. */
export function performanceProfile(
  scores: Scores,
  draws: Resamples,
  thresholds: readonly number[] = PROFILE_THRESHOLDS,
  confidence = 0.95,
): ProfilePoint[] {
  const all = flat(scores);
  return thresholds.map(threshold => {
    const above = all.map(score => (score > threshold ? 1 : 0));
    return { threshold, share: mean(above), ...bootstrapInterval(above, mean, draws, confidence) };
  });
}

/** 0, 0.05 … 1. */
export const PROFILE_THRESHOLDS: readonly number[] = Array.from({ length: 21 }, (_, i) => i / 20);

const flat = (scores: Scores): number[] => scores.flatMap(runs => Array.from(runs));

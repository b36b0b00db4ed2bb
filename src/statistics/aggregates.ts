/**
 * @file Further aggregates of normalized scores, after Agarwal et al. 2021 (rliable): median over tasks, optimality gap, performance profiles. The
 * interquartile mean and the bootstrap are in bootstrap.ts.
 */

import type { Estimate, Interval, Resamples, Statistic } from './bootstrap.ts';
import { bootstrapInterval, interquartileMean, mean, overResamples, percentiles, quantile } from './bootstrap.ts';

/** Scores by task: [T] lists with one score per run. The resamples of the bootstrap have the same order, task by task. */
export type Scores = readonly ArrayLike<number>[];

/** The aggregates of rliable. */
export interface Aggregates {
  /** Mean over runs. */
  mean: Estimate;
  /** Interquartile mean over runs. */
  iqm: Estimate;
  /** Median over tasks of the mean over runs. */
  median: Estimate;
  /** Mean of max(0, 1 − score). */
  optimalityGap: Estimate;
}

/** max(0, 1 − score). Its mean is the optimality gap: 0 if every run scores at least 1. */
export const shortfall = (score: number): number => Math.max(0, 1 - score);

/**
 * Median over tasks of the mean over runs; for an even number of tasks, the mean of the two in the middle. With `counts` ([runs], one resample of the
 * bootstrap), a run counts as often as it was drawn, and a task as often as all of its runs were.
 */
export function taskMedian(scores: Scores, counts?: ArrayLike<number>): number {
  const means: number[] = [];
  let offset = 0;
  for (const runs of scores) {
    const own = Uint32Array.from(runs, (_, i) => counts?.[offset + i] ?? 1);
    const drawn = own.reduce((a, b) => a + b, 0);
    // The bootstrap draws as many runs per task as it has, or whole tasks any number of times.
    for (let copies = Math.round(drawn / runs.length); copies > 0; copies--) means.push(mean(runs, own));
    offset += runs.length;
  }
  return quantile(
    means.sort((a, b) => a - b),
    0.5,
  );
}

/** All aggregates with percentile intervals from the same resamples. */
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
  /** Share of the runs over all tasks with scores above the threshold. */
  share: number;
}

/** The run-score distribution: at every threshold, the share of runs with higher scores, with pointwise bands. */
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

/**
 * @file How fast a method learns in context: the area under its learning curve, and the first episode near a score of 1.
 * Shape key: N runs, E in-context episodes.
 */

import { invariant } from '../util/errors.ts';
import { mean, overResamples, type Resamples } from './bootstrap.ts';

/** Number of last episodes of a stream whose mean is its final score; all episodes if there are fewer. */
export const FINAL_EPISODES = 5;

/** The mean of a curve over its last episodes. */
export const finalMean = (curve: ArrayLike<number>): number => mean(Array.prototype.slice.call(curve, -FINAL_EPISODES));

/** Score that counts as near 1. */
export const NEAR = 0.9;

/**
 * The first in-context episode, counted from 1, whose mean normalized return over all runs is at least `share`. Null if no episode reaches it: the
 * number is censored, and so may be the ends of its interval.
 */
export interface EpisodesTo {
  /** The share of the final level that is reached. */
  share: number;
  episodes: number | null;
  low: number | null;
  high: number | null;
}

/** The area under a learning curve [E] as the mean over its episodes: 1 for a run that is optimal from the first episode. */
export const areaUnder = (curve: ArrayLike<number>): number => mean(curve);

/**
 * The first episode where the mean curve of runs [N][E] reaches `share`, with an interval from resampled runs.
 *
 * @throws {CadenzaError} `E_SHAPE` if the draws are of another number of curves.
 */
export function episodesTo(curves: readonly ArrayLike<number>[], draws: Resamples, share = NEAR, confidence = 0.95): EpisodesTo {
  invariant(curves.length === draws.runs, `episodesTo: expected ${draws.runs} curves, one per resampled run, found ${curves.length}.`);
  const first = overResamples(draws, counts => firstEpisode(curves, share, counts)).sort();
  // Episodes are integers, so percentiles are not interpolated; infinity is an episode after the last.
  const at = (position: number) => finiteOrNull(first[position]);
  const tail = (1 - confidence) / 2;
  return {
    share,
    episodes: finiteOrNull(firstEpisode(curves, share)),
    low: at(Math.floor(tail * (first.length - 1))),
    high: at(Math.ceil((1 - tail) * (first.length - 1))),
  };
}

const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** The first episode in which the mean is at least `share`, or infinity. */
function firstEpisode(curves: readonly ArrayLike<number>[], share: number, counts?: ArrayLike<number>): number {
  const sums = new Float64Array(curves[0].length);
  let total = 0;
  for (let i = 0; i < curves.length; i++) {
    const count = counts?.[i] ?? 1;
    if (count === 0) continue;
    total += count;
    for (let e = 0; e < sums.length; e++) sums[e] += count * curves[i][e];
  }
  // Rounding of sums must not miss a bound that is met exactly.
  const found = sums.findIndex(sum => sum / total >= share - 1e-12);
  return found < 0 ? Number.POSITIVE_INFINITY : found + 1;
}

/**
 * @file Robust statistics of scores after Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice"
 * (the rliable library): interquartile mean and stratified bootstrap intervals.
 *
 * The bootstrap is fast because scores are sorted only once: a resample is a list of how often each score was drawn. All episodes and statistics use the
 * same resamples, so that whole runs are resampled.
 */

import { CadenzaError, invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';

/**
 * A statistic of scores. With `counts`, `values[i]` represents `counts[i]` equal scores and the values must be ascending; without, every value is one
 * score, in any order.
 */
export type Statistic = (values: ArrayLike<number>, counts?: ArrayLike<number>) => number;

/** The ends of a confidence interval. */
export interface Interval {
  low: number;
  high: number;
}

/** A mean over runs, with its interval. */
export interface MeanScore extends Interval {
  mean: number;
}

/** A statistic of scores, with its interval. */
export interface Estimate extends Interval {
  value: number;
}

/**
 * Arithmetic mean; expects at least one score.
 *
 * @throws {CadenzaError} `E_SHAPE` without scores.
 */
export const mean: Statistic = (values, counts) => {
  invariant(values.length > 0, 'mean: expected at least one score, found none; check that any run was evaluated.');
  let [sum, total] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const count = counts ? counts[i] : 1;
    sum += count * values[i];
    total += count;
  }
  return sum / total;
};

/**
 * Interquartile mean: the mean of n scores without the ⌊n/4⌋ lowest and the ⌊n/4⌋ highest. Equal to `scipy.stats.trim_mean(scores, 0.25)` over the
 * flattened scores, as in rliable.
 *
 * @throws {CadenzaError} `E_SHAPE` without scores.
 */
export const interquartileMean: Statistic = (values, counts) => {
  invariant(values.length > 0, 'interquartileMean: expected at least one score, found none; check that any run was evaluated.');
  if (!counts) return interquartileMean(Float64Array.from(values).sort(), new Uint16Array(values.length).fill(1));
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i];
  const cut = Math.floor(total / 4);
  // Of the sorted scores, [cut, total − cut) are kept; `passed` of them are at or below value i.
  let [i, passed, sum] = [0, counts[0], 0];
  while (passed <= cut) passed += counts[++i];
  for (let from = cut; from < total - cut; passed += counts[++i]) {
    const to = Math.min(passed, total - cut);
    sum += (to - from) * values[i];
    from = to;
  }
  return sum / (total - 2 * cut);
};

/** How often each of N runs (all strata in order) was drawn in each of R resamples. */
export interface Resamples {
  /** Number of runs (N). */
  readonly runs: number;
  readonly resamples: number;
  /** [R × N] */
  readonly counts: Uint16Array;
}

/**
 * Draws as many runs with replacement from every stratum as it has, so that every resample keeps the share of each stratum.
 *
 * @param strata number of runs of each stratum, in order.
 * @throws {CadenzaError} `E_SHAPE` for an empty stratum, or without resamples.
 */
export const drawResamples = (strata: readonly number[], resamples: number, random: Random): Resamples =>
  drawRuns(
    strata.map(size => [size]),
    'runs',
    resamples,
    random,
  );

/** What the bootstrap resamples: runs within each task, or whole tasks if the tasks are themselves a sample. */
export type Resampled = 'runs' | 'tasks';

/**
 * Draws runs in cells of task × training seed. Several seeds are drawn with replacement, the same for all tasks, because the runs of one network are
 * correlated. With "tasks", tasks are drawn with replacement too, each cell with all of its runs; with "runs", the runs of each cell are drawn with
 * replacement. Every task keeps its share, because the cells of a task have equally many runs. With a single seed and "runs", the draws are those of
 * `drawResamples`.
 *
 * @param cells [T][K] number of runs of each task and seed; runs are ordered by task, then by seed.
 * @throws {CadenzaError} `E_SHAPE` unless all cells have runs, equally many within a task, and there is at least one resample.
 */
export function drawRuns(cells: readonly (readonly number[])[], resampled: Resampled, resamples: number, random: Random): Resamples {
  const seeds = cells[0]?.length ?? 0;
  const sizes = cells.flat();
  invariant(
    sizes.length > 0 && sizes.every(size => size > 0) && resamples > 0,
    `drawRuns: expected strata of at least one run and at least one resample, found sizes [${sizes}] and ${resamples} resamples.`,
  );
  invariant(
    cells.every(row => row.length === seeds && row.every(size => size === row[0])),
    'drawRuns: expected equally many runs of every training seed within a task; evaluate all seeds with the same streams.',
  );
  const runs = sizes.reduce((sum, size) => sum + size, 0);
  const counts = new Uint16Array(resamples * runs);
  for (let r = 0, offset = 0; r < resamples; r++) {
    const ofTask = resampled === 'tasks' ? drawCounts(cells.length, random) : undefined;
    const ofSeed = seeds > 1 ? drawCounts(seeds, random) : undefined;
    for (const [t, row] of cells.entries())
      for (const [k, size] of row.entries()) {
        const copies = (ofTask?.[t] ?? 1) * (ofSeed?.[k] ?? 1);
        if (ofTask) counts.fill(copies, offset, offset + size);
        else for (let i = 0; i < copies * size; i++) counts[offset + random.integer(size)]++;
        offset += size;
      }
  }
  return { runs, resamples, counts };
}

/** How often each of n is drawn in n draws with replacement. */
export function drawCounts(n: number, random: Random): Uint16Array {
  const counts = new Uint16Array(n);
  for (let i = 0; i < n; i++) counts[random.integer(n)]++;
  return counts;
}

/**
 * Percentile bootstrap interval of a statistic of [N] scores, in the order of the strata, from given resamples.
 *
 * @throws {CadenzaError} `E_SHAPE` if the draws are of another number of runs, or the confidence is not in (0, 1); `E_NUMERICS` for scores that are not finite.
 */
export function bootstrapInterval(scores: ArrayLike<number>, statistic: Statistic, draws: Resamples, confidence = 0.95): Interval {
  const { runs, resamples } = draws;
  invariant(scores.length === runs, `bootstrapInterval: expected ${runs} scores, one per resampled run, found ${scores.length}.`);
  invariant(
    confidence > 0 && confidence < 1,
    `bootstrapInterval: expected a confidence between 0 and 1, found ${confidence}; 95% is 0.95.`,
  );
  const order = Uint32Array.from({ length: runs }, (_, i) => i).sort((a, b) => scores[a] - scores[b]);
  const ascending = Float64Array.from(order, i => scores[i]);
  if (!ascending.every(Number.isFinite)) {
    throw new CadenzaError(
      'E_NUMERICS',
      'bootstrapInterval: expected finite scores, found NaN or infinity; check the returns of the rollouts.',
    );
  }
  const counts = new Uint16Array(runs);
  const values = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    const row = r * runs;
    for (let i = 0; i < runs; i++) counts[i] = draws.counts[row + order[i]];
    values[r] = statistic(ascending, counts);
  }
  return percentiles(values, confidence);
}

/** A statistic of every resample, as a function of how often each run was drawn. */
export function overResamples({ runs, resamples, counts }: Resamples, statistic: (counts: Uint16Array) => number): Float64Array {
  return Float64Array.from({ length: resamples }, (_, r) => statistic(counts.subarray(r * runs, (r + 1) * runs)));
}

/**
 * The percentile interval of a statistic's values over resamples.
 *
 * @throws {CadenzaError} `E_SHAPE` if the confidence is not in (0, 1).
 */
export function percentiles(values: Float64Array, confidence: number): Interval {
  invariant(confidence > 0 && confidence < 1, `percentiles: expected a confidence between 0 and 1, found ${confidence}; 95% is 0.95.`);
  const ascending = values.slice().sort();
  return { low: quantile(ascending, (1 - confidence) / 2), high: quantile(ascending, (1 + confidence) / 2) };
}

/**
 * Percentile interval of a statistic over strata × runs (here, a stratum is a task and a run is one stream of one seed), with runs resampled within each
 * stratum. Equal random streams give equal intervals. A stratum with a single run adds no width.
 *
 * @throws {CadenzaError} `E_SHAPE` for an empty stratum, or a confidence not in (0, 1); `E_NUMERICS` for scores that are not finite.
 * @example stratifiedBootstrap([[0.9, 1, 0.8], [0.1, 0.3, 0.2]], interquartileMean, { random: Random.seeded(0) })
 */
export function stratifiedBootstrap(
  scores: readonly ArrayLike<number>[],
  statistic: Statistic,
  { resamples = 2000, confidence = 0.95, random }: { resamples?: number; confidence?: number; random: Random },
): Interval {
  const strata = scores.map(stratum => stratum.length);
  const flat = scores.flatMap(stratum => Array.from(stratum));
  return bootstrapInterval(flat, statistic, drawResamples(strata, resamples, random), confidence);
}

/** Quantile p of ascending values by linear interpolation (NumPy's default, Hyndman and Fan's type 7). */
export function quantile(ascending: ArrayLike<number>, p: number): number {
  const at = p * (ascending.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, ascending.length - 1);
  return ascending[below] + (at - below) * (ascending[above] - ascending[below]);
}

/** Transposes records with the same fields: one list per field, with one entry per record. */
export const columnsOf = <T extends object>(rows: readonly T[]): { [K in keyof T]: T[K][] } =>
  Object.fromEntries((Object.keys(rows[0]) as (keyof T)[]).map(key => [key, rows.map(row => row[key])])) as { [K in keyof T]: T[K][] };

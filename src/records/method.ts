/** @file The results of one method: normalized scores with intervals, from raw returns. */

import { PROFILE_THRESHOLDS, type ProfilePoint, performanceProfile } from '../statistics/aggregates.ts';
import type { MeanScore, Resampled } from '../statistics/bootstrap.ts';
import { bootstrapInterval, columnsOf, drawRuns, interquartileMean, mean } from '../statistics/bootstrap.ts';
import { areaUnder, episodesTo, finalMean, NEAR } from '../statistics/learning.ts';
import { normalized, scaleOf } from '../statistics/reference.ts';
import { invariant } from '../util/errors.ts';
import { atOnce, type Pieces } from '../util/pieces.ts';
import type { Random } from '../util/random.ts';
import type { RecoveryShape, Window } from './life-format.ts';
import { methodReference, type Reference, scaleFields } from './reference.ts';
import type { MethodCost, MethodResult, Protocol, RecoveryCurve, Score } from './results-format.ts';
import type { SeedReturns } from './returns-format.ts';

/** What the entry of a method is computed from. */
export interface MethodInput {
  seeds: readonly SeedReturns[];
  episodes: number;
  /** What scores are relative to. */
  reference: Reference;
  /** What acting costs. */
  cost: MethodCost;
  random: Random;
  /** Number of resamples (default 2000). */
  resamples?: number;
  /** Confidence level (default 0.95). */
  confidence?: number;
  /** Runs when left out. */
  resampled?: Resampled;
  /** Names of the parts of the regret; without them, the result has no regret. */
  regretParts?: readonly string[];
  /** What an episode is in this input, if it is a window. */
  window?: Window;
  /** The bins of recovery curves; without them, the result has none. */
  recovery?: RecoveryShape;
}

/**
 * The result of one method. A run is one stream of one seed; the bootstrap resamples whole runs (see `drawRuns`), so the intervals of an episode and of
 * the final score come from the same draws. Methods with equal random streams have the same resamples.
 *
 * @throws {CadenzaError} `E_SHAPE` without returns, or if their number does not fit streams and episodes.
 */
export const methodResult = (input: MethodInput): MethodResult => atOnce(methodResultPieces(input));

/**
 * `methodResult` in pieces of about one interval each, because many runs and resamples take long.
 *
 * @throws {CadenzaError} `E_SHAPE` without returns, or if their number does not fit streams and episodes.
 */
export function* methodResultPieces(input: MethodInput): Pieces<MethodResult> {
  const { seeds, episodes, reference, cost, random, resamples = 2000, confidence = 0.95, resampled = 'runs', regretParts, window } = input;
  const { kind, scales } = reference;
  const byTask = runsByTask(input);
  const runs = [...byTask.values()].flat();
  const cells = [...byTask.values()].map(stratum => seeds.map((_, k) => stratum.filter(({ seed }) => seed === k).length));
  const draws = drawRuns(cells, resampled, resamples, random);
  yield;
  const score = (scores: number[]): Score => {
    const ofMean = bootstrapInterval(scores, mean, draws, confidence);
    const ofIqm = bootstrapInterval(scores, interquartileMean, draws, confidence);
    return { mean: mean(scores), iqm: interquartileMean(scores), ...ofIqm, meanLow: ofMean.low, meanHigh: ofMean.high };
  };

  const meanScore = (values: number[]): MeanScore => ({ mean: mean(values), ...bootstrapInterval(values, mean, draws, confidence) });
  const regret = regretParts && {
    ...meanScore(runs.map(run => run.regret.reduce((sum, part) => sum + part, 0))),
    parts: regretParts.map((name, p) => ({ name, ...meanScore(runs.map(run => run.regret[p])) })),
  };
  yield;
  const episodeScores: Score[] = [];
  for (let e = 0; e < episodes; e++) {
    episodeScores.push(score(runs.map(run => run.scores[e])));
    yield;
  }
  const finalScore = ({ scores }: Run) => finalMean(scores);
  const final = score(runs.map(finalScore));
  yield;
  const area = score(runs.map(run => areaUnder(run.scores)));
  yield;
  const curves = runs.map(run => run.scores);
  const finals = [...byTask.values()].map(stratum => stratum.map(finalScore));
  const profile: ProfilePoint[] = [];
  for (const threshold of kind === 'raw' ? [] : PROFILE_THRESHOLDS) {
    yield;
    profile.push(...performanceProfile(finals, draws, [threshold], confidence));
  }
  const recoveryCurve = (pick: (run: Run) => ArrayLike<number>): RecoveryCurve => ({
    overall: meanScore(runs.map(run => mean(pick(run)))),
    byBin: columnsOf(Array.from(pick(runs[0]), (_, b) => meanScore(runs.map(run => pick(run)[b])))),
  });
  yield;
  return {
    byEpisode: columnsOf(episodeScores),
    window,
    recovery: input.recovery && {
      bin: input.recovery.bin,
      first: recoveryCurve(run => run.recovery!.first),
      later: recoveryCurve(run => run.recovery!.later),
    },
    final,
    area,
    // Only normalized scores have a level to reach, and thresholds.
    ...(kind === 'raw' ? {} : { episodesTo: episodesTo(curves, draws, NEAR, confidence), profile: columnsOf(profile) }),
    perTask: [...byTask].map(([task, stratum]) => ({
      task,
      ...scaleFields(kind, scales.get(task)!),
      ...(kind === 'oracle' ? {} : { return: mean(stratum.map(({ earned }) => earned)) }),
      mean: mean(stratum.map(finalScore)),
    })),
    reference: methodReference(reference, [...byTask.keys()]),
    ...(kind === 'oracle' ? {} : { return: meanScore(runs.map(({ earned }) => earned)) }),
    regret,
    ...cost,
  };
}

interface Run {
  /** Index of its training seed. */
  readonly seed: number;
  /** [episodes] returns, normalized by the reference of the task. */
  readonly scores: Float64Array;
  /** Mean raw return over the last episodes. */
  readonly earned: number;
  /** [parts] */
  readonly regret: readonly number[];
  readonly recovery?: SeedReturns['recovery'];
}

/**
 * Runs by task, in order of first appearance; within a task seed by seed.
 *
 * @throws {CadenzaError} `E_SHAPE` if the number of returns does not fit streams and episodes.
 */
export function runsByTask({ seeds, episodes, reference, regretParts, recovery: bins }: Omit<MethodInput, 'cost'>): Map<string, Run[]> {
  const { scales } = reference;
  const parts = regretParts?.length ?? 0;
  const byTask = new Map<string, Run[]>();
  seeds.forEach(({ returns, tasks, regret = [], recovery }, seed) => {
    invariant(
      !bins || (['first', 'later'] as const).every(part => recovery?.[part].length === tasks.length * bins[part]),
      `methodResult: expected the recovery curves of ${tasks.length} streams for seed ${seed}.`,
    );
    invariant(
      regret.length === tasks.length * parts,
      `methodResult: seed ${seed} has ${regret.length} regrets, expected ${tasks.length} streams × ${parts} parts.`,
    );
    invariant(
      returns.length === tasks.length * episodes && episodes > 0,
      `methodResult: seed ${seed} has ${returns.length} returns, expected ${tasks.length} streams × ${episodes} episodes.`,
    );
    tasks.forEach((task, stream) => {
      const scale = scaleOf(scales, task, 'methodResult');
      const earned = Float64Array.from({ length: episodes }, (_, e) => returns[stream * episodes + e]);
      const scores = earned.map(value => normalized(value, scale));
      const own = Array.from({ length: parts }, (_, p) => regret[stream * parts + p]);
      if (!byTask.has(task)) byTask.set(task, []);
      const binned = (part: 'first' | 'later') => Array.from({ length: bins![part] }, (_, b) => recovery![part][stream * bins![part] + b]);
      byTask.get(task)!.push({
        seed,
        scores,
        earned: finalMean(earned),
        regret: own,
        ...(bins ? { recovery: { first: binned('first'), later: binned('later') } } : {}),
      });
    });
  });
  invariant(byTask.size > 0, 'methodResult: expected the returns of at least one stream, found none.');
  return byTask;
}

/** Explains the intervals in a sentence, for `Results.intervalNote`. */
export function describeIntervals(
  run: Record<'tasks' | 'streams' | 'seeds', number> &
    Pick<MethodInput, 'resamples' | 'confidence' | 'resampled'> & { side?: Protocol['side'] },
): string {
  const { tasks, streams, seeds, resamples = 2000, confidence = 0.95, resampled = 'runs', side = 'test' } = run;
  const kind = `${+(100 * confidence).toFixed(1)}% percentile intervals of a bootstrap (${resamples} resamples)`;
  const all = `${tasks} ${side} tasks`;
  if (seeds === 1 && (resampled === 'tasks' ? tasks === 1 : streams === 1))
    return `No intervals: each of the ${all} has a single stream, so there is nothing to resample. Use more streams (evaluate.streams) or training seeds (seeds).`;
  if (resampled === 'tasks') {
    const drawn = seeds > 1 ? `the ${all} and the ${seeds} training seeds` : `the ${all}`;
    const scope = seeds > 1 ? 'and of training seeds' : 'for this one training seed';
    return (
      `${kind} over ${drawn}, each task with all of its ${seeds} × ${streams} streams (training seeds × streams per seed). ` +
      `They cover the variation of tasks ${scope}.`
    );
  }
  return seeds > 1
    ? `${kind} over the ${seeds} training seeds, and over the ${streams} streams of each seed within each of ${all}. ` +
        `They cover the variation of training seeds and streams on these tasks, not that of tasks.`
    : `${kind}, stratified by task: over the ${streams} streams within each of ${all}. ` +
        `They cover the variation of streams for this one training seed and these tasks, not that of seeds or tasks.`;
}

/** @file One method of a table of results: raw returns in, normalized scores with intervals out. */

import { PROFILE_THRESHOLDS, type ProfilePoint, performanceProfile } from '../statistics/aggregates.ts';
import type { MeanScore, Resampled } from '../statistics/bootstrap.ts';
import { bootstrapInterval, columnsOf, drawRuns, interquartileMean, mean } from '../statistics/bootstrap.ts';
import { areaUnder, episodesTo, finalMean, NEAR } from '../statistics/learning.ts';
import { normalized, type Scales, scaleOf } from '../statistics/reference.ts';
import { invariant } from '../util/errors.ts';
import { atOnce, type Pieces } from '../util/pieces.ts';
import type { Random } from '../util/random.ts';
import { type Reference, rowReference, scaleFields } from './reference.ts';
import type { MethodCost, MethodResult, Protocol, Score } from './results-format.ts';
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
  /** By default runs. */
  resampled?: Resampled;
  /** Names of the parts of the family's regret; without them there is none. */
  regretParts?: readonly string[];
}

/**
 * The entry of one method. A run is one stream of one seed; runs are resampled whole (see `drawRuns`), so the interval of an episode and that of the final
 * score come from the same draws. Methods that hand in equal random streams are resampled alike.
 *
 * @throws {CadenzaError} `E_SHAPE` without returns, or if their number does not fit streams and episodes.
 */
export const methodResult = (input: MethodInput): MethodResult => atOnce(methodResultPieces(input));

/**
 * `methodResult` in pieces of about one interval each: with many runs and resamples all of them take long.
 *
 * @throws {CadenzaError} `E_SHAPE` without returns, or if their number does not fit streams and episodes.
 */
export function* methodResultPieces(input: MethodInput): Pieces<MethodResult> {
  const { seeds, episodes, reference, cost, random, resamples = 2000, confidence = 0.95, resampled = 'runs', regretParts } = input;
  const { kind, scales } = reference;
  const byTask = runsByTask(seeds, episodes, scales, regretParts?.length ?? 0);
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
  const near = episodesTo(
    runs.map(run => run.scores),
    draws,
    NEAR,
    confidence,
  );
  const finals = [...byTask.values()].map(stratum => stratum.map(finalScore));
  const profile: ProfilePoint[] = [];
  for (const threshold of PROFILE_THRESHOLDS) {
    yield;
    profile.push(...performanceProfile(finals, draws, [threshold], confidence));
  }
  return {
    byEpisode: columnsOf(episodeScores),
    final,
    area,
    episodesTo: near,
    profile: columnsOf(profile),
    perTask: [...byTask].map(([task, stratum]) => ({
      task,
      ...scaleFields(kind, scales.get(task)!),
      ...(kind === 'oracle' ? {} : { return: mean(stratum.map(({ earned }) => earned)) }),
      mean: mean(stratum.map(finalScore)),
    })),
    reference: rowReference(reference, [...byTask.keys()]),
    ...(kind === 'oracle' ? {} : { return: meanScore(runs.map(({ earned }) => earned)) }),
    regret,
    ...cost,
  };
}

interface Run {
  /** Position of its training seed. */
  readonly seed: number;
  /** [episodes] returns, normalized by the reference of the task. */
  readonly scores: Float64Array;
  /** Mean return over the last episodes, as it is. */
  readonly earned: number;
  /** [parts] */
  readonly regret: readonly number[];
}

/**
 * Runs by task, in order of first appearance; within a task seed by seed.
 *
 * @throws {CadenzaError} `E_SHAPE` if the number of returns does not fit streams and episodes.
 */
export function runsByTask(seeds: readonly SeedReturns[], episodes: number, scales: Scales, parts: number): Map<string, Run[]> {
  const byTask = new Map<string, Run[]>();
  seeds.forEach(({ returns, tasks, regret = [] }, seed) => {
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
      byTask.get(task)!.push({ seed, scores, earned: finalMean(earned), regret: own });
    });
  });
  invariant(byTask.size > 0, 'methodResult: expected the returns of at least one stream, got none.');
  return byTask;
}

/** The sentence that says what the intervals are, for `Results.bars`. */
export function describeIntervals(
  run: Record<'tasks' | 'streams' | 'seeds', number> &
    Pick<MethodInput, 'resamples' | 'confidence' | 'resampled'> & { side?: Protocol['side'] },
): string {
  const { tasks, streams, seeds, resamples = 2000, confidence = 0.95, resampled = 'runs', side = 'test' } = run;
  const kind = `${+(100 * confidence).toFixed(1)}% percentile intervals of a bootstrap (${resamples} resamples)`;
  const all = `${tasks} ${side} tasks`;
  if (seeds === 1 && (resampled === 'tasks' ? tasks === 1 : streams === 1))
    return `No intervals: there is a single run of each of ${all}, so that nothing can be resampled. More streams (evaluate.streams) or training seeds (seeds) give some.`;
  if (resampled === 'tasks') {
    const drawn = seeds > 1 ? `the ${all} and the ${seeds} training seeds are resampled` : `the ${all} are resampled`;
    const bound = seeds > 1 ? 'training anew' : 'this one training seed';
    return (
      `${kind}: ${drawn}, each task with all of its ${seeds} × ${streams} runs (seeds × streams). ` +
      `They bound the score on further tasks of the same kind after ${bound}.`
    );
  }
  return seeds > 1
    ? `${kind}: the ${seeds} training seeds are resampled whole, and of each its ${streams} streams within each of ${all}. ` +
        `They bound the score on these tasks after training anew; tasks are not resampled.`
    : `${kind}, stratified: the ${streams} streams are resampled within each of ${all}. ` +
        `They bound the score on these tasks of the one network that was trained: not of training anew, nor of other tasks.`;
}

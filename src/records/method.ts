/** @file One method of a table of results: raw returns in, normalised scores with intervals out. */

import { PROFILE_THRESHOLDS, type ProfilePoint, performanceProfile, type Scores } from '../statistics/aggregates.ts';
import {
  bootstrapInterval,
  drawRuns,
  type Interval,
  interquartileMean,
  type MeanScore,
  mean,
  type Resampled,
  type Resamples,
} from '../statistics/bootstrap.ts';
import type { CodeUse } from '../statistics/codes.ts';
import { areaUnder, type EpisodesTo, episodesTo, NEAR } from '../statistics/learning.ts';
import { CadenzaError, expect } from '../util/errors.ts';
import { atOnce, type Pieces } from '../util/pieces.ts';
import type { Random } from '../util/random.ts';

/** Episodes at the end of a stream whose average is its final score; all of them where there are fewer. */
export const FINAL_EPISODES = 5;

/** Mean and interquartile mean of all runs. `low` and `high` bound the IQM, `meanLow` and `meanHigh` the mean. */
export interface Score extends Interval {
  mean: number;
  iqm: number;
  meanLow: number;
  meanHigh: number;
}

/** The scores of every in-context episode in order; each column has one number an episode. */
export type EpisodeScores = { [K in keyof Score]: number[] };

/** The performance profile: at each threshold the share of runs whose final score is above it, with a pointwise band. A column has a number a threshold. */
export type Profile = { [K in keyof ProfilePoint]: number[] };

/** One task: its mean normalised return over the last episodes, and the raw return of its oracle. */
export interface TaskScore {
  /** The task key of the family. */
  task: string;
  oracle: number;
  mean: number;
}

/** Cumulative regret: Σ μ* − μ_a over the scored steps of a run, in raw expected reward. 0 is optimal. */
export interface Regret extends MeanScore {
  /** The same for every part of an episode that the family tells apart, in order: a list, since files sort the keys of maps. */
  parts: (MeanScore & { name: string })[];
}

/** What a policy that looks contexts up was given beside its own Z. */
export interface RetrievalUse {
  /** Contexts that it sees at most. */
  contexts: number;
  /** Contexts that one stream could find. */
  stored: number;
  /** Which contexts those are. */
  of: string;
  /** What it sees of a context that is near: the last one of the same stream, or that context itself. */
  shows: 'end' | 'itself';
}

/** What acting costs, counted from the inference graphs; zeros where a method has none. */
export interface MethodCost {
  /** Floating-point operations for one action of one stream. */
  flopsPerAction: number;
  /** Bytes that reach the policy for one stream: its latents or tokens of the past, and the running episode. */
  stateBytes: number;
  /** Bytes of raw history that are kept beside that for the next compression. */
  historyBytes: number;
  /** Bits that the latents of one context take: of float32 numbers, or of codes. Left out where nothing is carried. */
  bitsPerContext?: number;
  /** Use of the codes over all contexts of the evaluation, where latents are codes. */
  codes?: CodeUse;
  /** Where contexts are looked up. */
  retrieval?: RetrievalUse;
}

/** What one training stage took, for each seed. */
export interface StageBudget {
  /** Its name, as its folder has it without the seed. */
  stage: string;
  /** Steps of the optimiser. */
  steps: number;
  /** Sequences that these steps saw, each as often as it was seen. */
  examples: number;
}

/** One method. Every return is divided by its own task's oracle return: 1 is optimal. */
export interface MethodResult extends MethodCost {
  /** What it was given that rows without this entry did not have, as it ends "Given …". */
  given?: string;
  byEpisode: EpisodeScores;
  /** Of the last `FINAL_EPISODES` episodes. */
  final: Score;
  /** The area under the learning curve: the mean over all episodes. Older results lack this and the next. */
  area?: Score;
  /** The episodes that it takes to come near the oracle. */
  episodesTo?: EpisodesTo;
  /** Of final scores, from nothing to the oracle. Older results lack it. */
  profile?: Profile;
  perTask: TaskScore[];
  /** Where the family declares it. */
  regret?: Regret;
  /** All training that went into it, in order; left out where nothing was trained. */
  budget?: StageBudget[];
}

export type MethodTable = Record<string, MethodResult>;

/** The returns of one seed. */
export interface SeedReturns {
  /** [streams × episodes] undiscounted returns, as `rollout` gives them. */
  returns: ArrayLike<number>;
  /** [streams] task key of each stream. */
  tasks: readonly string[];
  /** [streams × parts] regret, as `rollout` gives it. */
  regret?: ArrayLike<number>;
}

export interface MethodInput {
  seeds: readonly SeedReturns[];
  episodes: number;
  /** Raw oracle return by task key. */
  oracle: ReadonlyMap<string, number>;
  cost: MethodCost;
  random: Random;
  resamples?: number;
  confidence?: number;
  /** By default runs. */
  resampled?: Resampled;
  /** Names of the parts of the family's regret; without them there is none. */
  regretParts?: readonly string[];
}

/**
 * The entry of one method. A run is one stream of one seed; runs are resampled whole (see `drawRuns`), so the interval of an episode and that of the final
 * score come from the same draws. Methods that hand in equal random streams are resampled alike.
 */
export const methodResult = (input: MethodInput): MethodResult => atOnce(methodResultPieces(input));

/** `methodResult` in pieces of about one interval each: with many runs and resamples all of them take long. */
export function* methodResultPieces(input: MethodInput): Pieces<MethodResult> {
  const { seeds, episodes, oracle, cost, random, resamples = 2000, confidence = 0.95, resampled = 'runs', regretParts } = input;
  const byTask = runsByTask(seeds, episodes, oracle, regretParts?.length ?? 0);
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
  const column = (key: keyof Score) => episodeScores.map(entry => entry[key]);
  const finalScore = (run: Run) => mean(run.scores.subarray(-FINAL_EPISODES));
  const final = score(runs.map(finalScore));
  yield;
  const area = score(runs.map(run => areaUnder(run.scores)));
  yield;
  const curves = runs.map(run => run.scores);
  const near = episodesTo(curves, draws, NEAR, confidence);
  const profile = yield* profileOf(
    [...byTask.values()].map(stratum => stratum.map(finalScore)),
    draws,
    confidence,
  );
  return {
    byEpisode: {
      mean: column('mean'),
      iqm: column('iqm'),
      low: column('low'),
      high: column('high'),
      meanLow: column('meanLow'),
      meanHigh: column('meanHigh'),
    },
    final,
    area,
    episodesTo: near,
    profile,
    perTask: [...byTask].map(([task, stratum]) => ({ task, oracle: oracle.get(task)!, mean: mean(stratum.map(finalScore)) })),
    ...(regret ? { regret } : {}),
    ...cost,
  };
}

function* profileOf(scores: Scores, draws: Resamples, confidence: number): Pieces<Profile> {
  const points: ProfilePoint[] = [];
  for (const threshold of PROFILE_THRESHOLDS) {
    yield;
    points.push(...performanceProfile(scores, draws, [threshold], confidence));
  }
  const column = (key: keyof ProfilePoint) => points.map(point => point[key]);
  return { threshold: column('threshold'), share: column('share'), low: column('low'), high: column('high') };
}

interface Run {
  /** Position of its training seed. */
  readonly seed: number;
  /** [episodes] returns divided by the task's oracle return. */
  readonly scores: Float64Array;
  /** [parts] */
  readonly regret: readonly number[];
}

/** Runs by task, in order of first appearance; within a task seed by seed. */
function runsByTask(
  seeds: readonly SeedReturns[],
  episodes: number,
  oracle: ReadonlyMap<string, number>,
  parts: number,
): Map<string, Run[]> {
  const byTask = new Map<string, Run[]>();
  seeds.forEach(({ returns, tasks, regret = [] }, seed) => {
    expect(
      regret.length === tasks.length * parts,
      `methodResult: seed ${seed} has ${regret.length} regrets, expected ${tasks.length} streams × ${parts} parts.`,
    );
    expect(
      returns.length === tasks.length * episodes && episodes > 0,
      `methodResult: seed ${seed} has ${returns.length} returns, expected ${tasks.length} streams × ${episodes} episodes.`,
    );
    tasks.forEach((task, stream) => {
      const optimal = oracle.get(task);
      if (optimal === undefined || !(optimal > 0)) {
        throw new CadenzaError(
          'E_DATA',
          `methodResult: expected a positive oracle return for task ${task}, got ${optimal}; scores are fractions of it, so hand in ` +
            `family.oracleReturn(task) of every evaluated task and leave out tasks where nothing can be earned.`,
        );
      }
      const scores = Float64Array.from({ length: episodes }, (_, e) => returns[stream * episodes + e] / optimal);
      const own = Array.from({ length: parts }, (_, p) => regret[stream * parts + p]);
      byTask.set(task, [...(byTask.get(task) ?? []), { seed, scores, regret: own }]);
    });
  });
  expect(byTask.size > 0, 'methodResult: expected the returns of at least one stream, got none.');
  return byTask;
}

/** The sentence that says what the intervals are, for `Results.bars`. */
export function describeBars(run: {
  tasks: number;
  streams: number;
  seeds: number;
  resamples?: number;
  confidence?: number;
  resampled?: Resampled;
  /** Which tasks they are. */
  side?: 'test' | 'validation';
}): string {
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

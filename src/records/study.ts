/** @file What a search for hyperparameters found, as it is written to tune.json, and how its trials are ranked. */

import { mean } from '../statistics/bootstrap.ts';
import { FINAL_EPISODES } from '../statistics/learning.ts';
import { type MethodInput, methodResult } from './method.ts';
import type { ReferenceSummary } from './reference.ts';
import type { MethodResult, RunRecord, Score } from './results-format.ts';
import type { SeedReturns } from './returns-format.ts';

/** Format of a tuning study. */
export const STUDY_FORMAT = 'cadenza-tune-2';

/** The episodes that a final score is taken over: `the last 5 episodes`, or as many as there are. */
export const finalEpisodes = (episodes: number): string =>
  episodes === 1 ? 'the only episode' : `the last ${Math.min(FINAL_EPISODES, episodes)} episodes`;

/** What one number a trial is judged by: the mean normalized return over all in-context episodes (the area under the learning curve), or over the last few; in words, of runs of so many episodes. */
export const MEASURES = {
  area: () => 'mean normalized return over all in-context episodes (the area under the learning curve)',
  final: (episodes: number) => `mean normalized return over ${finalEpisodes(episodes)} in context`,
} as const satisfies Record<string, (episodes: number) => string>;
/** Name of a measure that a study optimizes. */
export type Measure = keyof typeof MEASURES;

/** The mean and its interval; the mean raw return next to it where scores are not fractions of the oracle's. */
export type TrialScore = Pick<Score, 'mean' | 'meanLow' | 'meanHigh'> & Pick<MethodResult, 'return'>;

/** One training of a trial. */
export interface Rung {
  /** Training steps of the joint fine-tuning. */
  readonly steps: number;
  /** Null where training diverged. */
  readonly score: TrialScore | null;
}

/** One trial of a study. */
export interface Trial {
  /** Counted from 0, which is the experiment as its file has it. */
  readonly trial: number;
  /** By dotted setting. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** In the order in which they were trained; the last one counts. */
  readonly rungs: readonly Rung[];
}

/** The whole of tune.json. */
export interface Study {
  readonly format: typeof STUDY_FORMAT;
  readonly name: string;
  /** The method that is optimized. */
  readonly method: string;
  readonly seed: number;
  /** What is optimized. */
  readonly measure: Measure;
  /** In-context episodes of a stream; absent in studies that were written before it was kept. */
  readonly episodes?: number;
  /** Keys of the tasks that trials are scored on. */
  readonly validationTasks: readonly string[];
  /** Best first. */
  readonly trials: readonly Trial[];
  /** Trials as deep as the best whose intervals overlap with its own: the search does not tell them apart. */
  readonly tied: readonly number[];
  /** What trials are scored by; absent where that is the oracle. */
  readonly reference?: ReferenceSummary;
  /** What the intervals are, in a sentence. */
  readonly intervalNote: string;
  /** The search space. */
  readonly space: unknown;
  /** The run that it belongs to. */
  readonly run: Omit<RunRecord, 'seconds' | 'dataHashes'>;
}

/** A trial's score from the returns of its streams, with the interval of `methodResult` over runs. */
export function trialScore(measure: Measure, input: Omit<MethodInput, 'cost'>): TrialScore {
  const { seeds, episodes } = input;
  const from = measure === 'final' ? Math.max(0, episodes - FINAL_EPISODES) : 0;
  // A stream's average stands for the stream: one episode each, and the resampling of whole runs is the same.
  const averaged = seeds.map(
    ({ returns, tasks }): SeedReturns => ({
      tasks,
      returns: tasks.map((_, i) => mean(Array.from({ length: episodes - from }, (_, e) => returns[i * episodes + from + e]))),
    }),
  );
  const cost = { flopsPerAction: 0, stateBytes: 0, historyBytes: 0 };
  const { final, return: earned } = methodResult({ ...input, seeds: averaged, episodes: 1, cost });
  const { mean: value, meanLow, meanHigh } = final;
  return { mean: value, meanLow, meanHigh, ...(earned && { return: earned }) };
}

/** The best first: those that got further, then by score, then in the order in which they were drawn. Diverged trials come last. */
export function rankTrials(trials: readonly Trial[]): Trial[] {
  const value = ({ rungs }: Trial) => rungs.at(-1)?.score?.mean ?? Number.NEGATIVE_INFINITY;
  const compare = (a: number, b: number) => (a === b ? 0 : b - a);
  return [...trials].sort((a, b) => b.rungs.length - a.rungs.length || compare(value(a), value(b)) || a.trial - b.trial);
}

/** Trials beside the best, as deep as it, whose interval overlaps with its own. */
export function tiedTrials(ranked: readonly Trial[]): number[] {
  const [best, ...others] = ranked;
  const top = best?.rungs.at(-1)?.score;
  if (!top) return [];
  return others
    .filter(({ rungs }) => rungs.length === best.rungs.length && (rungs.at(-1)?.score?.meanHigh ?? Number.NEGATIVE_INFINITY) >= top.meanLow)
    .map(({ trial }) => trial);
}

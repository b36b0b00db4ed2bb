/** @file The result of a hyperparameter search, as it is written to tune.json, and the ranking of its trials. */

import { mean } from '../statistics/bootstrap.ts';
import { FINAL_EPISODES } from '../statistics/learning.ts';
import type { Window } from './life-format.ts';
import { type MethodInput, methodResult } from './method.ts';
import { type PeriodWords, periodWords, type ReferenceSummary } from './reference.ts';
import type { MethodResult, RunRecord, Score } from './results-format.ts';
import type { SeedReturns } from './returns-format.ts';

/** Format of a tuning study. */
export const STUDY_FORMAT = 'cadenza-tune-2';

/** Whether a final score is over all episodes, so that it equals the area. */
export const finalIsAll = (episodes: number): boolean => episodes <= FINAL_EPISODES;

/** The episodes (or windows) of a final score: `the last 5 episodes`, or all if there are no more. */
export function finalEpisodes(episodes: number, { period }: Pick<PeriodWords, 'period'> = periodWords()): string {
  if (episodes === 1) return `the only ${period}`;
  return finalIsAll(episodes) ? `all ${episodes} ${period}s` : `the last ${FINAL_EPISODES} ${period}s`;
}

/** What describes a measure: the number of episodes of a run, and the words for them. */
export type Describe = (episodes: number, words?: PeriodWords) => string;

/** Measures of a trial, described for runs with a number of episodes: the mean normalized return over all in-context episodes (the area under the learning curve), or over the last ones. */
export const MEASURES = {
  area: (_, { places } = periodWords()) => `mean normalized return over all ${places} (the area under the learning curve)`,
  final: (episodes, words = periodWords()) => `mean normalized return over ${finalEpisodes(episodes, words)} in context`,
} as const satisfies Record<string, Describe>;
/** Name of a measure that a study optimizes. */
export type Measure = keyof typeof MEASURES;

/** The mean score and its interval; with the mean raw return if the reference is not the oracle. */
export type TrialScore = Pick<Score, 'mean' | 'meanLow' | 'meanHigh'> & Pick<MethodResult, 'return'>;

/** One training of a trial. */
export interface Rung {
  /** Training steps of the joint fine-tuning. */
  readonly steps: number;
  /** Null if training diverged. */
  readonly score: TrialScore | null;
}

/** One trial of a study. */
export interface Trial {
  /** Index; 0 is the experiment without changes. */
  readonly trial: number;
  /** By the dotted key of the setting. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** In the order of training; the last one counts. */
  readonly rungs: readonly Rung[];
}

/** What a trial is called in progress, lists and tables. */
export const trialName = (trial: number): string => `trial ${trial}`;

/** The content of tune.json. */
export interface Study {
  readonly format: typeof STUDY_FORMAT;
  readonly name: string;
  /** The method that is optimized. */
  readonly method: string;
  readonly seed: number;
  /** What is optimized. */
  readonly measure: Measure;
  /** In-context episodes of a stream; absent in old studies. */
  readonly episodes?: number;
  /** Present if scores are by windows of calls instead of episodes. */
  readonly window?: Window;
  /** Keys of the tasks that trials are scored on. */
  readonly validationTasks: readonly string[];
  /** Best first. */
  readonly trials: readonly Trial[];
  /** Trials with as many rungs as the best whose intervals overlap with that of the best: the search does not distinguish them. */
  readonly tied: readonly number[];
  /** Reference of the scores; absent if it is the oracle. */
  readonly reference?: ReferenceSummary;
  /** Explains the intervals in a sentence. */
  readonly intervalNote: string;
  /** The search space. */
  readonly space: unknown;
  /** The run that it belongs to. */
  readonly run: Omit<RunRecord, 'seconds' | 'dataHashes'>;
}

/** What the scores of a study are. */
export const measureOf = ({ measure, episodes, window }: Study): string =>
  MEASURES[measure](episodes ?? FINAL_EPISODES, periodWords(window));

/** The score of a trial from the returns of its streams, with the interval of `methodResult`. */
export function trialScore(measure: Measure, input: Omit<MethodInput, 'cost'>): TrialScore {
  const { seeds, episodes } = input;
  const from = measure === 'final' ? Math.max(0, episodes - FINAL_EPISODES) : 0;
  // Each stream is replaced by its average, as one episode; the resampling of whole runs is the same.
  const averaged = seeds.map(
    ({ returns, tasks }): SeedReturns => ({
      tasks,
      returns: tasks.map((_, i) => mean(Array.from({ length: episodes - from }, (_, e) => returns[i * episodes + from + e]))),
    }),
  );
  const cost = { flopsPerAction: 0, stateBytes: 0, historyBytes: 0 };
  const { final, return: earned } = methodResult({ ...input, seeds: averaged, episodes: 1, recovery: undefined, cost });
  const { mean: value, meanLow, meanHigh } = final;
  return { mean: value, meanLow, meanHigh, ...(earned && { return: earned }) };
}

/** Sorts trials, best first: by the number of rungs, then by score, then by index. Diverged trials come last. */
export function rankTrials(trials: readonly Trial[]): Trial[] {
  const value = ({ rungs }: Trial) => rungs.at(-1)?.score?.mean ?? Number.NEGATIVE_INFINITY;
  const compare = (a: number, b: number) => (a === b ? 0 : b - a);
  return [...trials].sort((a, b) => b.rungs.length - a.rungs.length || compare(value(a), value(b)) || a.trial - b.trial);
}

/** Trials with as many rungs as the best whose interval overlaps with that of the best. */
export function tiedTrials(ranked: readonly Trial[]): number[] {
  const [best, ...others] = ranked;
  const top = best?.rungs.at(-1)?.score;
  if (!top) return [];
  return others
    .filter(({ rungs }) => rungs.length === best.rungs.length && (rungs.at(-1)?.score?.meanHigh ?? Number.NEGATIVE_INFINITY) >= top.meanLow)
    .map(({ trial }) => trial);
}

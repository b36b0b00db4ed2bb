/** @file What is asked of a source: one learning history, or many. */

import type { Executor } from '../engine/index.ts';
import type { EnvFamily, History, Task } from '../rl/index.ts';
import type { Random } from '../util/random.ts';
import type { Source } from './source.ts';

/** What tells one history of a source apart from the others. */
export interface WantedHistory {
  readonly task: Task;
  /** Everything random below is split from this stream; equal streams give equal histories. */
  readonly random: Random;
  /** Share of uniform actions mixed into what is executed, in [0, 1]; what is recorded stays the source's own distribution. */
  readonly noise?: number;
  /** What the learner looks on at before its first step, of the same task; it is no part of the history. */
  readonly seen?: History;
  /** Label of `random`, for the record. */
  readonly stream?: string;
}

/** Learners whose distributions over actions a history can record. */
export const LABELS = ['recorded', 'final'] as const;
export type Labels = (typeof LABELS)[number];

/**
 * First step of a history whose label can be the final learner's: the one after the first reward that differs from those before it. Until
 * then nothing tells its task from others, and its final policy would teach an agent to act on what it cannot know.
 */
export function firstInformed(reward: Float32Array): number {
  const first = reward.findIndex(value => value !== reward[0]);
  return first < 0 ? reward.length : first + 1;
}

interface HistorySettings {
  readonly family: EnvFamily;
  readonly source: Source;
  /** Length of a history in whole episodes. */
  readonly episodes: number;
  /** Whose distributions a history records: the learner's as it was at that step (the default), or from `firstInformed` on as it is at the end. */
  readonly labels?: Labels;
  /** Keep every so many-th episode, counted so that the last one stays (default 1). */
  readonly stride?: number;
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface HistoryRequest extends WantedHistory, HistorySettings {}

export interface HistoriesRequest extends HistorySettings {
  readonly wanted: readonly WantedHistory[];
  /** Runs the networks of sources that have some. */
  readonly executor: Executor;
  /** Told how much is done, in histories: 2.5 are two and a half. */
  readonly onProgress?: (done: number) => void;
  readonly signal: AbortSignal;
}

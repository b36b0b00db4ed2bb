/** @file Requests to a source: one learning history, or many. */

import type { Executor } from '../engine/index.ts';
import type { EnvFamily, History, Task } from '../rl/index.ts';
import type { Random } from '../util/random.ts';
import type { Labels } from './labels.ts';
import type { Source } from './source.ts';

/** What distinguishes one history of a source from the others. */
export interface WantedHistory {
  /** The task to learn. */
  readonly task: Task;
  /** Source of all randomness; equal streams give equal histories. */
  readonly random: Random;
  /** Share of uniform actions mixed into the executed ones, in [0, 1]; the recorded distribution is the source's own. */
  readonly noise?: number;
  /** A history of the same task that the learner observes before its first step; it is not part of the result. */
  readonly seen?: History;
  /** Label of `random`, for the record. */
  readonly stream?: string;
}

interface HistorySettings {
  readonly family: EnvFamily;
  readonly source: Source;
  /** Number of episodes of a history. */
  readonly episodes: number;
  /** Which distributions a history records: the learner's at that step (`recorded`, the default), or from `firstInformed` on the learner's at the end (`final`). */
  readonly labels?: Labels;
  /** Keep every n-th episode, counted back from the last, which is always kept (default 1). */
  readonly stride?: number;
  readonly options?: Readonly<Record<string, unknown>>;
}

/** Request for one history. */
export interface HistoryRequest extends WantedHistory, HistorySettings {}

/** Request for histories one after another. */
export interface StreamRequest extends Omit<HistoriesRequest, 'wanted'> {
  /** The histories, in order. */
  readonly wanted: Iterable<WantedHistory>;
}

/** Request for many histories at once. */
export interface HistoriesRequest extends HistorySettings {
  /** The histories, in order. */
  readonly wanted: readonly WantedHistory[];
  /** Runs the networks of sources that have any. */
  readonly executor: Executor;
  /** Called with the number of finished histories, which may be fractional. */
  readonly onProgress?: (done: number) => void;
  /** Stops the work, with its reason. */
  readonly signal: AbortSignal;
}

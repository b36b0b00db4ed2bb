/** @file A learning history: everything one learner saw and did on one task, episodes in the order in which they happened. */

import type { Task } from './env.ts';

/** Columns over the T transitions of one history. `F` is the size of an observation, `A` the number of actions. */
export interface History {
  readonly task: Task;
  readonly taskKey: string;
  /** Label of the random stream that made it. */
  readonly stream: string;
  /** [T × F] what was seen before acting. */
  readonly observation: Float32Array;
  /** [T] the action that was executed. */
  readonly action: Int32Array;
  /** [T × A] the source's whole distribution in that situation (before any noise was mixed into the executed action). */
  readonly probabilities: Float32Array;
  /** [T] */
  readonly reward: Float32Array;
  /** [T × F] where the action led; at an episode's end the final state, never the reset state. */
  readonly nextObservation: Float32Array;
  /** [T] */
  readonly terminated: Uint8Array;
  /** [T] */
  readonly truncated: Uint8Array;
}

/** What tells where episodes end: columns of a history, or of one that is still being played. */
type Ends = { readonly [K in 'action' | 'terminated' | 'truncated']: ArrayLike<number> };

/** First transition of every episode, and T at the end: episode e is [starts[e], starts[e + 1]). Unfinished last episodes count. */
export function episodeStarts(history: Ends): Int32Array {
  const length = history.action.length;
  const starts = [0];
  for (let t = 0; t < length - 1; t++) if (history.terminated[t] || history.truncated[t]) starts.push(t + 1);
  starts.push(length);
  return Int32Array.from(starts);
}

/** As `episodeStarts`, with every episode cut into segments of at most `length` transitions: no segment straddles two episodes. */
export function segmentStarts(history: Ends, length: number): Int32Array {
  const episodes = episodeStarts(history);
  const starts: number[] = [];
  for (let e = 0; e < episodes.length - 1; e++) for (let t = episodes[e]; t < episodes[e + 1]; t += length) starts.push(t);
  starts.push(history.action.length);
  return Int32Array.from(starts);
}

/** Return (undiscounted sum of rewards) of every episode. */
export function episodeReturns(history: Pick<History, 'action' | 'terminated' | 'truncated' | 'reward'>): Float64Array {
  const starts = episodeStarts(history);
  const returns = new Float64Array(starts.length - 1);
  for (let e = 0; e < returns.length; e++) for (let t = starts[e]; t < starts[e + 1]; t++) returns[e] += history.reward[t];
  return returns;
}

/** The history with these episodes, in this order. */
export function pickEpisodes(history: History, episodes: readonly number[]): History {
  const starts = episodeStarts(history);
  const length = history.action.length;
  const pick = <T extends Float32Array | Int32Array | Uint8Array>(column: T): T => {
    const width = column.length / length;
    return joinColumns(episodes.map(e => column.subarray(starts[e] * width, starts[e + 1] * width))) as T;
  };
  return {
    ...history,
    observation: pick(history.observation),
    action: pick(history.action),
    probabilities: pick(history.probabilities),
    reward: pick(history.reward),
    nextObservation: pick(history.nextObservation),
    terminated: pick(history.terminated),
    truncated: pick(history.truncated),
  };
}

/** Columns of one type, at least one, one behind the other. */
export function joinColumns<T extends Float32Array | Int32Array | Uint8Array>(columns: readonly T[]): T {
  const size = columns.reduce((sum, column) => sum + column.length, 0);
  const all = new (columns[0].constructor as new (size: number) => T)(size);
  let at = 0;
  for (const column of columns) {
    all.set(column as never, at);
    at += column.length;
  }
  return all;
}

/** The first `limit` histories of every task, in their order; all of them without a limit. */
export function firstOfEach<T extends Pick<History, 'taskKey'>>(histories: readonly T[], limit = Number.POSITIVE_INFINITY): T[] {
  const counts = new Map<string, number>();
  return histories.filter(({ taskKey }) => {
    const before = counts.get(taskKey) ?? 0;
    counts.set(taskKey, before + 1);
    return before < limit;
  });
}

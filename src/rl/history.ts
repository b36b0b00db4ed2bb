/** @file A learning history: everything one learner observed and did on one task, with its episodes in order. */

import type { Actions } from './actions.ts';
import type { Task } from './env.ts';

/**
 * Columns over the T transitions of one history. F, W and P are the numbers in an observation, an action and a distribution over actions.
 */
export interface History {
  /** The task that was learned. */
  readonly task: Task;
  /** Key of the task, equal exactly if the tasks are equal. */
  readonly taskKey: string;
  /** Label of the random stream that generated it. */
  readonly stream: string;
  /** [T × F] observation before acting. */
  readonly observation: Float32Array;
  /** [T × W] executed action. */
  readonly action: Actions;
  /** [T × P] the source's distribution over actions (before any noise was mixed in). */
  readonly probabilities: Float32Array;
  /** [T] reward. */
  readonly reward: Float32Array;
  /** [T × F] observation after acting; at the end of an episode that of the final state, never that of a reset. */
  readonly nextObservation: Float32Array;
  /** [T] 1 if the task's rules ended the episode. */
  readonly terminated: Uint8Array;
  /** [T] 1 if the horizon ended the episode. */
  readonly truncated: Uint8Array;
  /** The episodes, as `episodeStarts` returns them, where they are known without reading any column. */
  readonly knownStarts?: Int32Array;
}

/** The columns that mark the ends of episodes, of a history or of one still being played. */
type Ends = { readonly [K in 'terminated' | 'truncated']: ArrayLike<number> } & Pick<History, 'knownStarts'>;

/**
 * First transition of every episode, and T at the end: episode e is [starts[e], starts[e + 1]). An unfinished last episode counts.
 *
 * @example episodeStarts({ terminated: [0, 1, 0, 0], truncated: [0, 0, 0, 0] }) // Int32Array [0, 2, 4]
 */
export function episodeStarts(history: Ends): Int32Array {
  if (history.knownStarts) return history.knownStarts;
  const length = history.terminated.length;
  const starts = [0];
  for (let t = 0; t < length - 1; t++) if (history.terminated[t] || history.truncated[t]) starts.push(t + 1);
  starts.push(length);
  return Int32Array.from(starts);
}

/** Like `episodeStarts`, but every episode is cut into segments of at most `length` transitions; no segment spans two episodes. */
export function segmentStarts(history: Ends, length: number): Int32Array {
  const episodes = episodeStarts(history);
  const starts: number[] = [];
  for (let e = 0; e < episodes.length - 1; e++) for (let t = episodes[e]; t < episodes[e + 1]; t += length) starts.push(t);
  starts.push(episodes[episodes.length - 1]);
  return Int32Array.from(starts);
}

const COLUMNS = ['observation', 'action', 'probabilities', 'reward', 'nextObservation', 'terminated', 'truncated'] as const;
type Columns = Pick<History, (typeof COLUMNS)[number]>;
type Column = Columns[keyof Columns];

const withColumns = ({ task, taskKey, stream }: History, make: (name: (typeof COLUMNS)[number]) => Column): History => ({
  task,
  taskKey,
  stream,
  ...(Object.fromEntries(COLUMNS.map(name => [name, make(name)])) as unknown as Columns),
});

/** The history in memory, with all columns. One on the disk reads them here, once; spreading it (`{ ...history }`) would lose them. */
export const inMemory = (history: History): History => withColumns(history, name => history[name]);

/** The history restricted to these spans [from, to) of its transitions. */
const spansOf = (history: History, spans: readonly (readonly [from: number, to: number])[]): History =>
  withColumns(history, name => {
    const width = history[name].length / history.reward.length;
    return joinColumns<Column>(spans.map(([from, to]) => history[name].subarray(from * width, to * width)));
  });

/** The history restricted to these episodes, in this order. */
export function pickEpisodes(history: History, episodes: readonly number[]): History {
  const starts = episodeStarts(history);
  const spans = episodes.map(e => [starts[e], starts[e + 1]] as const);
  return spansOf(history, spans);
}

/** Whether episode `e` of `episodes` is kept if every n-th is, counted back from the last, which is always kept. */
export const staysEpisode = (e: number, episodes: number, n: number): boolean => (episodes - 1 - e) % n === 0;

/** The history with every n-th episode, counted back from the last, which is always kept. */
export function everyNthEpisode(history: History, n: number): History {
  if (n === 1) return history;
  const episodes = episodeStarts(history).length - 1;
  const all = Array.from({ length: episodes }, (_, e) => e);
  return pickEpisodes(
    history,
    all.filter(e => staysEpisode(e, episodes, n)),
  );
}

/** The history with at most the first `length` transitions of each episode; a shortened episode ends truncated. */
export function shortenEpisodes(history: History, length: number): History {
  const starts = episodeStarts(history);
  const ends = Array.from(starts.subarray(1), (end, e) => Math.min(end, starts[e] + length));
  const spans = ends.map((end, e) => [starts[e], end] as const);
  const short = spansOf(history, spans);
  let at = 0;
  for (const [e, end] of ends.entries()) {
    at += end - starts[e];
    if (end < starts[e + 1]) short.truncated[at - 1] = 1;
  }
  return short;
}

/** Concatenates histories of one task (at least one) in chronological order. */
export const joinHistories = (histories: readonly History[]): History =>
  withColumns(histories.at(-1)!, name => joinColumns<Column>(histories.map(history => history[name])));

/**
 * The next `count` returns at every transition of [first, end), which lies within one episode. out[(t − first) · count + k] is the
 * remaining return of that episode from t on for k = 0, and the whole return of the k-th episode after it for k > 0. NaN if the history
 * ends before that episode does.
 */
export function futureReturns(
  history: Pick<History, 'terminated' | 'truncated' | 'reward'>,
  first: number,
  end: number,
  count: number,
): Float64Array {
  const { reward, terminated, truncated } = history;
  const next = new Float64Array(count).fill(Number.NaN);
  for (let t = first, k = 0, sum = 0; t < reward.length && k < count; t++) {
    sum += reward[t];
    if (!terminated[t] && !truncated[t]) continue;
    next[k++] = sum;
    sum = 0;
  }
  const out = new Float64Array((end - first) * count);
  for (let t = first, earned = 0; t < end; earned += reward[t++]) {
    out.set(next, (t - first) * count);
    out[(t - first) * count] -= earned;
  }
  return out;
}

/** Undiscounted return of every episode. */
export function episodeReturns(history: Pick<History, 'terminated' | 'truncated' | 'reward'>): Float64Array {
  const starts = episodeStarts(history);
  const returns = new Float64Array(starts.length - 1);
  for (let e = 0; e < returns.length; e++) for (let t = starts[e]; t < starts[e + 1]; t++) returns[e] += history.reward[t];
  return returns;
}

/** Concatenates columns of one type (at least one). */
export function joinColumns<T extends Float32Array | Float64Array | Int32Array | Uint8Array | Uint16Array>(columns: readonly T[]): T {
  const size = columns.reduce((sum, column) => sum + column.length, 0);
  const all = new (columns[0].constructor as new (size: number) => T)(size);
  let at = 0;
  for (const column of columns) {
    all.set(column as never, at);
    at += column.length;
  }
  return all;
}

/** The first `limit` histories of every task, in order; all of them without a limit. */
export function firstOfEach<T extends Pick<History, 'taskKey'>>(histories: readonly T[], limit = Number.POSITIVE_INFINITY): T[] {
  const counts = new Map<string, number>();
  return histories.filter(({ taskKey }) => {
    const before = counts.get(taskKey) ?? 0;
    counts.set(taskKey, before + 1);
    return before < limit;
  });
}

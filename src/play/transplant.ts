/**
 * @file Memory transplants: an agent acts in task A with the Z of task B. Its actions are scored by A's rewards, and by the rewards that
 * they would have earned in B.
 */

import type { Policy, Task } from '../rl/index.ts';
import { bootstrapInterval, drawRuns, type MeanScore, mean, type Resampled } from '../statistics/bootstrap.ts';
import { normalized, type Scale } from '../statistics/reference.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import { type RolloutOptions, rollout } from './rollout.ts';
import type { RolloutStep } from './steps.ts';

/** Who acts where, with whose memory. */
export interface TransplantRequest extends Omit<RolloutOptions, 'episodes' | 'onStep' | 'onProgress'> {
  /** [streams] the task that each stream acts in (A). */
  readonly tasks: readonly Task[];
  /** [streams] the task that its memory comes from (B). */
  readonly memories: readonly Task[];
  /** Acts with these memories. */
  readonly policy: Policy;
}

/** Returns of one episode of every stream. */
export interface TransplantReturns {
  /** [streams] return by A's rewards. */
  readonly own: Float64Array;
  /** [streams] return of the same actions in B from the same start, until either episode ends. */
  readonly other: Float64Array;
  /**
   * [streams] To what extent it acts for B: the share of scored steps with B's best action, in a family whose best action is known at every
   * step; otherwise 1 if the same actions earn a reward in B, else 0.
   */
  readonly pursues: Float64Array;
}

/**
 * Plays one episode in every stream, and replays the actions in the task that the memory comes from.
 *
 * @throws {CadenzaError} `E_SHAPE` unless there is one memory per stream.
 */
export async function playTransplants(request: TransplantRequest): Promise<TransplantReturns> {
  const { family, tasks, memories, policy, random, greedy, signal } = request;
  invariant(
    tasks.length === memories.length,
    `transplants: expected a memory for each of ${tasks.length} streams, got ${memories.length}.`,
  );
  const streams = tasks.length;
  const [other, wanted, asked] = [new Float64Array(streams), new Float64Array(streams), new Float64Array(streams)];
  const running = new Uint8Array(streams).fill(1);
  // The same stream that `rollout` creates its environments from, so that both start alike.
  const mirror = family.make(memories, random.split('environment'));
  mirror.reset();
  let elapsed = 0;
  const onStep = ({ action, terminated, truncated }: RolloutStep) => {
    const there = mirror.step(action);
    const step = elapsed++;
    const scored = !family.regret || family.regret.part(step) >= 0;
    for (let i = 0; i < streams; i++) {
      if (!running[i]) continue;
      other[i] += there.reward[i];
      if (family.regret && scored) {
        wanted[i] += Number(family.regret.of(memories[i], action[i], step) === 0);
        asked[i]++;
      }
      if (terminated[i] || truncated[i] || there.terminated[i] || there.truncated[i]) running[i] = 0;
    }
  };
  const { returns: own } = await rollout({ family, tasks, policy, episodes: 1, random, greedy, signal, onStep });
  mirror.close?.();
  const pursues = family.regret ? wanted.map((count, i) => count / Math.max(asked[i], 1)) : other.map(value => Number(value > 0));
  return { own, other, pursues };
}

/** Effects of transplanted memories; returns are normalized by the reference of the scoring task. */
export interface TransplantTable {
  /** Keys of the tasks, in the order of rows (acted in) and columns (memory of). */
  readonly tasks: readonly string[];
  /** [acted in][memory of] mean return, scored by the task of the memory. */
  readonly byOther: readonly (readonly number[])[];
  /** [acted in][memory of] mean return, scored by the task acted in. */
  readonly byOwn: readonly (readonly number[])[];
  /** [acted in][memory of] to what extent it acts for the task of the memory. */
  readonly pursues: readonly (readonly number[])[];
  /** With a memory of the task acted in. */
  readonly own: { readonly return: MeanScore; readonly pursues: MeanScore };
  /** With a memory of another task: scored by that task, scored by the task acted in, and to what extent it acts for the other. */
  readonly transplanted: { readonly byOther: MeanScore; readonly byOwn: MeanScore; readonly pursues: MeanScore };
  /** With an empty memory: scored by the task acted in, and to what extent it acts for another one by chance. */
  readonly empty: { readonly return: MeanScore; readonly pursues: MeanScore };
}

/** The streams of a table, with K tasks and D memories of each: acted in × memory of × memory. */
export const transplantPlaces = (tasks: number, memories: number) =>
  Array.from({ length: tasks * tasks * memories }, (_, i) => ({
    acted: Math.floor(i / (tasks * memories)),
    of: Math.floor(i / memories) % tasks,
    memory: i % memories,
  }));

/** What a table of transplants is computed from. */
export interface TransplantTableRequest {
  /** Keys of the tasks. */
  readonly keys: readonly string[];
  /** The returns of each task that score 0 and 1. */
  readonly scales: readonly Scale[];
  /** Number of memories of each task. */
  readonly memories: number;
  /** Number of bootstrap resamples. */
  readonly resamples: number;
  /** What the intervals are over, for the record. */
  readonly resampled: Resampled;
  /** Draws the resamples. */
  readonly random: Random;
}

/**
 * Summarizes returns with memories and with empty ones, both in the order of `transplantPlaces`. Intervals resample memories, each with all
 * its streams: streams that share a memory are not independent runs.
 *
 * @throws {CadenzaError} `E_SHAPE` for another number of streams.
 */
export function transplantTable(memory: TransplantReturns, empty: TransplantReturns, request: TransplantTableRequest): TransplantTable {
  const { keys, scales, memories: D, resamples, resampled, random } = request;
  const K = keys.length;
  const places = transplantPlaces(K, D);
  for (const { own } of [memory, empty])
    invariant(own.length === places.length, `transplants of ${K} tasks: expected ${places.length} streams, got ${own.length}.`);
  type Value = (i: number) => number;
  const shares = ({ own, other, pursues }: TransplantReturns): Record<'byOwn' | 'byOther' | 'pursues', Value> => ({
    byOwn: i => normalized(own[i], scales[places[i].acted]),
    byOther: i => normalized(other[i], scales[places[i].of]),
    pursues: i => pursues[i],
  });
  const matrix = (value: Value) =>
    keys.map((_, a) => keys.map((_, b) => mean(Array.from({ length: D }, (_, d) => value((a * K + b) * D + d)))));
  const draws = drawRuns(new Array(K).fill([D]), resampled, resamples, random);
  /** One score per memory: in its own task, or over all others. */
  const share = (value: Value, same: boolean): MeanScore => {
    const scores = Array.from({ length: K * D }, (_, at) => {
      const [b, d] = [Math.floor(at / D), at % D];
      const acted = keys.map((_, a) => a).filter(a => (a === b) === same);
      return mean(acted.map(a => value((a * K + b) * D + d)));
    });
    return { mean: mean(scores), ...bootstrapInterval(scores, mean, draws) };
  };
  const [filled, without] = [shares(memory), shares(empty)];
  return {
    tasks: keys,
    byOther: matrix(filled.byOther),
    byOwn: matrix(filled.byOwn),
    pursues: matrix(filled.pursues),
    own: { return: share(filled.byOwn, true), pursues: share(filled.pursues, true) },
    transplanted: { byOther: share(filled.byOther, false), byOwn: share(filled.byOwn, false), pursues: share(filled.pursues, false) },
    empty: { return: share(without.byOwn, true), pursues: share(without.pursues, false) },
  };
}

/**
 * @file Memories in the wrong task: an agent acts in task A with the Z that was made in task B. What it then earns is counted by A's rewards, and by
 * B's, had it done the same there.
 */

import type { Policy, Task } from '../rl/index.ts';
import { bootstrapInterval, drawRuns, type MeanScore, mean, type Resampled } from '../statistics/bootstrap.ts';
import { normalized, type Scale } from '../statistics/reference.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import { type RolloutOptions, type RolloutStep, rollout } from './rollout.ts';

export interface TransplantRequest extends Omit<RolloutOptions, 'episodes' | 'onStep' | 'onProgress'> {
  /** [streams] the task that each stream acts in (A). */
  readonly tasks: readonly Task[];
  /** [streams] the task that its memory is of (B). */
  readonly memories: readonly Task[];
  /** Acts with these memories. */
  readonly policy: Policy;
}

/** One episode of every stream. */
export interface TransplantReturns {
  /** [streams] return by A's rewards. */
  readonly own: Float64Array;
  /** [streams] what the same actions would have earned in B from the same start, as far as neither episode was over. */
  readonly other: Float64Array;
  /**
   * [streams] How far it acts for B: of a family whose best action is known at every step, the share of scored steps with B's best; of any other 1
   * where the same actions earn something in B, else 0.
   */
  readonly pursues: Float64Array;
}

/** Lets a policy act for one episode in every stream, and replays what it does in the task that its memory is of. */
export async function playTransplants(request: TransplantRequest): Promise<TransplantReturns> {
  const { family, tasks, memories, policy, random, greedy, signal } = request;
  invariant(
    tasks.length === memories.length,
    `transplants: expected a memory for each of ${tasks.length} streams, got ${memories.length}.`,
  );
  const streams = tasks.length;
  const [other, wanted, asked] = [new Float64Array(streams), new Float64Array(streams), new Float64Array(streams)];
  const running = new Uint8Array(streams).fill(1);
  // The stream that `rollout` makes its environments from: both begin alike.
  const mirror = family.make(memories, random.split('environment'));
  mirror.reset();
  let elapsed = 0;
  const onStep = ({ action, terminated, truncated }: RolloutStep) => {
    const there = mirror.step(action);
    const scored = !family.regret || family.regret.part(elapsed) >= 0;
    elapsed++;
    for (let i = 0; i < streams; i++) {
      if (!running[i]) continue;
      other[i] += there.reward[i];
      if (family.regret && scored) {
        wanted[i] += Number(family.regret.of(memories[i], action[i]) === 0);
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

/** What memories do; returns are normalized by the reference of the task that scores. */
export interface TransplantTable {
  /** Keys of the tasks, in the order of rows (acted in) and columns (memory of). */
  readonly tasks: readonly string[];
  /** [acted in][memory of] means: scored by the task of the memory, by the one acted in, and how far it acts for the former. */
  readonly byOther: readonly (readonly number[])[];
  readonly byOwn: readonly (readonly number[])[];
  readonly pursues: readonly (readonly number[])[];
  /** With a memory of the task acted in. */
  readonly own: { readonly return: MeanScore; readonly pursues: MeanScore };
  /** With a memory of another task: scored by that one, by the one acted in, and how far it acts for the other. */
  readonly transplanted: { readonly byOther: MeanScore; readonly byOwn: MeanScore; readonly pursues: MeanScore };
  /** With an empty memory: scored by the task acted in, and how far it acts for another one, by accident. */
  readonly empty: { readonly return: MeanScore; readonly pursues: MeanScore };
}

/** The streams of a table, with K tasks and D memories of each: acted in × memory of × memory. */
export const transplantPlaces = (tasks: number, memories: number) =>
  Array.from({ length: tasks * tasks * memories }, (_, i) => ({
    acted: Math.floor(i / (tasks * memories)),
    of: Math.floor(i / memories) % tasks,
    memory: i % memories,
  }));

export interface TransplantTableRequest {
  readonly keys: readonly string[];
  /** The returns of each task that score 0 and 1. */
  readonly scales: readonly Scale[];
  /** Memories of each task. */
  readonly memories: number;
  readonly resamples: number;
  readonly resampled: Resampled;
  readonly random: Random;
}

/**
 * The table of what was earned with memories, and with empty ones in their places, both in the order of `transplantPlaces`. Intervals resample memories,
 * each with all that was done with it: streams with one memory are no independent runs.
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
  /** One score a memory: in its own task, or over all others. */
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

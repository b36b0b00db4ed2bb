/** @file What a source of learning histories is: an algorithm that starts on a task knowing little and gets better at it. */

import { type EnvFamily, type History, type Options, type OptionTable, resolveOptions, type Task } from '../rl/index.ts';
import type { Random } from '../util/random.ts';

/** One learner on one task. `F`, `W` and `P` are the numbers of an observation, an action, a distribution over actions. */
export interface Learner {
  /** Writes the whole distribution over actions, [P], that it would draw from now; [F] observation. Asking changes nothing. */
  distribution(observation: Float32Array, out: Float32Array): void;
  /** Learns from one step, with an action of W numbers; `nextObservation` is where the action led, a final state at an episode's end. Arrays must not be kept. */
  observe(
    observation: Float32Array,
    action: ArrayLike<number>,
    reward: number,
    nextObservation: Float32Array,
    terminated: boolean,
    truncated: boolean,
  ): void;
}

export interface Source {
  readonly id: string;
  readonly description: string;
  /** What it knows before its first step, in one sentence; goes into manifests and reports. */
  readonly knows: string;
  /** A source that declares the option `episodes` is told the length of its history there. */
  readonly options: OptionTable;
  /**
   * A learner that knows nothing of `task` but what `knows` admits. Throws `E_CONFIG` for an unknown option, a value out of range, or a
   * family that the source cannot learn.
   */
  learner(family: EnvFamily, task: Task, random: Random, options?: Readonly<Record<string, unknown>>): Learner;
  /** What of a whole history is kept, and in which order; absent where that is the history as it happened. */
  keep?(history: History, random: Random, options?: Readonly<Record<string, unknown>>): History;
}

/** Ties a source's option table to the type of the options that its `learner` receives, and checks them. */
export function defineSource<T extends OptionTable>(
  source: Omit<Source, 'options' | 'learner' | 'keep'> & {
    options: T;
    learner(family: EnvFamily, task: Task, random: Random, options: Options<T>): Learner;
    keep?(history: History, random: Random, options: Options<T>): History;
  },
): Source {
  const { keep, ...rest } = source;
  const resolve = (given?: Readonly<Record<string, unknown>>) => resolveOptions(`source ${source.id}`, source.options, given);
  return {
    ...rest,
    learner: (family, task, random, given) => source.learner(family, task, random, resolve(given)),
    keep: keep && ((history, random, given) => keep(history, random, resolve(given))),
  };
}

/** The largest of `values[offset … offset + count)`. */
export function largestOf(values: ArrayLike<number>, offset: number, count: number): number {
  let best = -Infinity;
  for (let a = 0; a < count; a++) if (values[offset + a] > best) best = values[offset + a];
  return best;
}

/** Writes the uniform distribution over the actions with the largest of `values[offset … offset + A)`, ties within `tolerance`. */
export function spreadOverBest(values: ArrayLike<number>, offset: number, out: Float32Array, tolerance = 1e-9): void {
  const best = largestOf(values, offset, out.length);
  let ties = 0;
  for (let a = 0; a < out.length; a++) {
    out[a] = values[offset + a] >= best - tolerance ? 1 : 0;
    ties += out[a];
  }
  for (let a = 0; a < out.length; a++) out[a] /= ties;
}

/** Lets a learner learn from what another did; `before` is called ahead of every step, with what is seen there. */
export function observe(
  learner: Learner,
  { observation, action, reward, nextObservation, terminated, truncated }: History,
  before?: (observation: Float32Array, t: number) => void,
): void {
  const row = <T extends Float32Array | Int32Array>(column: T, t: number) => {
    const width = column.length / reward.length;
    return column.slice(t * width, (t + 1) * width) as T;
  };
  for (let t = 0; t < reward.length; t++) {
    const seen = row(observation, t);
    before?.(seen, t);
    learner.observe(seen, row(action, t), reward[t], row(nextObservation, t), terminated[t] === 1, truncated[t] === 1);
  }
}

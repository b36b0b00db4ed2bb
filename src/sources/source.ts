/** @file What a source of learning histories is: an algorithm that starts on a task knowing little and gets better at it. */

import type { Executor } from '../engine/index.ts';
import { type EnvFamily, type History, type Options, type OptionTable, type Policy, resolveOptions, type Task } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
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

/** Learners that act and learn together, as one policy: environments [l · E, (l + 1) · E) are learner l's, and none depends on its neighbors. */
export interface Cohort extends Policy {
  /** Ends all learning and forgets the running episodes: what is observed from now on only moves what is remembered within an episode. */
  freeze(): void;
  /** Frees the programs that it runs. */
  dispose(): Promise<void>;
}

export interface CohortRequest {
  readonly family: EnvFamily;
  /** Everything random of each learner, so that equal streams give equal learners, whatever the others are. */
  readonly randoms: readonly Random[];
  /** Environments of each learner (E), all of one task. */
  readonly environments: number;
  readonly executor: Executor;
}

type GivenOptions = Readonly<Record<string, unknown>>;

interface SourceFacts {
  readonly id: string;
  readonly description: string;
  /** What it knows before its first step, in one sentence; goes into manifests and reports. */
  readonly knows: string;
  /** A source that declares the option `episodes` is told the length of its history there. */
  readonly options: OptionTable;
}

/** A source whose learners are made one by one, and can watch what another does. */
export interface LearnerSource extends SourceFacts {
  /**
   * A learner that knows nothing of `task` but what `knows` admits. Throws `E_CONFIG` for an unknown option, a value out of range, or a
   * family that the source cannot learn.
   */
  learner(family: EnvFamily, task: Task, random: Random, options?: GivenOptions): Learner;
  /** What of a whole history is kept, and in which order; absent where that is the history as it happened. */
  keep?(history: History, random: Random, options?: GivenOptions): History;
}

/** A source of which many learners are trained at once, each in several environments. It learns from what it does itself, and asks no task. */
export interface CohortSource extends SourceFacts {
  /** Environments that each learner plays for a history. Throws `E_CONFIG` as `cohort` does for options. */
  environments(options?: GivenOptions): number;
  /** Bytes that each learner takes, its history aside. */
  bytes(family: EnvFamily, options?: GivenOptions): number;
  /** Throws `E_CONFIG` for an unknown option, a value out of range, or a family that the source cannot learn. */
  check(family: EnvFamily, options?: GivenOptions): void;
  /** Learners that know nothing but what `knows` admits. Throws as `check` does. */
  cohort(request: CohortRequest, options?: GivenOptions): Promise<Cohort>;
}

export type Source = LearnerSource | CohortSource;

/** The source, where its learners are made one by one. Throws `E_CONFIG`, naming `who` needs that, where they are not. */
export function expectLearners(source: Source, who: string): LearnerSource {
  if ('learner' in source) return source;
  const what = `${who} needs a source that learns from what another does, which ${source.id} does not: it learns in environments of its own`;
  throw new CadenzaError('E_CONFIG', `${what}. Choose another source, or leave that out.`);
}

/** Throws `E_CONFIG` where the source does not learn the task under these options. */
export function expectLearns(source: Source, family: EnvFamily, task: Task, random: Random, options?: GivenOptions): void {
  if ('learner' in source) source.learner(family, task, random, options);
  else source.check(family, options);
}

/** The options, with the length of a history for a source that asks for it. */
export const toldEpisodes = (source: Source, episodes: number | undefined, options?: GivenOptions): GivenOptions | undefined =>
  episodes !== undefined && Object.hasOwn(source.options, 'episodes') ? { episodes, ...options } : options;

/** Ties a source's option table to the type of the options that its `learner` receives, and checks them. */
export function defineSource<T extends OptionTable>(
  source: Omit<LearnerSource, 'options' | 'learner' | 'keep'> & {
    options: T;
    learner(family: EnvFamily, task: Task, random: Random, options: Options<T>): Learner;
    keep?(history: History, random: Random, options: Options<T>): History;
  },
): LearnerSource {
  const { keep, ...rest } = source;
  const resolve = (given?: GivenOptions) => resolveOptions(`source ${source.id}`, source.options, given);
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

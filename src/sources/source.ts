/** @file The interface of sources of learning histories: algorithms that start on a task with little knowledge and improve. */

import type { Executor } from '../engine/index.ts';
import {
  type EnvFamily,
  type Factor,
  type History,
  type Options,
  type OptionTable,
  type Policy,
  resolveOptions,
  type Task,
} from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Random } from '../util/random.ts';

/** Something that a learner believes, for example where the goal is. Memories that observed the same steps are probed for it. */
export interface Belief extends Factor {
  /** What it believes now, as many numbers as an element of the space has. */
  value(): readonly number[];
}

/** One learner on one task. F, W and P are the numbers in an observation, an action and a distribution over actions. */
export interface Learner {
  /** Writes its current distribution over actions, [P], for an observation [F]. Does not change the learner. */
  distribution(observation: Float32Array, out: Float32Array): void;
  /**
   * Learns from one step, with an action of W numbers; `nextObservation` is where the action led, the final state at the end of an episode.
   * Arrays are reused by the caller.
   */
  observe(
    observation: Float32Array,
    action: ArrayLike<number>,
    reward: number,
    nextObservation: Float32Array,
    terminated: boolean,
    truncated: boolean,
  ): void;
  /** What it believes: a function of the steps that it observed. Absent if nothing of it has a name. */
  readonly beliefs?: readonly Belief[];
}

/**
 * Learners that act and learn together, as one policy: environments [l · E, (l + 1) · E) belong to learner l, and learners do not affect
 * each other.
 */
export interface Cohort extends Policy {
  /** Ends learning and clears the running episodes. Observations then only update the memory within an episode. */
  freeze(): void;
  /** Releases its programs. */
  dispose(): Promise<void>;
}

/** Request for a cohort of learners. */
export interface CohortRequest {
  /** The family of tasks. */
  readonly family: EnvFamily;
  /** The stream of each learner: equal streams give equal learners, whatever the others are. */
  readonly randoms: readonly Random[];
  /** Number of environments of each learner (E), all with one task. */
  readonly environments: number;
  /** Runs the networks. */
  readonly executor: Executor;
}

type GivenOptions = Readonly<Record<string, unknown>>;

interface SourceFacts {
  readonly id: string;
  readonly description: string;
  /** What it knows before its first step, in one sentence; it appears in manifests and reports. */
  readonly knows: string;
  /** Its options. A source with the option `episodes` gets the length of its history there. */
  readonly options: OptionTable;
}

/** A source whose learners are created one by one, and can observe what another policy does. */
export interface LearnerSource extends SourceFacts {
  /**
   * Creates a learner that knows nothing of `task` beyond what `knows` states.
   *
   * @throws {CadenzaError} `E_CONFIG` for an unknown option, a value out of range, or a family that the source cannot learn.
   */
  learner(family: EnvFamily, task: Task, random: Random, options?: GivenOptions): Learner;
  /** Selects and orders the transitions of a complete history; by default all of them in order. */
  keep?(history: History, random: Random, options?: GivenOptions): History;
}

/**
 * A source that trains many learners at once, each in several environments. It learns only from its own actions and never reads the task.
 */
export interface CohortSource extends SourceFacts {
  /** Number of environments that each learner plays for a history. Throws `E_CONFIG` for invalid options. */
  environments(options?: GivenOptions): number;
  /** Memory in bytes that each learner takes, without its history. */
  bytes(family: EnvFamily, options?: GivenOptions): number;
  /** Throws `E_CONFIG` for an unknown option, a value out of range, or a family that the source cannot learn. */
  check(family: EnvFamily, options?: GivenOptions): void;
  /** Creates learners that know nothing beyond what `knows` states. Throws as `check` does. */
  cohort(request: CohortRequest, options?: GivenOptions): Promise<Cohort>;
}

/** A registered source of learning histories. */
export type Source = LearnerSource | CohortSource;

/**
 * The source, if its learners are created one by one. `who` names, in errors, what needs that.
 *
 * @throws {CadenzaError} `E_CONFIG` for a source of cohorts.
 */
export function expectLearners(source: Source, who: string): LearnerSource {
  if ('learner' in source) return source;
  const what = `${who} needs a source that can learn from observing, but ${source.id} learns only from its own actions`;
  throw new CadenzaError('E_CONFIG', `${what}. Choose another source, or disable what needs it.`);
}

/** Throws `E_CONFIG` if the source cannot learn the task with these options. */
export function expectLearns(source: Source, family: EnvFamily, task: Task, random: Random, options?: GivenOptions): void {
  if ('learner' in source) source.learner(family, task, random, options);
  else source.check(family, options);
}

/** The options, plus the length of a history if the source has the option `episodes`. */
export const withEpisodes = (source: Source, episodes: number | undefined, options?: GivenOptions): GivenOptions | undefined =>
  episodes !== undefined && Object.hasOwn(source.options, 'episodes') ? { episodes, ...options } : options;

/**
 * Declares a source: types the options that its `learner` receives by its option table, and checks them. Register it with
 * `sources.register`.
 *
 * @throws {CadenzaError} `E_CONFIG`, from `learner`, for invalid options.
 * @example
 * sources.register(
 *   defineSource({
 *     id: 'repeat',
 *     description: 'always takes one action',
 *     knows: 'The actions only.',
 *     options: { action: { default: 0, range: [0, 99], integer: true, about: 'the action' } },
 *     learner: (_family, _task, _random, { action }) => ({
 *       distribution: (_observation, out) => out.fill(0).fill(1, action, action + 1),
 *       observe() {},
 *     }),
 *   }),
 * );
 */
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

/**
 * A belief in integers that may be unknown, the i-th in [0, counts[i]): one that `value` leaves out or undefined is counts[i].
 *
 * @example
 * const door: { cell?: readonly number[] } = {};
 * const belief = integersIfKnown({ name: 'door', counts: [9, 9], parts: ['x', 'y'] }, () => door.cell ?? []);
 * belief.value(); // [9, 9]
 */
export const integersIfKnown = (
  { counts, ...about }: Pick<Factor, 'name' | 'parts'> & { readonly counts: readonly number[] },
  value: () => readonly (number | undefined)[],
): Belief => ({
  ...about,
  space: { kind: 'multi-discrete', nvec: counts.map(count => count + 1) },
  value() {
    const known = value();
    return counts.map((count, i) => known[i] ?? count);
  },
});

/** The largest of `values[offset … offset + count)`. */
export function largestOf(values: ArrayLike<number>, offset: number, count: number): number {
  let best = -Infinity;
  for (let a = 0; a < count; a++) if (values[offset + a] > best) best = values[offset + a];
  return best;
}

/** Writes the uniform distribution over the actions with the largest of `values[offset … offset + A)`, with ties within `tolerance`. */
export function spreadOverBest(values: ArrayLike<number>, offset: number, out: Float32Array, tolerance = 1e-9): void {
  const best = largestOf(values, offset, out.length);
  let ties = 0;
  for (let a = 0; a < out.length; a++) {
    out[a] = values[offset + a] >= best - tolerance ? 1 : 0;
    ties += out[a];
  }
  for (let a = 0; a < out.length; a++) out[a] /= ties;
}

/** Lets a learner learn from another's history; `before` is called before every step, with its observation. */
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

/** @file What a registered environment declares, and what cadenza can add: its batching and its task keys. */

import {
  type Actions,
  contentKey,
  countsOf,
  type EnvFamily,
  expectActions,
  type OptionedEntry,
  type Options,
  type OptionTable,
  type Outcome,
  resolveOptions,
  type Space,
  type StepResult,
  spaceSize,
  type Task,
  type VectorEnv,
} from '../rl/index.ts';
import { spaceSchema } from '../rl/space-format.ts';
import { canonicalJson } from '../util/canonical.ts';
import { CadenzaError } from '../util/errors.ts';
import { checkRecord } from '../util/formats.ts';
import type { Random } from '../util/random.ts';

/** A registered environment: id, description, options, and `create`, which returns the family. */
export type EnvEntry = OptionedEntry<EnvFamily>;

/** Result of one step of a single environment. */
export interface Step {
  /** The numbers of the next observation. */
  readonly observation: ArrayLike<number>;
  /** The reward of the step. */
  readonly reward: number;
  /** Whether the task's rules end the episode here. */
  readonly terminated?: boolean;
}

/** A single environment with one task. */
export interface SingleEnv {
  /** Starts an episode; returns the numbers of its first observation. */
  reset(): ArrayLike<number>;
  /** Takes an action, as a list of numbers. The caller truncates an episode that is still running after `horizon` steps. */
  step(action: readonly number[]): Step;
}

/** A family without what `defineEnv` adds: its id, task keys by content, and batches of single environments. */
export type FamilyRules = Omit<EnvFamily, 'id' | 'taskKey' | 'make'> &
  Partial<Pick<EnvFamily, 'id' | 'taskKey'>> &
  (Pick<EnvFamily, 'make'> | { start(task: Task, random: Random): SingleEnv });

/**
 * Declares an environment: types the options that its `create` receives by its option table, and completes the family. Register it with
 * `environments.register`.
 *
 * @throws {CadenzaError} `E_CONFIG`, from `create`, for an unknown option, an invalid value or a missing part.
 * @example
 * environments.register(
 *   defineEnv({
 *     id: 'corridor',
 *     description: 'a corridor with a reward at one of its two ends',
 *     options: { length: { default: 5, range: [3, 99], integer: true, about: 'number of cells' } },
 *     create: ({ length }) => ({
 *       observationSpace: { kind: 'discrete', n: length },
 *       actionSpace: { kind: 'discrete', n: 2 },
 *       horizon: 2 * length,
 *       tasks: () => [{ end: 0 }, { end: length - 1 }],
 *       start(task) {
 *         let at = 0;
 *         return {
 *           reset: () => [(at = Math.floor(length / 2))],
 *           step([move]) {
 *             at = Math.min(length - 1, Math.max(0, at + 2 * move - 1));
 *             return { observation: [at], reward: at === task.end ? 1 : 0 };
 *           },
 *         };
 *       },
 *     }),
 *   }),
 * );
 */
export function defineEnv<const T extends OptionTable>(
  env: Omit<EnvEntry, 'options' | 'create'> & { options: T; create(options: Options<T>): FamilyRules },
): EnvEntry {
  return {
    ...env,
    create(given) {
      const options = resolveOptions(`environment ${env.id}`, env.options, given);
      const changed = Object.entries(options).filter(([key, value]) => canonicalJson(value) !== canonicalJson(env.options[key].default));
      const family = completed(
        env.id,
        user(env.id, 'create', () => env.create(options)),
      );
      return { ...family, ...(changed.length > 0 ? { options: Object.fromEntries(changed) } : {}) };
    },
  };
}

/** Completes a family from its rules. Throws `E_CONFIG` if a part is missing. */
function completed(id: string, rules: FamilyRules): EnvFamily {
  const parts = rules as Partial<EnvFamily> & { start?: unknown };
  const need = (has: boolean, what: string) => {
    if (!has) throw new CadenzaError('E_CONFIG', `environment ${id}: create returns no ${what}. Add it.`);
  };
  need(parts.observationSpace !== undefined, 'observationSpace, such as { kind: "discrete", n: 9 }');
  need(parts.actionSpace !== undefined, 'actionSpace, such as { kind: "discrete", n: 4 }');
  for (const name of ['observationSpace', 'actionSpace'] as const) {
    const what = 'a space: discrete, multi-discrete, box or image';
    checkRecord(parts[name], `environment ${id}: ${name}`, {
      what,
      schema: spaceSchema,
      code: 'E_CONFIG',
      advice: 'Correct it in create.',
    });
  }
  need(Number.isInteger(parts.horizon) && parts.horizon! > 0, `horizon that is a positive integer (found ${parts.horizon})`);
  need((parts.tasks === undefined) !== (parts.drawTask === undefined), 'tasks or drawTask (exactly one of the two)');
  need(
    parts.make !== undefined || parts.start !== undefined,
    'start(task, random), which creates one environment, or make, which creates many',
  );
  const family = { id, taskKey: contentKey, ...rules };
  if ('make' in family) return family;
  return { ...family, make: (tasks, random) => makeBatch(family, tasks, random) };
}

/** Steps single environments together: environment i plays `tasks[i]` with its own random stream. */
function makeBatch(
  family: Pick<EnvFamily, 'id' | 'observationSpace' | 'actionSpace' | 'horizon'> & { start(task: Task, random: Random): SingleEnv },
  tasks: readonly Task[],
  random: Random,
): VectorEnv {
  const { observationSpace, actionSpace, horizon } = family;
  const size = tasks.length;
  const [F, W] = [spaceSize(observationSpace), spaceSize(actionSpace)];
  const result = stepBuffers(size, F);
  const elapsed = new Int32Array(size);
  const start = (root: Random) => tasks.map((task, i) => user(family.id, 'start', () => family.start(task, root.split('environment', i))));
  let envs = start(random);
  const write = (observation: ArrayLike<number>, out: Float32Array, i: number) => {
    expectObservation(family, observationSpace, observation);
    out.set(observation, i * F);
  };
  const begin = (i: number) => {
    elapsed[i] = 0;
    write(
      user(family.id, 'reset', () => envs[i].reset()),
      result.observation,
      i,
    );
  };
  return {
    size,
    reset(stream) {
      if (stream) envs = start(stream);
      for (let i = 0; i < size; i++) begin(i);
      return result.observation;
    },
    step(actions: Actions) {
      expectActions(family, actions, size);
      for (const [i, env] of envs.entries()) {
        const stepped = user(family.id, 'step', () => env.step(Array.from(actions.subarray(i * W, (i + 1) * W))));
        if (typeof stepped !== 'object' || stepped === null)
          throw new CadenzaError('E_SHAPE', `environment ${family.id}: step returned ${stepped}; expected { observation, reward }.`);
        const { observation, reward, terminated = false } = stepped;
        if (!Number.isFinite(reward))
          throw new CadenzaError('E_SHAPE', `environment ${family.id}: step gave the reward ${reward}; expected a finite number.`);
        write(observation, result.finalObservation, i);
        result.reward[i] = reward;
        result.terminated[i] = Number(terminated);
        result.truncated[i] = Number(++elapsed[i] >= horizon);
        if (result.terminated[i] || result.truncated[i]) begin(i);
        else result.observation.set(observation, i * F);
      }
      return result;
    },
  };
}

/** Calls a function of an environment. Its failure is the environment's, so the error names that, the function and the place in its file. */
function user<T>(id: string, what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof CadenzaError) throw error;
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    const place = stack?.split('\n').find(line => line.trimStart().startsWith('at '));
    const where = place ? ` (${place.trim()})` : '';
    throw new CadenzaError('E_CONFIG', `environment ${id}: ${what} threw "${message}"${where}. Fix the environment.`, { cause: error });
  }
}

/** Throws `E_SHAPE` unless these are the numbers of an element of the space. */
function expectObservation({ id }: Pick<EnvFamily, 'id'>, space: Space, observation: ArrayLike<number>): void {
  const refuse = (what: string): never => {
    throw new CadenzaError('E_SHAPE', `environment ${id}: an observation ${what}. Fix it, or the observationSpace.`);
  };
  const size = spaceSize(space);
  if (observation?.length !== size) refuse(`has ${observation?.length ?? 'no'} numbers; expected ${size}, as the observationSpace says`);
  const counts = countsOf(space);
  for (let i = 0; i < size; i++) {
    const value = observation[i];
    if (!Number.isFinite(value)) refuse(`holds ${value} at ${i}; expected a finite number`);
    if (counts && !(Number.isInteger(value) && value >= 0 && value < counts[i]))
      refuse(`holds ${value} at ${i}; expected an integer from 0 to ${counts[i] - 1}`);
  }
}

/** Counts the steps with a positive reward under this name, in families where such a step is a success. */
export const rewardedSteps = (name: string): Outcome => ({ name, of: ({ reward }, i) => Number(reward[i] > 0) });

/** Arrays for the result of a step of `size` environments with observations of `width` numbers; they are reused by the next call. */
export const stepBuffers = (size: number, width: number): StepResult => ({
  observation: new Float32Array(size * width),
  reward: new Float32Array(size),
  terminated: new Uint8Array(size),
  truncated: new Uint8Array(size),
  finalObservation: new Float32Array(size * width),
});

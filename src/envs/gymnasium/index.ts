/**
 * @file Environments of Gymnasium, run by Python in a separate process. Spaces are converted to numbers by `scripts/gymnasium/bridge.py`; a
 * task is what differs in its environment (tasks.ts). See docs/how-to/gymnasium.md.
 */

import { z } from 'zod';
import { type EnvFamily, expectActions, type Options, type Space, spaceSize, type Task, type VectorEnv } from '../../rl/index.ts';
import { spaceSchema } from '../../rl/space-format.ts';
import { canonicalJson, type Json } from '../../util/canonical.ts';
import { CadenzaError, invariant } from '../../util/errors.ts';
import type { Random } from '../../util/random.ts';
import { defineEnv } from '../entry.ts';
import { type Bridge, bridge } from './bridge.ts';
import { gymTaskKey, gymTasks, tasksSchema } from './tasks.ts';

const OPTIONS = {
  make: { schema: z.string().min(1), about: 'id of the environment, as passed to gymnasium.make' },
  kwargs: { schema: z.record(z.string(), z.json()), default: {}, about: 'arguments of gymnasium.make that all tasks share' },
  tasks: {
    schema: tasksSchema,
    default: {},
    about: 'how tasks differ: a list of tasks, or lists of values whose combinations are the tasks',
  },
  horizon: { default: 0, range: [0, 2 ** 20], integer: true, about: 'steps per episode; 0: max_episode_steps of the environment' },
} as const;

export const gymnasium = defineEnv({
  id: 'gymnasium',
  description: 'any environment of Gymnasium, live in Python',
  options: OPTIONS,
  create: gymnasiumFamily,
});

/** What one environment is created from. */
type Variant = { readonly make: string; readonly horizon: number; readonly [key: string]: Json };

/**
 * A task is `{ index }`, its position among those in the options; its key states its content. Throws `E_INSTALL` without Python, gymnasium
 * or a package of the environment, `E_CONFIG` for an environment that is not registered or whose spaces are not supported, `E_EXECUTOR` if
 * Python crashes or hangs.
 */
function gymnasiumFamily({ make, kwargs, tasks: declared, horizon }: Options<typeof OPTIONS>): EnvFamily {
  const python = bridge();
  const tasks = gymTasks(declared, ({ call, kwargs = {}, seeds }) =>
    python.command<Json[]>({ command: 'call', function: call, kwargs, seeds }),
  );
  const variants = tasks.map((task): Variant => ({ make, horizon, ...task, kwargs: { ...kwargs, ...task.kwargs } }) as Variant);
  // Each is created now, so that a broken task is found before anything is trained.
  const [first, ...others] = variants.map(variant => python.command<Record<string, Json>>({ command: 'describe', variant }));
  for (const [i, other] of others.entries())
    for (const name of Object.keys(first)) {
      if (canonicalJson(other[name]) === canonicalJson(first[name])) continue;
      const has = (task: number, of: Json) => `${gymTaskKey(tasks[task])} has ${canonicalJson(of)}`;
      const what = `all tasks of ${make} must have the same ${name}, but ${has(0, first[name])} and ${has(i + 1, other[name])}`;
      throw new CadenzaError('E_CONFIG', `${what}. Remove the tasks that differ.`);
    }
  const found = described.parse(first);
  if (found.horizon === null)
    throw new CadenzaError(
      'E_CONFIG',
      `${make} has no max_episode_steps. Set env.options.horizon, the steps after which an episode is truncated.`,
    );
  const of = ({ index }: Task) => Number(index);
  return {
    id: 'gymnasium',
    observationSpace: found.observationSpace,
    actionSpace: found.actionSpace,
    horizon: found.horizon,
    software: { ...python.software },
    tasks: () => tasks.map((_, index) => ({ index })),
    taskKey: task => (tasks[of(task)] ? gymTaskKey(tasks[of(task)]) : `index=${of(task)}`),
    make: (chosen, random) =>
      new GymEnvs(
        chosen.map(task => variants[of(task)]),
        random,
        found,
      ),
  };
}

const described = z.object({ observationSpace: spaceSchema, actionSpace: spaceSchema, horizon: z.int().min(1).nullable() });

/** A group of environments in Python. It is opened at the first reset, because some groups are never played. */
class GymEnvs implements VectorEnv {
  readonly size: number;
  readonly #variants: readonly Variant[];
  readonly #actionSpace: Space;
  readonly #width: number;
  /** Seeds of the next reset. */
  #seeds: readonly number[] | undefined;
  #group: { readonly id: number; readonly python: Bridge } | undefined;

  constructor(
    variants: readonly Variant[],
    random: Random,
    { observationSpace, actionSpace }: { observationSpace: Space; actionSpace: Space },
  ) {
    this.size = variants.length;
    this.#variants = variants;
    this.#actionSpace = actionSpace;
    this.#width = spaceSize(observationSpace);
    this.#seeds = this.#drawSeeds(random);
  }

  #drawSeeds = (random: Random) => this.#variants.map((_, i) => random.split(i).integer(2 ** 31));

  reset(random?: Random): Float32Array {
    if (random) this.#seeds = this.#drawSeeds(random);
    const { id, python } = this.#open();
    const bytes = python.numbers({ command: 'reset', group: id, seeds: this.#seeds ?? null });
    this.#seeds = undefined;
    return new Float32Array(bytes.buffer);
  }

  step(actions: Int32Array | Float32Array) {
    expectActions({ id: 'gymnasium', actionSpace: this.#actionSpace }, actions, this.size);
    invariant(this.#group !== undefined, 'gymnasium: expected reset() before the first step().');
    const { buffer } = this.#group.python.step(this.#group.id, actions);
    const [size, numbers] = [this.size, this.size * this.#width];
    return {
      observation: new Float32Array(buffer, 0, numbers),
      finalObservation: new Float32Array(buffer, 4 * numbers, numbers),
      reward: new Float32Array(buffer, 8 * numbers, size),
      terminated: new Uint8Array(buffer, 8 * numbers + 4 * size, size),
      truncated: new Uint8Array(buffer, 8 * numbers + 5 * size, size),
    };
  }

  close(): void {
    if (this.#group && !this.#group.python.failure) this.#group.python.command({ command: 'close', group: this.#group.id });
    this.#group = undefined;
  }

  #open() {
    if (this.#group) return this.#group;
    const python = bridge();
    const id = python.newGroup();
    python.command({ command: 'open', group: id, variants: this.#variants });
    this.#group = { id, python };
    return this.#group;
  }
}

/** @file Plays environments with random actions, for the checks of their contract. */

import {
  type Actions,
  actionDistribution,
  countsOf,
  type EnvFamily,
  listedTasks,
  newActions,
  type Space,
  spaceSize,
  type Task,
  type VectorEnv,
} from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { expectEqual, expectThat } from './check.ts';

/** Number of tasks that are played. */
export const TASKS = 9;

/** Up to `count` tasks, spread evenly over the family or drawn from it. */
export function someTasks(family: EnvFamily, count = TASKS): Task[] {
  const { drawTask } = family;
  if (drawTask) return Array.from({ length: count }, (_, i) => drawTask(Random.seeded(8).split(i)));
  const tasks = listedTasks(family, 'A check');
  const some = Math.min(count, tasks.length);
  return Array.from({ length: some }, (_, i) => tasks[Math.floor((i * tasks.length) / some)]);
}

/** Throws unless `values` are `count` elements of the space, concatenated. */
export function expectWithin(space: Space, values: ArrayLike<number>, count: number, where: string): void {
  const width = spaceSize(space);
  expectEqual(values.length, count * width, `${where}, how many numbers`);
  const counts = countsOf(space);
  for (let i = 0; i < values.length; i++) {
    const [value, f] = [values[i], i % width];
    const [low, high] = counts ? [0, counts[f] - 1] : space.kind === 'box' ? [space.low[f], space.high[f]] : [0, 1];
    const holds = value >= low && value <= high && (!counts || Number.isInteger(value));
    expectThat(
      holds,
      `${where}, element ${Math.floor(i / width)}, number ${f}`,
      `${counts ? 'an integer' : 'a number'} in [${low}, ${high}]`,
      value,
    );
  }
}

/** Uniformly random actions for `count` environments. */
export function anyActions({ actionSpace }: EnvFamily, count: number, random: Random): Actions {
  const { size, width, draw, uniform } = actionDistribution(actionSpace);
  const row = new Float32Array(size);
  uniform(row);
  const actions = newActions(actionSpace, count);
  for (let i = 0; i < count; i++) draw(row, 0, random, actions, i * width, 1);
  return actions;
}

/** Creates environments, and closes them at the end. */
export function withEnv<T>(family: EnvFamily, tasks: readonly Task[], random: Random, use: (env: VectorEnv) => T): T {
  const env = family.make(tasks, random);
  try {
    return use(env);
  } finally {
    env.close?.();
  }
}

/** The arrays of a step, copied. */
export type Row = Record<'observation' | 'reward' | 'terminated' | 'truncated' | 'finalObservation', number[]> & { executed?: number[] };

interface Play {
  readonly tasks: readonly Task[];
  readonly first: number[];
  readonly trace: readonly Row[];
  readonly taken: readonly Actions[];
}

/** Plays some tasks with uniformly random actions for more than two episodes, copying every array. */
export function play(family: EnvFamily, seed: number, tasks: readonly Task[] = someTasks(family), steps = 2 * family.horizon + 3): Play {
  const random = Random.seeded(seed);
  return withEnv(family, tasks, random.split('env'), env => {
    const first = Array.from(env.reset());
    const taken: Actions[] = [];
    const trace = Array.from({ length: steps }, () => {
      taken.push(anyActions(family, tasks.length, random));
      const { observation, reward, terminated, truncated, finalObservation, executed } = env.step(taken.at(-1)!);
      const columns = { observation, reward, terminated, truncated, finalObservation, ...(executed && { executed }) };
      return Object.fromEntries(Object.entries(columns).map(([key, column]) => [key, Array.from(column)])) as Row;
    });
    return { tasks, first, trace, taken };
  });
}

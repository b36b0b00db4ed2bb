/** @file Families with a tabular model, and the vectorized environment that they share. */

import {
  actionIndex,
  type EnvFamily,
  expectActions,
  optimalReturn,
  spaceSize,
  type TabularModel,
  type Task,
  type VectorEnv,
} from '../rl/index.ts';
import type { Random } from '../util/random.ts';
import { stepBuffers } from './entry.ts';
import { permuted } from './permuted.ts';

/** A family that is fully specified by its model. */
export type TabularFamily = EnvFamily & { readonly model: TabularModel };

/** Completes a family from its rules: stepping and the oracle follow from the model. Its actions may be permuted. */
export function tabularFamily({
  permutations = 0,
  ...given
}: Omit<TabularFamily, 'make' | 'oracleReturn'> & { readonly permutations?: number }): TabularFamily {
  const rules = permuted(permutations, given);
  return { ...rules, make: (tasks, random) => makeTabularEnv(rules, tasks, random), oracleReturn: task => optimalReturn(rules, task) };
}

/**
 * Environment i plays `tasks[i]` with its own stream, so its outcome does not depend on the others. All returned arrays are buffers that
 * the next call overwrites.
 */
export function makeTabularEnv(
  family: Pick<TabularFamily, 'model' | 'horizon' | 'observationSpace' | 'actionSpace' | 'id'>,
  tasks: readonly Task[],
  random: Random,
): VectorEnv {
  const { model, horizon } = family;
  const size = tasks.length;
  const current = [...tasks];
  const width = spaceSize(family.observationSpace);
  const actionWidth = spaceSize(family.actionSpace);
  const actionOf = actionIndex(family, 'a tabular environment').of;
  const state = new Int32Array(size);
  const elapsed = new Int32Array(size);
  const result = stepBuffers(size, width);
  let streams: Random[] = [];
  const seed = (root: Random) => {
    streams = tasks.map((_, i) => root.split('start', i));
  };
  const begin = (i: number) => {
    state[i] = model.starts[streams[i].integer(model.starts.length)];
    elapsed[i] = 0;
    model.observe(state[i], result.observation, i * width);
  };
  seed(random);

  return {
    size,
    reset(stream) {
      if (stream) seed(stream);
      for (let i = 0; i < size; i++) begin(i);
      return result.observation;
    },
    step(actions) {
      expectActions(family, actions, size);
      for (let i = 0; i < size; i++) {
        const [from, action] = [state[i], actionOf(actions, i * actionWidth)];
        const to = model.next(current[i], from, action);
        state[i] = to;
        elapsed[i]++;
        result.reward[i] = model.reward(current[i], from, action, to);
        result.terminated[i] = model.terminal(current[i], to) ? 1 : 0;
        result.truncated[i] = elapsed[i] >= horizon ? 1 : 0;
        model.observe(to, result.finalObservation, i * width);
        if (result.terminated[i] || result.truncated[i]) begin(i);
        else model.observe(to, result.observation, i * width);
      }
      return result;
    },
    setTask(i, task) {
      current[i] = task;
    },
  };
}

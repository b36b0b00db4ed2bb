/** @file The oracle: optimal from its first step, because it is told the task. A reference row and a source of labels, not a learner. */

import {
  actionDistribution,
  discreteActions,
  type EnvFamily,
  type History,
  type PlaneModel,
  type RegretModel,
  type Task,
  tabularModel,
} from '../rl/index.ts';
import { expert } from './expert.ts';
import { defineSource, type Learner, observe, spreadOverBest } from './source.ts';

export const oracle = defineSource({
  id: 'oracle',
  description: 'optimal actions from the first step on',
  knows: 'Everything: the task itself, its hidden goal included.',
  options: {},
  learner: optimal,
});

/** Uniformly random actions: the other reference row. */
export const uniform = defineSource({
  id: 'random',
  description: 'uniformly random actions, nothing learned',
  knows: 'The actions only.',
  options: {},
  learner(family) {
    const { uniform: write } = actionDistribution(family.actionSpace);
    return { distribution: (_observation, out) => write(out), observe() {} };
  },
});

/** By whatever the family declares that settles what is optimal. Throws `E_CONFIG` where that is nothing. */
function optimal(family: EnvFamily, task: Task): Learner {
  if (!family.model && family.regret) return withoutRegret(family, family.regret, task);
  if (!family.model && family.plane) return straight(family.plane, task);
  tabularModel(family, 'An optimal player, whom baselines such as oracle and dpt need,');
  return expert(family, task);
}

/** The actions that give up nothing, where no action changes what a later one is worth. */
function withoutRegret(family: EnvFamily, { of }: RegretModel, task: Task): Learner {
  const worth = Array.from({ length: discreteActions(family, 'The oracle') }, (_, action) => -of(task, action));
  return { distribution: (_, out) => spreadOverBest(worth, 0, out), observe() {} };
}

/** Exact steps straight to the center of the disc, where it stays: the first paid step is the first that can be. */
function straight({ center, stepLength }: PlaneModel, task: Task): Learner {
  const target = center(task);
  return {
    distribution(at, out) {
      const way = [target[0] - at[0], target[1] - at[1]];
      const share = stepLength / Math.max(Math.hypot(...way), stepLength);
      for (const k of [0, 1]) [out[k], out[2 + k]] = [share * way[k], 0];
    },
    observe() {},
  };
}

/** A history with what the oracle would do at every step in the place of what its learner would have done: optimal labels of the same path. */
export function oracleLabels(family: EnvFamily, history: History): History {
  const learner = optimal(family, history.task);
  const { size: P } = actionDistribution(family.actionSpace);
  const probabilities = new Float32Array(history.reward.length * P);
  observe(learner, history, (seen, t) => learner.distribution(seen, probabilities.subarray(t * P, (t + 1) * P)));
  return { ...history, probabilities };
}

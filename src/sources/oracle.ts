/** @file The oracle: optimal from its first step, because it knows the task. A reference method and a source of labels, not a learner. */

import {
  actionDistribution,
  discreteActions,
  type EnvFamily,
  type History,
  inMemory,
  type PlaneModel,
  type RegretModel,
  type Task,
  tabularModel,
} from '../rl/index.ts';
import { expert } from './expert.ts';
import { recaller } from './recall.ts';
import { defineSource, type Learner, observe, spreadOverBest } from './source.ts';

/** The source that acts optimally from its first step. */
export const oracle = defineSource({
  id: 'oracle',
  description: 'optimal actions from the first step on',
  knows: 'Everything: the task, including its hidden goal.',
  options: {},
  learner: optimal,
});

/** Uniformly random actions, the other reference method. */
export const uniform = defineSource({
  id: 'random',
  description: 'uniformly random actions, without learning',
  knows: 'The actions only.',
  options: {},
  learner(family) {
    const { uniform: write } = actionDistribution(family.actionSpace);
    return { distribution: (_observation, out) => write(out), observe() {} };
  },
});

/** Acts by whichever model the family declares. Throws `E_CONFIG` if it declares none. */
function optimal(family: EnvFamily, task: Task): Learner {
  if (!family.model && family.regret) return withoutRegret(family, family.regret, task);
  if (!family.model && family.recall) return recaller(family, family.recall);
  if (!family.model && family.plane) return straight(family.plane, task);
  tabularModel(family, 'The optimal policy (of baselines such as oracle and dpt)');
  return expert(family, task);
}

/** The actions without regret, in families where no action affects later ones. */
function withoutRegret(family: EnvFamily, { of }: RegretModel, task: Task): Learner {
  const worth = new Float64Array(discreteActions(family, 'The oracle'));
  let elapsed = 0;
  return {
    distribution(_, out) {
      for (const action of worth.keys()) worth[action] = -of(task, action, elapsed);
      spreadOverBest(worth, 0, out);
    },
    observe(_observation, _action, _reward, _next, terminated, truncated) {
      elapsed = terminated || truncated ? 0 : elapsed + 1;
    },
  };
}

/** Exact steps straight to the center of the disc, where it stays: the earliest possible reward. */
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

/** A history with the oracle's distributions in place of its learner's: optimal labels along the same path. */
export function oracleLabels(family: EnvFamily, history: History): History {
  const learner = optimal(family, history.task);
  const { size: P } = actionDistribution(family.actionSpace);
  const probabilities = new Float32Array(history.reward.length * P);
  observe(learner, history, (seen, t) => learner.distribution(seen, probabilities.subarray(t * P, (t + 1) * P)));
  return { ...inMemory(history), probabilities };
}

/** @file An expert that is told the task: what the oracle does, and what the noise curriculum starts from. */

import { type EnvFamily, optimalActions, spaceSize, type Task, tabularModel } from '../rl/index.ts';
import type { Learner } from './source.ts';

/**
 * Draws uniformly from the optimal actions. It follows the model's state by the actions taken, so it also plays families that hide part of
 * the state; an episode's first state is the first of the model's starts that looks like what is seen. Throws `E_CONFIG` for a family without
 * a tabular model.
 */
export function expert(family: EnvFamily, task: Task): Learner {
  const { horizon } = family;
  const model = tabularModel(family, 'An expert');
  const plan = optimalActions(family, task);
  const looks = new Float32Array(model.starts.length * spaceSize(family.observationSpace));
  const width = spaceSize(family.observationSpace);
  for (let i = 0; i < model.starts.length; i++) model.observe(model.starts[i], looks, i * width);
  let state = -1;
  let left = horizon;

  const locate = (observation: Float32Array) => {
    if (state >= 0) return state;
    return model.starts.find((_, i) => observation.every((value, f) => value === looks[i * width + f])) ?? model.starts[0];
  };
  return {
    distribution(observation, out) {
      const row = plan.row(left, locate(observation));
      for (let a = 0; a < out.length; a++) out[a] = plan.probabilities[row + a];
    },
    observe(observation, action, _reward, _nextObservation, terminated, truncated) {
      const ended = terminated || truncated;
      state = ended ? -1 : model.next(task, locate(observation), action);
      left = ended ? horizon : left - 1;
    },
  };
}

/** @file Experts that know the task: the oracle, the start of the noise curriculum, and imperfect demonstrators. */

import { actionIndex, type EnvFamily, type OptimalActions, optimalActions, spaceSize, type Task, tabularModel } from '../rl/index.ts';
import type { Learner } from './source.ts';

/** Writes a distribution over actions, [A], for a state of the model and the number of steps left. */
export type Rule = (stepsLeft: number, state: number, out: Float32Array) => void;

/** The uniform distribution over the optimal actions. */
export const optimally =
  ({ row, probabilities }: OptimalActions): Rule =>
  (stepsLeft, state, out) => {
    const from = row(stepsLeft, state);
    for (let a = 0; a < out.length; a++) out[a] = probabilities[from + a];
  };

/**
 * Acts by a rule over the family's own states, by default optimally. It tracks the model's state by the actions taken, so it also works in
 * families that hide part of the state; the first state of an episode is the first of the model's starts with the same observation. Throws
 * `E_CONFIG` for a family without a tabular model.
 */
export function expert(family: EnvFamily, task: Task, given?: Rule): Learner {
  const { horizon } = family;
  const model = tabularModel(family, 'An expert');
  const rule = given ?? optimally(optimalActions(family, task));
  const actionOf = actionIndex(family, 'An expert').of;
  const looks = model.starts.map(start => {
    const look = new Float32Array(spaceSize(family.observationSpace));
    model.observe(start, look, 0);
    return look;
  });
  let state = -1;
  let left = horizon;

  const locate = (observation: Float32Array) => {
    if (state >= 0) return state;
    return model.starts.find((_, i) => observation.every((value, f) => value === looks[i][f])) ?? model.starts[0];
  };
  return {
    distribution: (observation, out) => rule(left, locate(observation), out),
    observe(observation, action, _reward, _nextObservation, terminated, truncated) {
      const ended = terminated || truncated;
      state = ended ? -1 : model.next(task, locate(observation), actionOf(action));
      left = ended ? horizon : left - 1;
    },
  };
}

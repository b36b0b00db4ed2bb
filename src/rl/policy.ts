/** @file The interface of everything that acts: trained transformers, learning algorithms, the random policy, the oracle. */

import type { ActionDistribution, Actions } from './actions.ts';

/**
 * The outcome of one step of `size` environments, for a policy to learn from. Arrays are indexed by environment; F and W are the numbers in
 * an observation and an action.
 */
export interface Feedback {
  /** [size × F] observation before acting. */
  observation: Float32Array;
  /** [size × W] executed action: the environment may have overridden the chosen one. */
  action: Actions;
  /** [size] reward. */
  reward: Float32Array;
  /** [size × F] observation after acting (of the final state at the end of an episode). */
  nextObservation: Float32Array;
  /** [size] 1 where the task's rules ended the episode. */
  terminated: Uint8Array;
  /** [size] 1 where the horizon ended the episode. */
  truncated: Uint8Array;
}

/**
 * Acts in `size` environments at once and keeps its own state between calls. Weights never change here.
 *
 * @example
 * policy.reset(1);
 * let observation = env.reset();
 * for (let t = 0; t < horizon; t++) {
 *   const action = chooseActions(await policy.act(observation), policy.actions, random);
 *   const result = env.step(action);
 *   const nextObservation = result.finalObservation;
 *   await policy.observe({ ...result, observation, action: result.executed ?? action, nextObservation });
 *   observation = Float32Array.from(result.observation);
 * }
 */
export interface Policy {
  /** The distribution whose rows `act` returns. */
  readonly actions: ActionDistribution;
  /** Forgets everything: `size` new streams begin. */
  reset(size: number): void;
  /** [size × F] observations → [size × P] distributions over actions. The result is valid only until the next call. */
  act(observation: Float32Array): Promise<Float32Array>;
  /** Takes in the outcome of a step. An episode of environment i ended if `terminated[i]` or `truncated[i]`. */
  observe(feedback: Feedback): Promise<void>;
}

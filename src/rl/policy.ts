/** @file The interface of everything that acts: trained transformers, learning algorithms, random choice, the oracle. */

import type { ActionDistribution, Actions } from './actions.ts';

/** What a policy is told after every step of `size` environments. Arrays are indexed by environment; `F`, `W` are the numbers of an observation, an action. */
export interface Feedback {
  /** [size × F] what was seen before acting. */
  observation: Float32Array;
  /** [size × W] what was executed: the environment may have replaced what was chosen. */
  action: Actions;
  /** [size] */
  reward: Float32Array;
  /** [size × F] where the action led (a final state at an episode's end). */
  nextObservation: Float32Array;
  terminated: Uint8Array;
  truncated: Uint8Array;
}

/** Acts in `size` environments at once and carries its own state between calls. Weights never change here. */
export interface Policy {
  /** What `act` gives rows of. */
  readonly actions: ActionDistribution;
  /** Forget everything: `size` new streams begin. */
  reset(size: number): void;
  /** [size × F] observations → [size × P] distributions over actions. The result is only valid until the next call. */
  act(observation: Float32Array): Promise<Float32Array>;
  /** Learn from what happened. An episode of environment i ended where `terminated[i]` or `truncated[i]`. */
  observe(feedback: Feedback): Promise<void>;
}

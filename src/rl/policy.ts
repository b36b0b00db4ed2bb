/** @file The interface of everything that acts: trained transformers, learning algorithms, random choice, the oracle. */

import type { Random } from '../util/random.ts';

/** What a policy is told after every step of `size` environments. Arrays are indexed by environment. */
export interface Feedback {
  /** [size × F] what was seen before acting. */
  observation: Float32Array;
  /** [size] what was executed: the environment may have replaced what was chosen. */
  action: Int32Array;
  /** [size] */
  reward: Float32Array;
  /** [size × F] where the action led (a final state at an episode's end). */
  nextObservation: Float32Array;
  terminated: Uint8Array;
  truncated: Uint8Array;
}

/** Acts in `size` environments at once and carries its own state between calls. Weights never change here. */
export interface Policy {
  readonly actions: number;
  /** Forget everything: `size` new streams begin. */
  reset(size: number): void;
  /** [size × F] observations → [size × A] action probabilities. The result is only valid until the next call. */
  act(observation: Float32Array): Promise<Float32Array>;
  /** Learn from what happened. An episode of environment i ended where `terminated[i]` or `truncated[i]`. */
  observe(feedback: Feedback): Promise<void>;
}

/** Draws one action per environment from [size × A] probabilities, or takes the most likely one. */
export function chooseActions(probabilities: Float32Array, actions: number, random: Random, greedy = false): Int32Array {
  const size = probabilities.length / actions;
  const chosen = new Int32Array(size);
  for (let i = 0; i < size; i++) {
    const row = i * actions;
    if (greedy) {
      for (let a = 1; a < actions; a++) if (probabilities[row + a] > probabilities[row + chosen[i]]) chosen[i] = a;
    } else chosen[i] = random.categorical(probabilities, row, actions);
  }
  return chosen;
}

/** @file What learners of bandits share: they see only which arm was pulled and what it paid, in scored steps. */

import { actionIndex, type EnvFamily } from '../rl/index.ts';
import { integersIfKnown, type Learner } from './source.ts';

/** The statistics of a bandit's learner. A is the number of arms. */
export interface Arms {
  /** [A] pulls that count. */
  readonly pulls: ArrayLike<number>;
  /** [A] estimated mean rewards. */
  readonly mean: ArrayLike<number>;
  /** Takes in a pull. */
  pull(arm: number, reward: number): void;
  /** Writes its distribution over arms, [A]. */
  distribution(out: Float32Array): void;
}

/**
 * A learner for any family with integer actions, which is one bandit to it. Steps that are not scored are ignored, because their arm was
 * not chosen. Throws `E_CONFIG` for real actions.
 */
export function banditLearner(family: EnvFamily, who: string, create: (count: number) => Arms): Learner {
  const { count, of } = actionIndex(family, who);
  const arms = create(count);
  return {
    distribution: (_observation, out) => arms.distribution(out),
    observe(observation, action, reward, nextObservation) {
      if (family.scored && !family.scored({ observation, reward: [reward], nextObservation }, 0)) return;
      arms.pull(of(action), reward);
    },
    beliefs: [integersIfKnown({ name: 'best arm', counts: [count] }, () => [bestOf(arms)])],
  };
}

/** The arm with the largest estimated mean of those with pulls, the first of several; undefined without pulls. */
function bestOf({ pulls, mean }: Arms): number | undefined {
  let best: number | undefined;
  for (let a = 0; a < mean.length; a++) if (pulls[a] > 0 && (best === undefined || mean[a] > mean[best])) best = a;
  return best;
}

/** Writes certainty of the arm without pulls, or else with the largest mean + bonus / √pulls; of several, the first. */
export function largestBound(mean: ArrayLike<number>, pulls: ArrayLike<number>, bonus: number, out: Float32Array): void {
  let [best, chosen] = [-Infinity, 0];
  for (let a = 0; a < out.length; a++) {
    const bound = pulls[a] > 0 ? mean[a] + bonus / Math.sqrt(pulls[a]) : Infinity;
    if (bound > best) [best, chosen] = [bound, a];
  }
  out.fill(0);
  out[chosen] = 1;
}

/** The option of the sources with such bounds. */
export const BONUS = { bonus: { default: 1, range: [0, 1e6], about: 'the bonus of an arm pulled once' } } as const;

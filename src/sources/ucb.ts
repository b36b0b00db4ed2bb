/** @file Upper confidence bounds for bandits (after Auer et al. 2002), with the bonus of the delayed bandit's source: μ̂_a + 1/√n_a. */

import { BONUS, banditLearner, largestBound } from './bandits.ts';
import { defineSource } from './source.ts';

export const ucb = defineSource({
  id: 'ucb',
  description: 'one pull of each arm in order, then the arm with the largest mean reward + bonus/√pulls, the lowest index on ties (UCB)',
  knows: 'Only the actions, and which steps are scored.',
  options: BONUS,
  learner: (family, _task, _random, { bonus }) =>
    banditLearner(family, 'Source ucb', count => {
      const pulls = new Int32Array(count);
      const mean = new Float64Array(count);
      return {
        pulls,
        mean,
        pull(arm, reward) {
          mean[arm] += (reward - mean[arm]) / ++pulls[arm];
        },
        distribution: out => largestBound(mean, pulls, bonus, out),
      };
    }),
});

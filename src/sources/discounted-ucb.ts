/**
 * @file Upper confidence bounds with discounted counts and means (D-UCB, Kocsis and Szepesvári 2006), for arms that change, with the bonus
 * of `ucb`.
 */

import { BONUS, banditLearner, largestBound } from './bandits.ts';
import { defineSource } from './source.ts';

export const discountedUcb = defineSource({
  id: 'discounted-ucb',
  description: 'the arm with the largest mean reward + bonus/√pulls, where each pull counts less with every pull after it (D-UCB)',
  knows: 'Only the actions, and which steps are scored.',
  options: { ...BONUS, discount: { default: 0.99, range: [0.001, 1], about: 'factor on the weight of all past pulls after each pull' } },
  learner: (family, _task, _random, { bonus, discount }) =>
    banditLearner(family, 'Source discounted-ucb', count => {
      const pulls = new Float64Array(count);
      const mean = new Float64Array(count);
      return {
        pulls,
        mean,
        pull(arm, reward) {
          for (let a = 0; a < count; a++) pulls[a] *= discount;
          // Discounting does not change the mean of the other arms.
          mean[arm] += (reward - mean[arm]) / ++pulls[arm];
        },
        distribution: out => largestBound(mean, pulls, bonus, out),
      };
    }),
});

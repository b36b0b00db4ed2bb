/** @file Upper confidence bounds for bandits (after Auer et al. 2002), with the bonus of the delayed bandit's source: μ̂_a + 1/√n_a. */

import { actionIndex } from '../rl/index.ts';
import { defineSource } from './source.ts';

export const ucb = defineSource({
  id: 'ucb',
  description: 'one pull of each arm in order, then the arm with the largest mean reward + bonus/√pulls, the lowest index on ties (UCB)',
  knows: 'Only the actions, and which steps are scored.',
  options: { bonus: { default: 1, range: [0, 1e6], about: 'the bonus of an arm pulled once' } },
  /** Uses only rewards, so every family is one bandit to it. Steps that are not scored are ignored, because the arm was not chosen. */
  learner(family, _task, _random, { bonus }) {
    const { count: arms, of: armOf } = actionIndex(family, 'Source ucb');
    const pulls = new Int32Array(arms);
    const mean = new Float64Array(arms);
    const choose = () => {
      const untried = pulls.indexOf(0);
      if (untried >= 0) return untried;
      let [best, chosen] = [-Infinity, 0];
      for (let a = 0; a < pulls.length; a++) {
        const bound = mean[a] + bonus / Math.sqrt(pulls[a]);
        if (bound > best) [best, chosen] = [bound, a];
      }
      return chosen;
    };
    return {
      distribution(_observation, out) {
        out.fill(0);
        out[choose()] = 1;
      },
      observe(observation, action, reward, nextObservation) {
        if (family.scored && !family.scored({ observation, reward: [reward], nextObservation }, 0)) return;
        const arm = armOf(action);
        mean[arm] += (reward - mean[arm]) / ++pulls[arm];
      },
    };
  },
});

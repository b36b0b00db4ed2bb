/** @file Upper confidence bounds over the last pulls alone (SW-UCB, Garivier and Moulines 2011), for arms that change, with the bonus of `ucb`. */

import { BONUS, banditLearner, largestBound } from './bandits.ts';
import { defineSource } from './source.ts';

export const slidingWindowUcb = defineSource({
  id: 'sliding-window-ucb',
  description: 'the arm with the largest mean reward + bonus/√pulls, both over the last pulls alone (SW-UCB)',
  knows: 'Only the actions, and which steps are scored.',
  options: { ...BONUS, window: { default: 50, range: [1, 1_000_000], integer: true, about: 'number of last pulls that count' } },
  learner: (family, _task, _random, { bonus, window }) =>
    banditLearner(family, 'Source sliding-window-ucb', count => {
      const last: { readonly arm: number; readonly reward: number }[] = [];
      const pulls = new Int32Array(count);
      const sum = new Float64Array(count);
      const mean = new Float64Array(count);
      let now = 0;
      const add = (arm: number, times: 1 | -1, reward: number) => {
        pulls[arm] += times;
        sum[arm] += times * reward;
        mean[arm] = sum[arm] / pulls[arm];
      };
      return {
        pulls,
        mean,
        pull(arm, reward) {
          if (last.length === window) add(last[now].arm, -1, last[now].reward);
          last[now] = { arm, reward };
          now = (now + 1) % window;
          add(arm, 1, reward);
        },
        distribution: out => largestBound(mean, pulls, bonus, out),
      };
    }),
});

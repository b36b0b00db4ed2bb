/** @file Noise curriculum, AD^ε (Zisman et al. 2024, arXiv 2312.12275): an expert whose noise decreases resembles a learner. */

import { mixUniform } from '../rl/index.ts';
import { expert } from './expert.ts';
import { defineSource } from './source.ts';

export const noiseCurriculum = defineSource({
  id: 'noise-curriculum',
  description: 'an optimal policy whose share of uniform actions ε falls linearly from 1 to 0 along the history (AD^ε)',
  knows: 'Everything: the task, including its hidden goal; only its decreasing noise makes it resemble learning.',
  options: {
    episodes: {
      default: 24,
      range: [1, 1e9],
      integer: true,
      about: 'number of episodes over which ε falls to 0, by default the whole history',
    },
  },
  learner(family, task, _random, { episodes }) {
    const player = expert(family, task);
    let [episode, step] = [0, 0];
    return {
      distribution(observation, out) {
        player.distribution(observation, out);
        // ε reaches 0 on the last step of the last episode, whatever the lengths of the episodes.
        mixUniform(out, Math.max(0, 1 - (episode + step / Math.max(1, family.horizon - 1)) / episodes));
      },
      observe(observation, action, reward, nextObservation, terminated, truncated) {
        player.observe(observation, action, reward, nextObservation, terminated, truncated);
        step++;
        if (terminated || truncated) [episode, step] = [episode + 1, 0];
      },
    };
  },
});

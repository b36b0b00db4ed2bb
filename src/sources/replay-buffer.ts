/**
 * @file A replay buffer (Lin 1992; Mnih et al. 2015, there of single transitions): the latest episodes of an off-policy learner, in random
 * order, so that a history no longer shows improvement. Episodes stay whole, because the policy acts in running ones.
 */

import { episodeStarts, pickEpisodes } from '../rl/index.ts';
import { qLearning } from './q-learning.ts';
import { defineSource } from './source.ts';

export const replayBuffer = defineSource({
  id: 'replay-buffer',
  description: 'episodes from the replay buffer of tabular Q-learning, sampled without replacement in random order',
  knows: qLearning.knows,
  options: {
    ...qLearning.options,
    capacity: {
      default: Infinity,
      range: [1, Infinity],
      integer: true,
      about: 'maximum number of episodes in the buffer; older ones are dropped',
    },
  },
  learner: (family, task, random, { capacity: _, ...options }) => qLearning.learner(family, task, random, options),
  keep(history, random, { capacity }) {
    const episodes = Array.from({ length: episodeStarts(history).length - 1 }, (_, e) => e);
    return pickEpisodes(history, random.shuffled(capacity < episodes.length ? episodes.slice(-capacity) : episodes));
  },
});

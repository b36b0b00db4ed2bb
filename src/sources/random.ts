/** @file Uniformly random actions: the other reference row. */

import { actionDistribution } from '../rl/index.ts';
import { defineSource } from './source.ts';

export const uniform = defineSource({
  id: 'random',
  description: 'uniformly random actions, nothing learned',
  knows: 'The actions only.',
  options: {},
  learner(family) {
    const { uniform: write } = actionDistribution(family.actionSpace);
    return { distribution: (_observation, out) => write(out), observe() {} };
  },
});

/** @file Uniformly random actions: the other reference row. */

import { defineSource } from './source.ts';

export const uniform = defineSource({
  id: 'random',
  description: 'uniformly random actions, nothing learned',
  knows: 'The actions only.',
  options: {},
  learner: () => ({ distribution: (_observation, out) => void out.fill(1 / out.length), observe() {} }),
});

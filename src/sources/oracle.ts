/** @file The oracle: optimal from its first step, because it is told the task. A reference row, not a learner. */

import { expert } from './expert.ts';
import { defineSource } from './source.ts';

export const oracle = defineSource({
  id: 'oracle',
  description: 'optimal actions from the first step on',
  knows: 'Everything: the task itself, its hidden goal included.',
  options: {},
  prose: () => 'a player who is told the task and acts optimally from its first step on.',
  learner: (family, task) => expert(family, task),
});

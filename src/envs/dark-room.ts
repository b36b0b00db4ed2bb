/** @file Dark Room (Laskin et al. 2023): 9 × 9, 20 steps, paid for every step on the goal. Oracle mean over the 81 goals: 16.543. */

import { defineEnv } from './entry.ts';
import { gridFamily, gridOptions } from './grid.ts';

export const darkRoom = defineEnv({
  id: 'dark-room',
  description: '9 × 9 room, hidden goal, reward 1 on every step that ends on the goal, 20 steps',
  options: gridOptions(9, 20),
  create: options => gridFamily({ id: 'dark-room', endsOnGoal: false, ...options }),
});

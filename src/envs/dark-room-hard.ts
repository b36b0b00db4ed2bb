/**
 * @file Dark Room Hard (Laskin et al. 2023): 17 × 17, paid once, on reaching the goal, which ends the episode.
 * The horizon is 20, as in Dark Room: the farthest corners are 16 steps away, so every goal is within reach and every oracle return is 1.
 */

import { defineEnv } from './entry.ts';
import { gridFamily, gridOptions } from './grid.ts';

export const darkRoomHard = defineEnv({
  id: 'dark-room-hard',
  description: '17 × 17 room, hidden goal, reward 1 on reaching the goal, which ends the episode, at most 20 steps',
  options: gridOptions(17, 20),
  create: options => gridFamily({ id: 'dark-room-hard', endsOnGoal: true, ...options }),
});

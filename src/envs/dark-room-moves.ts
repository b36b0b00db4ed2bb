/**
 * @file Dark Room with actions of two numbers: (dx, dy), each back, stay or on, so that diagonal moves are one step. Otherwise the rules of Dark
 * Room.
 */

import { defineEnv } from './entry.ts';
import { gridFamily, gridOptions, type Moves } from './grid.ts';

const CHANGES = [-1, 0, 1];

/** The pair (a, b) changes x by a − 1 and y by b − 1. */
const PAIRS: Moves = {
  actionSpace: { kind: 'multi-discrete', nvec: [CHANGES.length, CHANGES.length] },
  steps: CHANGES.flatMap(dx => CHANGES.map(dy => [dx, dy] as const)),
};

export const darkRoomMoves = defineEnv({
  id: 'dark-room-moves',
  description: 'Dark Room with actions (dx, dy) of two numbers, diagonal moves among them; reward and steps as in dark-room',
  options: gridOptions(9, 20),
  create: options => gridFamily({ id: 'dark-room-moves', endsOnGoal: false, moves: PAIRS, ...options }),
});

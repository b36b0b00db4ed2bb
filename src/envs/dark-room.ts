/** @file Dark Room (Laskin et al. 2023) in four kinds: each is a square room with a hidden goal. */

import { defineEnv } from './entry.ts';
import { type GridView, gridFamily, gridOptions, type Moves } from './grid.ts';

/** 9 × 9, 20 steps, paid for every step on the goal. Oracle mean over the 81 goals: 16.543. */
export const darkRoom = defineEnv({
  id: 'dark-room',
  description: '9 × 9 room, hidden goal, reward 1 on every step that ends on the goal, 20 steps',
  options: gridOptions(9, 20),
  create: options => gridFamily({ id: 'dark-room', endsOnGoal: false, ...options }),
});

/**
 * 17 × 17, paid once, on reaching the goal, which ends the episode. The horizon is 20, as in Dark Room: the farthest corners are 16 steps away,
 * so every goal is within reach and every oracle return is 1.
 */
export const darkRoomHard = defineEnv({
  id: 'dark-room-hard',
  description: '17 × 17 room, hidden goal, reward 1 on reaching the goal, which ends the episode, at most 20 steps',
  options: gridOptions(17, 20),
  create: options => gridFamily({ id: 'dark-room-hard', endsOnGoal: true, ...options }),
});

const CHANGES = [-1, 0, 1];

/** The pair (a, b) changes x by a − 1 and y by b − 1. */
const PAIRS: Moves = {
  actionSpace: { kind: 'multi-discrete', nvec: [CHANGES.length, CHANGES.length] },
  steps: CHANGES.flatMap(dx => CHANGES.map(dy => [dx, dy] as const)),
};

/** Actions of two numbers: (dx, dy), each back, stay or on, so that diagonal moves are one step. Otherwise the rules of Dark Room. */
export const darkRoomMoves = defineEnv({
  id: 'dark-room-moves',
  description: 'Dark Room with actions (dx, dy) of two numbers, diagonal moves among them; reward and steps as in dark-room',
  options: gridOptions(9, 20),
  create: options => gridFamily({ id: 'dark-room-moves', endsOnGoal: false, moves: PAIRS, ...options }),
});

/**
 * The rules of Dark Room, seen as a picture. One gray channel, each cell a square of `pixels` × `pixels`, the agent's cell bright (1) on dark
 * (0). The goal is not to be seen, as in Dark Room: only its reward tells where it is.
 */
export const darkRoomPixels = defineEnv({
  id: 'dark-room-pixels',
  description: 'Dark Room seen as a picture: the agent bright on dark, the goal hidden; reward and steps as in dark-room',
  options: {
    ...gridOptions(9, 20),
    pixels: { default: 2, range: [1, 16], integer: true, about: 'pixels a side of a cell; histories hold every picture, so few is cheap' },
  },
  create: ({ pixels, ...room }) => gridFamily({ id: 'dark-room-pixels', endsOnGoal: false, ...room, view: picture(room.size, pixels) }),
});

function picture(size: number, pixels: number): GridView {
  const side = size * pixels;
  return {
    observationSpace: { kind: 'image', height: side, width: side, channels: 1 },
    observe(state, out, offset) {
      out.fill(0, offset, offset + side * side);
      const corner = offset + Math.floor(state / size) * pixels * side + (state % size) * pixels;
      for (let row = 0; row < pixels; row++) out.fill(1, corner + row * side, corner + row * side + pixels);
    },
  };
}

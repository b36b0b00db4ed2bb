/** @file Four variants of Dark Room (Laskin et al. 2023): each is a room with a hidden goal. */

import { defineEnv } from './entry.ts';
import { type GridView, gridFamily, gridOptions, type Moves, sidesOf } from './grid.ts';

/** 9 × 9, 20 steps, reward for every step on the goal. Mean oracle return over the 81 goals: 16.543. */
export const darkRoom = defineEnv({
  id: 'dark-room',
  description: '9 × 9 room, hidden goal, reward 1 on every step that ends on the goal, 20 steps',
  options: gridOptions(9, 20),
  create: options => gridFamily({ id: 'dark-room', endsOnGoal: false, ...options }),
});

/**
 * 17 × 17, one reward on reaching the goal, which ends the episode. The horizon is 20, as in Dark Room: the farthest corners are 16 steps
 * away, so every goal is reachable and every oracle return is 1.
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

/** Dark Room with two-dimensional actions (dx, dy), each −1, 0 or 1, so that a diagonal move is one step. */
export const darkRoomMoves = defineEnv({
  id: 'dark-room-moves',
  description: 'Dark Room with two-dimensional actions (dx, dy), which allow diagonal moves; reward and steps as in dark-room',
  options: gridOptions(9, 20),
  create: options => gridFamily({ id: 'dark-room-moves', endsOnGoal: false, moves: PAIRS, ...options }),
});

/**
 * Dark Room observed as an image: one gray channel, each cell a square of `pixels` × `pixels`, the agent's cell bright (1) on dark (0). The
 * goal is invisible, as in Dark Room; only the reward reveals it.
 */
export const darkRoomPixels = defineEnv({
  id: 'dark-room-pixels',
  description: 'Dark Room observed as an image: the agent bright on dark, the goal hidden; reward and steps as in dark-room',
  options: {
    ...gridOptions(9, 20),
    pixels: { default: 2, range: [1, 16], integer: true, about: 'side of a cell in pixels; histories store every image, so keep it small' },
  },
  create: ({ pixels, ...room }) => gridFamily({ id: 'dark-room-pixels', endsOnGoal: false, ...room, view: picture(sidesOf(room), pixels) }),
});

function picture([width, height]: readonly [number, number], pixels: number): GridView {
  const row = width * pixels;
  const size = row * height * pixels;
  return {
    observationSpace: { kind: 'image', height: height * pixels, width: row, channels: 1 },
    observe(state, out, offset) {
      out.fill(0, offset, offset + size);
      const corner = offset + Math.floor(state / width) * pixels * row + (state % width) * pixels;
      for (let line = 0; line < pixels; line++) out.fill(1, corner + line * row, corner + line * row + pixels);
    },
    placeOf(image) {
      const corner = Array.prototype.indexOf.call(image, 1);
      return [(corner % row) / pixels, Math.floor(corner / row) / pixels];
    },
  };
}

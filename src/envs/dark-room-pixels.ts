/**
 * @file Pixel Dark Room: the rules of Dark Room, seen as a picture. One grey channel, each cell a square of `pixels` × `pixels`, the agent's
 * cell bright (1) on dark (0). The goal is not to be seen, as in Dark Room: only its reward tells where it is.
 */

import { defineEnv } from './entry.ts';
import { type GridView, gridFamily, gridOptions } from './grid.ts';

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

/** @file The registry of environments: one file and one line each. */

import type { EnvFamily } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { darkRoom } from './dark-room.ts';
import { darkRoomHard } from './dark-room-hard.ts';
import { darkRoomMoves } from './dark-room-moves.ts';
import { darkRoomPixels } from './dark-room-pixels.ts';
import { delayedBandit } from './delayed-bandit.ts';
import type { EnvEntry } from './entry.ts';
import { keyToDoor } from './key-to-door.ts';
import { pointRoom } from './point-room.ts';

export * from './entry.ts';
export * from './oracle.ts';
export * from './tabular.ts';

export const ENVIRONMENTS: readonly EnvEntry[] = [
  darkRoom,
  darkRoomHard,
  darkRoomPixels,
  darkRoomMoves,
  pointRoom,
  keyToDoor,
  delayedBandit,
];

/**
 * The family with this id. Throws `E_CONFIG` for an unknown id, option or value.
 *
 * @example environment('dark-room', { size: 5, horizon: 10 })
 */
export function environment(id: string, options?: Readonly<Record<string, unknown>>): EnvFamily {
  const entry = ENVIRONMENTS.find(env => env.id === id);
  if (!entry) {
    const known = ENVIRONMENTS.map(env => env.id).join(', ');
    throw new CadenzaError('E_CONFIG', `There is no environment "${id}". Choose one of: ${known}.`);
  }
  return entry.create(options);
}

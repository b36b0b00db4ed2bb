/** @file The registry of environments: each has one file and one line here. */

import type { EnvFamily } from '../rl/index.ts';
import { Registry } from '../util/registry.ts';
import { countRecall } from './count-recall.ts';
import { darkRoom, darkRoomHard, darkRoomMoves, darkRoomPixels } from './dark-room.ts';
import { delayedBandit } from './delayed-bandit.ts';
import { gymnasium } from './gymnasium/index.ts';
import { keyToDoor } from './key-to-door.ts';
import { keyToDoorLife } from './key-to-door-life.ts';
import { mazeRunner } from './maze-runner.ts';
import { pointRoom } from './point-room.ts';
import { tMaze } from './t-maze.ts';

export { type OptimalActions, optimalActions, optimalReturn } from '../rl/planning.ts';
export * from './entry.ts';
export * from './tabular.ts';

/** The registry of environments. */
export const environments = new Registry(
  'environment',
  [
    darkRoom,
    darkRoomHard,
    darkRoomPixels,
    darkRoomMoves,
    pointRoom,
    keyToDoor,
    keyToDoorLife,
    delayedBandit,
    tMaze,
    countRecall,
    mazeRunner,
    gymnasium,
  ],
  { description: 'string', options: 'object', create: 'function' },
);

/**
 * Creates the environment family with this id.
 *
 * @throws {CadenzaError} `E_CONFIG` for an unknown id, option or value.
 * @example environment('dark-room', { size: 5, horizon: 10 })
 */
export const environment = (id: string, options?: Readonly<Record<string, unknown>>): EnvFamily => environments.get(id).create(options);

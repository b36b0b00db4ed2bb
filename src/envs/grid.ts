/** @file Square rooms with one hidden goal: the rules that Dark Room and Dark Room Hard share (Laskin et al. 2023, arXiv 2210.14215). */

import type { EnvFamily, Task } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { tabularFamily } from './tabular.ts';

/** Change of (x, y) by action: stay, up, down, left, right. Moves against a wall stay. */
const MOVES = [
  [0, 0],
  [0, -1],
  [0, 1],
  [-1, 0],
  [1, 0],
] as const;

export interface GridRules {
  readonly id: string;
  /** Cells a side. */
  readonly size: number;
  /** Steps an episode. */
  readonly horizon: number;
  /** Whether arriving on the goal ends the episode. */
  readonly endsOnGoal: boolean;
}

/**
 * A size × size room. Start in the centre; reward 1 for every step that ends on the goal (staying there included); seen: (x, y).
 * A task is `{ goal: [x, y] }`. Throws `E_CONFIG` where some goal is out of reach: its oracle would be 0 and no score could be relative to it.
 */
export function gridFamily({ id, size, horizon, endsOnGoal }: GridRules): EnvFamily {
  const centre = Math.floor(size / 2);
  if (horizon < 2 * centre) {
    throw new CadenzaError(
      'E_CONFIG',
      `${id}: the farthest of ${size} × ${size} cells is ${2 * centre} steps away, so horizon must be at least that, but is ${horizon}.`,
    );
  }
  const clamp = (v: number) => Math.max(0, Math.min(size - 1, v));
  const goalState = (task: Task) => {
    const [x, y] = task.goal as readonly [number, number];
    return y * size + x;
  };
  return tabularFamily({
    id,
    observationSpace: { kind: 'multi-discrete', nvec: [size, size] },
    actionSpace: { kind: 'discrete', n: MOVES.length },
    horizon,
    rewardMax: 1,
    tasks: () => Array.from({ length: size * size }, (_, cell) => ({ goal: [cell % size, Math.floor(cell / size)] })),
    taskKey: task => `goal=${(task.goal as readonly number[]).join(',')}`,
    model: {
      states: size * size,
      actions: MOVES.length,
      starts: [centre * size + centre],
      next: (_, state, action) => clamp(Math.floor(state / size) + MOVES[action][1]) * size + clamp((state % size) + MOVES[action][0]),
      reward: (task, _state, _action, next) => (next === goalState(task) ? 1 : 0),
      terminal: (task, state) => endsOnGoal && state === goalState(task),
      observe(state, out, offset) {
        out[offset] = state % size;
        out[offset + 1] = Math.floor(state / size);
      },
    },
  });
}

/** The options of a room, with these defaults. */
export const gridOptions = (size: number, horizon: number) =>
  ({
    size: { default: size, range: [2, 64], integer: true, about: 'cells a side' },
    horizon: { default: horizon, range: [1, 10_000], integer: true, about: 'steps an episode' },
  }) as const;

/** @file Square rooms: their moves, and the rules that Dark Room and Dark Room Hard share (Laskin et al. 2023, arXiv 2210.14215). */

import type { DiscreteSpace, HiddenFactor, MultiDiscreteSpace, Space, TabularModel, Task } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { type TabularFamily, tabularFamily } from './tabular.ts';

/** Actions of a room, and the change of (x, y) by each, in the order of the action space. A move into a wall has no effect. */
export interface Moves {
  readonly actionSpace: DiscreteSpace | MultiDiscreteSpace;
  readonly steps: readonly (readonly [dx: number, dy: number])[];
  /** Names of the actions, if an action is one integer. */
  readonly names?: readonly string[];
}

const COMPASS_STEPS = { stay: [0, 0], up: [0, -1], down: [0, 1], left: [-1, 0], right: [1, 0] } as const;
const COMPASS: Moves = {
  actionSpace: { kind: 'discrete', n: 5 },
  names: Object.keys(COMPASS_STEPS),
  steps: Object.values(COMPASS_STEPS),
};

/** A square of size × size cells with nothing hidden: cell = y · size + x. */
export function square(size: number, { actionSpace, steps, names }: Moves = COMPASS) {
  const clamp = (v: number) => Math.max(0, Math.min(size - 1, v));
  const cells = size * size;
  return {
    cells,
    actions: steps.length,
    actionSpace,
    actionNames: names,
    observationSpace: { kind: 'multi-discrete', nvec: [size, size] } as const,
    /** The cell that an action leads to. */
    move: (cell: number, action: number) =>
      clamp(Math.floor(cell / size) + steps[action][1]) * size + clamp((cell % size) + steps[action][0]),
    /** Every cell as [x, y], in order. */
    places: () => Array.from({ length: cells }, (_, cell) => [cell % size, Math.floor(cell / size)] as const),
    cellAt: ([x, y]: readonly number[]) => y * size + x,
    /** The hidden position that a task has under this name. */
    place: (name: string): HiddenFactor => ({
      name,
      space: { kind: 'multi-discrete', nvec: [size, size] },
      parts: ['x', 'y'],
      of: task => task[name] as readonly number[],
    }),
    /** Writes (x, y) of a cell to out[offset …]. */
    observe(cell: number, out: Float32Array, offset: number): void {
      out[offset] = cell % size;
      out[offset + 1] = Math.floor(cell / size);
    },
  };
}

export interface GridRules {
  readonly id: string;
  /** Cells per side. */
  readonly size: number;
  /** Steps per episode. */
  readonly horizon: number;
  /** Whether arriving on the goal ends the episode. */
  readonly endsOnGoal: boolean;
  /** Stay and the four directions by default. */
  readonly moves?: Moves;
  /** The observation; (x, y) by default. A state is y · size + x. */
  readonly view?: GridView;
}

export interface GridView {
  readonly observationSpace: Space;
  readonly observe: TabularModel['observe'];
}

/**
 * A size × size room. The agent starts in the center; reward 1 for every step that ends on the goal (including staying there); the
 * observation is (x, y), or an image. A task is `{ goal: [x, y] }`. Throws `E_CONFIG` if some goal is unreachable: its oracle return would
 * be 0, and no score could be relative to it.
 */
export function gridFamily({ id, size, horizon, endsOnGoal, moves = COMPASS, view }: GridRules): TabularFamily {
  const center = Math.floor(size / 2);
  // Corners are the farthest: the number of steps is the number of cells in one direction if moves can be diagonal.
  const farthest = (moves.steps.some(([dx, dy]) => dx !== 0 && dy !== 0) ? 1 : 2) * center;
  const what = `the farthest of ${size} × ${size} cells is ${farthest} steps away, so horizon must be at least that, but is ${horizon}`;
  if (horizon < farthest) throw new CadenzaError('E_CONFIG', `${id}: ${what}.`);
  const room = square(size, moves);
  const { cells, actions, actionSpace, actionNames, move, places, cellAt, place } = room;
  const { observationSpace, observe } = view ?? room;
  const goalState = (task: Task) => cellAt(task.goal as readonly number[]);
  return tabularFamily({
    id,
    observationSpace,
    actionSpace,
    actionNames,
    horizon,
    rewardMax: 1,
    tasks: () => places().map(goal => ({ goal })),
    taskKey: task => `goal=${(task.goal as readonly number[]).join(',')}`,
    hidden: [place('goal')],
    model: {
      states: cells,
      actions,
      starts: [center * size + center],
      next: (_, state, action) => move(state, action),
      reward: (task, _state, _action, next) => (next === goalState(task) ? 1 : 0),
      terminal: (task, state) => endsOnGoal && state === goalState(task),
      observe,
    },
  });
}

/** The options of a room, with these defaults. */
export const gridOptions = (size: number, horizon: number) =>
  ({
    size: { default: size, range: [2, 64], integer: true, about: 'cells per side' },
    horizon: { default: horizon, range: [1, 10_000], integer: true, about: 'steps per episode' },
  }) as const;

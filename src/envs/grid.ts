/** @file Rooms of cells: their moves, and the rules that Dark Room and Dark Room Hard share (Laskin et al. 2023, arXiv 2210.14215). */

import { z } from 'zod';
import type { DiscreteSpace, HiddenFactor, MultiDiscreteSpace, Options, Space, TabularModel, Task } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { PERMUTATIONS } from './permuted.ts';
import { captionOf, visited } from './scenes.ts';
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

/** A square of size × size cells. */
export const square = (size: number, moves?: Moves) => rectangle(size, size, moves);

/** A rectangle of cells with nothing hidden: cell = y · width + x. */
export function rectangle(width: number, height: number, { actionSpace, steps, names }: Moves = COMPASS) {
  const clamp = (v: number, size: number) => Math.max(0, Math.min(size - 1, v));
  const cells = width * height;
  const nvec = [width, height] as const;
  return {
    cells,
    actions: steps.length,
    actionSpace,
    actionNames: names,
    observationSpace: { kind: 'multi-discrete', nvec } as const,
    /** The cell that an action leads to. */
    move: (cell: number, action: number) =>
      clamp(Math.floor(cell / width) + steps[action][1], height) * width + clamp((cell % width) + steps[action][0], width),
    /** Every cell as [x, y], in order. */
    places: () => Array.from({ length: cells }, (_, cell) => [cell % width, Math.floor(cell / width)] as const),
    cellAt: ([x, y]: readonly number[]) => y * width + x,
    /** The cell [x, y] that an observation shows. */
    placeOf: (observation: ArrayLike<number>) => [observation[0], observation[1]],
    /** The hidden position that a task has under this name. */
    place: (name: string): HiddenFactor => ({
      name,
      space: { kind: 'multi-discrete', nvec },
      parts: ['x', 'y'],
      of: task => task[name] as readonly number[],
    }),
    /** Writes (x, y) of a cell to out[offset …]. */
    observe(cell: number, out: Float32Array, offset: number): void {
      out[offset] = cell % width;
      out[offset + 1] = Math.floor(cell / width);
    },
  };
}

/** The options of a room, with these defaults. */
export const gridOptions = (size: number, horizon: number) =>
  ({
    size: { default: size, range: [2, 64], integer: true, about: 'cells per side' },
    horizon: { default: horizon, range: [1, 10_000], integer: true, about: 'steps per episode' },
    width: { default: 0, range: [0, 64], integer: true, about: 'cells in a row; 0: as many as size' },
    height: { default: 0, range: [0, 64], integer: true, about: 'cells in a column; 0: as many as size' },
    start: { schema: z.enum(['center', 'corner']), default: 'center' as 'center' | 'corner', about: 'where every episode starts' },
    ...PERMUTATIONS,
  }) as const;

type GridOptions = Options<ReturnType<typeof gridOptions>>;

/** Width and height of a room with these options. */
export const sidesOf = ({ size, width, height }: Pick<GridOptions, 'size' | 'width' | 'height'>) =>
  [width || size, height || size] as const;

export interface GridRules extends GridOptions {
  readonly id: string;
  /** Whether arriving on the goal ends the episode. */
  readonly endsOnGoal: boolean;
  /** Stay and the four directions by default. */
  readonly moves?: Moves;
  /** The observation; (x, y) by default. A state is y · width + x. */
  readonly view?: GridView;
}

export interface GridView {
  readonly observationSpace: Space;
  readonly observe: TabularModel['observe'];
  /** The cell [x, y] that an observation shows. */
  readonly placeOf: (observation: ArrayLike<number>) => ArrayLike<number>;
}

/**
 * A room with a hidden goal. The agent starts in the center or in the corner (0, 0); reward 1 for every step that ends on the goal
 * (including staying there); the observation is (x, y), or an image. A task is `{ goal: [x, y] }`, with `actions` if they are permuted.
 * Throws `E_CONFIG` if some goal is unreachable: its oracle return would be 0, and no score could be relative to it.
 */
export function gridFamily({ id, horizon, endsOnGoal, moves = COMPASS, view, start, permutations, ...sides }: GridRules): TabularFamily {
  const [width, height] = sidesOf(sides);
  const [x, y] = start === 'corner' ? [0, 0] : [Math.floor(width / 2), Math.floor(height / 2)];
  // The opposite corner is the farthest: the number of steps is the number of cells in one direction if moves can be diagonal.
  const across = [Math.max(x, width - 1 - x), Math.max(y, height - 1 - y)];
  const farthest = moves.steps.some(([dx, dy]) => dx !== 0 && dy !== 0) ? Math.max(...across) : across[0] + across[1];
  const what = `the farthest of ${width} × ${height} cells is ${farthest} steps away, so horizon must be at least that, but is ${horizon}`;
  if (horizon < farthest) throw new CadenzaError('E_CONFIG', `${id}: ${what}.`);
  const room = rectangle(width, height, moves);
  const { cells, actions, actionSpace, actionNames, move, places, cellAt, place } = room;
  const { observationSpace, observe, placeOf } = view ?? room;
  const goalState = (task: Task) => cellAt(task.goal as readonly number[]);
  return tabularFamily({
    permutations,
    id,
    observationSpace,
    actionSpace,
    actionNames,
    horizon,
    rewardMax: 1,
    tasks: () => places().map(goal => ({ goal })),
    taskKey: task => `goal=${(task.goal as readonly number[]).join(',')}`,
    hidden: [place('goal')],
    render: ({ goal }, observation, past) => ({
      kind: 'grid',
      columns: width,
      rows: height,
      marks: [
        ...visited(past, placeOf),
        { role: 'goal', at: goal as readonly number[], hidden: true },
        { role: 'agent', at: placeOf(observation) },
      ],
      caption: captionOf(past),
    }),
    model: {
      states: cells,
      actions,
      starts: [cellAt([x, y])],
      next: (_, state, action) => move(state, action),
      reward: (task, _state, _action, next) => (next === goalState(task) ? 1 : 0),
      terminal: (task, state) => endsOnGoal && state === goalState(task),
      observe,
    },
  });
}

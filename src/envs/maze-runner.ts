/**
 * @file MazeRunner (Grigsby et al. 2024, AMAGO): three goals in order in a random maze, whose map and whose meaning of the actions are
 * hidden. Mazes follow the recipe of mazelab, with open rows around a start room at the bottom.
 */

import { distancesTo, MAZE_MOVES, type Mark, mazeBorder, mazeSteps, type Options, type Task } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import { defineEnv, type FamilyRules, rewardedSteps } from './entry.ts';
import { captionOf, visited } from './scenes.ts';

const OPTIONS = {
  side: { default: 15, range: [7, 31], integer: true, about: 'cells per side, an odd number, the walls around the maze included' },
  goals: { default: 3, range: [1, 8], integer: true, about: 'number of goals, which must be reached in order' },
  steps: { default: 500, range: [1, 100_000], integer: true, about: 'steps after which an attempt ends' },
  calls: {
    default: 0,
    range: [0, 10_000_000],
    integer: true,
    about: 'length of an episode in calls if it has many attempts, with one call between two of them that only resets; 0: one attempt',
  },
} as const;

export const mazeRunner = defineEnv({
  id: 'maze-runner',
  description: '15 × 15 random maze with hidden walls and hidden order of the actions, three goals in order, at most 500 steps',
  options: OPTIONS,
  create: mazeRunnerFamily,
});

/** The share of walls that are started, and of the length to which they grow, in the recipe of mazelab. */
const [COMPLEXITY, DENSITY] = [0.75, 0.75];

/** Names of `MAZE_MOVES`. */
const NAMES = ['west', 'north', 'east', 'south', 'stay'];

interface Maze extends Task {
  /** One number per row, whose bit c is 1 if column c is a wall. */
  readonly walls: readonly number[];
  /** Row and column of every goal. */
  readonly goals: readonly number[];
  /** Action a moves as `MAZE_MOVES[actions[a]]`. */
  readonly actions: readonly number[];
}

/** Numbers of an observation before the goals: row, column, free cells in four directions, two digits of time. */
const GOALS_AT = 8;
const TIME_AT = 6;

/**
 * A task is `{ walls, goals, actions }`. The observation is (row, column, free cells to the west, north, east and south; t = steps since
 * the start in two digits; row and column of every goal, `side` once it is reached): the numbers of the original, which scales them to
 * [0, 1], as integers. A step that ends on the next goal has a reward of 1; the last goal, or `steps` steps, end the attempt.
 *
 * With `calls`, an episode has that many calls, and attempts on the same task follow each other: the call after the end of an attempt
 * only leads back to the start, whatever the action, and is not scored.
 */
function mazeRunnerFamily({ side, goals, steps, calls }: Options<typeof OPTIONS>): FamilyRules {
  if (side % 2 === 0)
    throw new CadenzaError('E_CONFIG', `maze-runner: side must be odd, but is ${side}. Choose ${side - 1} or ${side + 1}.`);
  const moves = mazeSteps(side);
  const start = cellAt(side, [side - 2, Math.floor(side / 2)]);
  const width = GOALS_AT + 2 * goals;
  const copies = (count: number, value: number) => new Array<number>(count).fill(value);
  // t = base · first digit + second digit, with about as many values each.
  const base = Math.ceil(Math.sqrt(steps + 1));
  const timeOf = (observation: ArrayLike<number>) => base * observation[TIME_AT] + observation[TIME_AT + 1];
  return {
    observationSpace: {
      kind: 'multi-discrete',
      nvec: [...copies(TIME_AT, side), Math.floor(steps / base) + 1, base, ...copies(2 * goals, side + 1)],
    },
    actionSpace: { kind: 'discrete', n: moves.length },
    horizon: calls || steps,
    rewardMax: 1,
    drawTask(random): Maze {
      const walls = drawWalls(side, random.split('walls'));
      const free = [...walls.keys()].filter(cell => !walls[cell] && cell !== start);
      const chosen = random.split('goals').shuffled(free).slice(0, goals);
      return {
        walls: Array.from({ length: side }, (_, row) =>
          walls.slice(row * side, (row + 1) * side).reduce((bits, wall, c) => bits + wall * 2 ** c, 0),
        ),
        goals: chosen.flatMap(cell => [Math.floor(cell / side), cell % side]),
        actions: random.split('actions').shuffled([...moves.keys()]),
      };
    },
    taskKey(task) {
      const { walls, goals, actions } = task as Maze;
      return `walls=${walls.map(row => row.toString(36)).join('.')} goals=${goals.join(',')} actions=${actions.join('')}`;
    },
    hidden: [
      { name: 'walls', space: { kind: 'multi-discrete', nvec: copies(side * side, 2) }, of: task => [...wallsOf(task)] },
      {
        name: 'actions',
        space: { kind: 'multi-discrete', nvec: copies(moves.length, moves.length) },
        of: task => (task as Maze).actions,
      },
    ],
    // Each goal is reached by a shortest path. Where the way starts depends on nothing else, so no detour makes up for itself later.
    oracleReturn(task) {
      const walls = wallsOf(task);
      let [from, arrival] = [start, 0];
      const arrivals = goalCells(task).map(goal => {
        arrival += distancesTo(goal, side, walls)[from];
        from = goal;
        return arrival;
      });
      const within = (limit: number) => arrivals.filter(time => time <= limit).length;
      if (calls === 0) return within(steps);
      const attempt = Math.min(arrival, steps) + 1;
      return Math.floor(calls / attempt) * within(steps) + within(Math.min(steps, calls % attempt));
    },
    outcome: rewardedSteps('goals'),
    ...(calls > 0 && lifeOf(width)),
    render(task, observation, past) {
      const placeOf = (seen: ArrayLike<number>) => [seen[1], seen[0]];
      const free = NAMES.slice(0, 4).map((name, direction) => `${name} ${observation[2 + direction]}`);
      const targets = Array.from({ length: goals }, (_, g): Mark => {
        const row = GOALS_AT + 2 * g;
        return { role: 'goal', letter: String(g + 1), at: [observation[row + 1], observation[row]] };
      });
      return {
        kind: 'grid',
        columns: side,
        rows: side,
        walls: wallsOf(task),
        marks: [
          ...visited(past, placeOf, timeOf(observation)),
          { role: 'start', at: [start % side, Math.floor(start / side)] },
          // A goal is no longer shown once it is reached.
          ...targets.filter(target => target.at[0] < side),
          { role: 'agent', at: placeOf(observation) },
        ],
        caption: captionOf(
          past,
          `free cells: ${free.join(', ')}`,
          `actions: ${(task as Maze).actions.map(move => NAMES[move]).join(', ')}`,
        ),
      };
    },
    maze: {
      side,
      read(observation) {
        const goal = Array.from({ length: goals }, (_, g) => GOALS_AT + 2 * g).find(place => observation[place] < side);
        const placeAt = (i: number) => cellAt(side, [observation[i], observation[i + 1]]);
        return {
          cell: placeAt(0),
          free: [2, 3, 4, 5].map(i => observation[i]),
          goal: goal === undefined || timeOf(observation) === steps ? undefined : placeAt(goal),
        };
      },
    },
    start(task) {
      const { actions } = task as Maze;
      const walls = wallsOf(task);
      const targets = goalCells(task);
      let [cell, reached, elapsed] = [start, 0, 0];
      const begin = () => {
        [cell, reached, elapsed] = [start, 0, 0];
        return look();
      };
      const look = () => {
        const [row, column] = [Math.floor(cell / side), cell % side];
        const free = moves.slice(0, 4).map(step => {
          let count = 0;
          while (!walls[cell + (count + 1) * step]) count++;
          return count;
        });
        const places = targets.flatMap((goal, g) => (g < reached ? [side, side] : [Math.floor(goal / side), goal % side]));
        return [row, column, ...free, Math.floor(elapsed / base), elapsed % base, ...places];
      };
      const over = () => reached === goals || elapsed === steps;
      return {
        reset: begin,
        step([action]) {
          if (over()) return { observation: begin(), reward: 0 };
          const next = cell + moves[actions[action]];
          if (!walls[next]) cell = next;
          elapsed++;
          const arrived = cell === targets[reached];
          if (arrived) reached++;
          return { observation: look(), reward: Number(arrived), terminated: calls === 0 && reached === goals };
        },
      };
    },
  };
}

/** What an episode of many attempts has, with observations of `width` numbers: only a call that resets leads to the start of an attempt. */
const lifeOf = (width: number): Pick<FamilyRules, 'attempt' | 'scored'> => ({
  attempt: (observation, from) => starts(observation, from),
  scored: ({ nextObservation }, i) => !starts(nextObservation, i * width),
});

const starts = (observations: ArrayLike<number>, from: number) => observations[from + TIME_AT] + observations[from + TIME_AT + 1] === 0;

const cellAt = (side: number, [row, column]: readonly number[]) => row * side + column;

/** [side²] 1 for a wall. */
function wallsOf(task: Task): Uint8Array {
  const rows = (task as Maze).walls;
  return Uint8Array.from({ length: rows.length ** 2 }, (_, cell) => (rows[Math.floor(cell / rows.length)] >> (cell % rows.length)) & 1);
}

function goalCells(task: Task): number[] {
  const { walls, goals } = task as Maze;
  return Array.from({ length: goals.length / 2 }, (_, g) => cellAt(walls.length, goals.slice(2 * g, 2 * g + 2)));
}

/** [side²] 1 for a wall: walls grow from random even cells to even cells that are still free, so they never close a room. */
function drawWalls(side: number, random: Random): Uint8Array {
  const walls = mazeBorder(side);
  const half = Math.floor(side / 2);
  const growth = Math.floor(COMPLEXITY * 10 * side);
  for (let wall = Math.floor(DENSITY * half * half); wall > 0; wall--) {
    let [x, y] = [2 * random.integer(half + 1), 2 * random.integer(half + 1)];
    walls[y * side + x] = 1;
    for (let i = 0; i < growth; i++) {
      const near = MAZE_MOVES.slice(0, 4)
        .map(([rows, columns]) => [x + 2 * columns, y + 2 * rows])
        .filter(place => place.every(v => v >= 0 && v < side));
      const [toX, toY] = near[random.integer(near.length)];
      if (walls[toY * side + toX]) continue;
      walls[toY * side + toX] = 1;
      walls[((y + toY) / 2) * side + (x + toX) / 2] = 1;
      [x, y] = [toX, toY];
    }
  }
  // The open rows, and the walls of the start room.
  for (let row = side - 5; row < side - 1; row++) {
    walls.fill(0, row * side + 1, row * side + side - 1);
    if (row > side - 5) for (const column of [half - 1, half + 1]) walls[row * side + column] = 1;
  }
  return walls;
}

/**
 * @file Search in a maze under belief: draws a map of what it sees, rules out orders of the actions that do not explain how it moved, and
 * takes the action that may lead nearest to the goal, where cells never seen count as free. This is optimism, as in R-MAX: each step either
 * leads nearer or teaches something.
 */

import { distancesTo, type EnvFamily, type MazeModel, type MazeView, mazeBorder, mazeSteps } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { defineSource, integersIfKnown, spreadOverBest } from './source.ts';

/** Weight of the expected distance among actions that may lead as near: less than any difference in distance. */
const EXPECTED = 1e-3;

export const mazeSearch = defineSource({
  id: 'maze-search',
  description: 'maps the maze, finds out what the actions do, and takes shortest paths to the goal through cells that may be free',
  knows: 'The rules of the maze, its size, and the goal that it observes; neither the walls nor what each action does.',
  options: {},
  learner(family) {
    const { side, read } = mazeModel(family);
    const steps = mazeSteps(side);
    /** [side²] 1 for a wall that was seen. */
    const walls = mazeBorder(side);
    let orders = permutations([...steps.keys()]);
    /** The cell that a move leads to. */
    const after = ({ cell, free }: MazeView, move: number) => (free[move] === 0 ? cell : cell + steps[move]);
    /** Draws the walls that are seen into a map. */
    const draw = (map: Uint8Array, { cell, free }: MazeView) => {
      for (const [move, count] of free.entries()) map[cell + (count + 1) * steps[move]] = 1;
    };
    const value = new Float64Array(steps.length);
    return {
      distribution(observation, out) {
        const view = read(observation);
        if (view.goal === undefined) return void out.fill(1 / out.length);
        const map = walls.slice();
        draw(map, view);
        const distance = distancesTo(view.goal, side, map);
        const left = steps.map((_, move) => distance[after(view, move)]);
        for (const action of value.keys()) {
          const may = orders.map(order => left[order[action]]);
          value[action] = -Math.min(...may) - (EXPECTED * may.reduce((sum, distance) => sum + distance, 0)) / may.length;
        }
        spreadOverBest(value, 0, out);
      },
      observe(observation, action, _reward, nextObservation) {
        const [before, next] = [read(observation), read(nextObservation)];
        draw(walls, before);
        draw(walls, next);
        // After the end of an attempt, no action moves.
        if (before.goal !== undefined) orders = orders.filter(order => after(before, order[action[0]]) === next.cell);
      },
      beliefs: [
        // The move of each action in all orders that are left.
        integersIfKnown({ name: 'actions', counts: steps.map(() => steps.length) }, () =>
          (orders[0] ?? []).map((move, action) => (orders.every(order => order[action] === move) ? move : undefined)),
        ),
      ],
    };
  },
});

/** All orders of the items. */
function permutations(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map(rest => [item, ...rest]));
}

function mazeModel({ id, maze }: EnvFamily): MazeModel {
  if (maze) return maze;
  throw new CadenzaError('E_CONFIG', `Source maze-search needs an environment that is a maze, unlike ${id}. Choose another source.`);
}

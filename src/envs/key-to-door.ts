/**
 * @file Dark Key-to-Door (Laskin et al. 2023): 9 × 9, random start, 50 steps. Reaching the hidden key gives reward 1, then reaching the
 * hidden door gives reward 1 and ends the episode, as published implementations do by default. The oracle return is 2 for every pair and
 * every start.
 */

import type { Task } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { defineEnv } from './entry.ts';
import { square } from './grid.ts';
import { PERMUTATIONS } from './permuted.ts';
import { captionOf, visited } from './scenes.ts';
import { tabularFamily } from './tabular.ts';

/** What has happened so far in the episode, which is never observed. */
const [SEARCHING, HOLDING, OPENED] = [0, 1, 2];

export const keyToDoor = defineEnv({
  id: 'key-to-door',
  description: '9 × 9 room, random start, reward 1 on the hidden key, then 1 on the hidden door, which ends the episode, at most 50 steps',
  options: {
    // Every pair of cells is a task: size⁴ of them.
    size: { default: 9, range: [2, 12], integer: true, about: 'cells per side' },
    horizon: { default: 50, range: [1, 10_000], integer: true, about: 'steps per episode' },
    ...PERMUTATIONS,
  },
  create: keyToDoorFamily,
});

/**
 * A size × size room; the observation is (x, y). A task is `{ key: [x, y], door: [x, y] }`, any two cells, with `actions` if they are
 * permuted. A cell counts when a step ends on it: the start does not pick up a key, and if key and door share a cell, the step that finds
 * the key does not open the door, but the next one that ends there does (staying, for example). So no step is rewarded with more than 1.
 * State = phase · size² + cell. Throws `E_CONFIG` if some pair is unreachable: its oracle return would be below 2 for some starts only.
 */
function keyToDoorFamily({ size, horizon, permutations }: { size: number; horizon: number; permutations: number }) {
  const { cells, actions, actionSpace, actionNames, observationSpace, move, places, cellAt, place, placeOf, observe } = square(size);
  const farthest = 4 * (size - 1);
  const what = `in ${size} × ${size} cells reaching key and door can take ${farthest} steps, so horizon must be at least that, but is ${horizon}`;
  if (horizon < farthest) throw new CadenzaError('E_CONFIG', `key-to-door: ${what}.`);
  const at = (place: Task[string]) => cellAt(place as readonly number[]);
  const phaseOf = (state: number) => Math.floor(state / cells);
  return tabularFamily({
    permutations,
    id: 'key-to-door',
    observationSpace,
    actionSpace,
    actionNames,
    horizon,
    rewardMax: 1,
    tasks: () => places().flatMap(key => places().map(door => ({ key, door }))),
    taskKey: ({ key, door }) => `key=${(key as readonly number[]).join(',')} door=${(door as readonly number[]).join(',')}`,
    hidden: [place('key'), place('door')],
    render({ key, door }, observation, past) {
      const holds = Array.prototype.some.call(past.reward, reward => reward > 0);
      return {
        kind: 'grid',
        columns: size,
        rows: size,
        marks: [
          ...visited(past, placeOf),
          { role: 'door', at: door as readonly number[], hidden: true },
          ...(holds ? [] : [{ role: 'key', at: key as readonly number[], hidden: true } as const]),
          { role: 'agent', at: placeOf(observation) },
        ],
        caption: captionOf(past, holds ? 'has the key' : 'has no key'),
      };
    },
    model: {
      states: 3 * cells,
      actions,
      starts: Array.from({ length: cells }, (_, cell) => SEARCHING * cells + cell),
      phases: { count: 3, of: phaseOf },
      next({ key, door }, state, action) {
        const phase = phaseOf(state);
        const cell = move(state % cells, action);
        const found = (phase === SEARCHING && cell === at(key)) || (phase === HOLDING && cell === at(door));
        return (phase + (found ? 1 : 0)) * cells + cell;
      },
      reward: (_task, state, _action, next) => phaseOf(next) - phaseOf(state),
      terminal: (_task, state) => phaseOf(state) === OPENED,
      observe: (state, out, offset) => observe(state % cells, out, offset),
    },
  });
}

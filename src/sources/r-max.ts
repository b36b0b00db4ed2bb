/**
 * @file R-MAX (Brafman and Tennenholtz 2002) where moves are known and rewards are not: plan as if every state not yet proved worthless
 * paid the most, so the agent either earns or learns. All paying states being alike, the best plan under the most optimistic hypothesis
 * still open is a shortest path to the nearest state that may pay. A family with phases (a key, then a door) is one such search a phase,
 * each with its own hypotheses; what the agent plans in is what it sees.
 */

import { type EnvFamily, listedTasks, observationIndex, phaseCounter, phasesOf, spaceSize, stateOf, tabularModel } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { defineSource, spreadOverBest } from './source.ts';

/** What is precomputed once a family. A cell is all states that look alike: one state, or one a phase. `C` is the number of cells. */
interface Moves {
  readonly cells: number;
  cellOf(observation: ArrayLike<number>): number;
  /** [C × A] */
  readonly next: Int32Array;
  /** [C × C] steps of a shortest path from the row's cell to the column's; 0 on the diagonal, 32767 where there is none. */
  readonly distance: Int16Array;
}

const UNREACHABLE = 32_767;
const known = new WeakMap<EnvFamily, Moves>();

export const rMax = defineSource({
  id: 'r-max',
  description: 'optimism over rewards: goes to the nearest state that may still pay, then stays with what does (R-MAX)',
  knows: 'The moves of the room and how many of its states pay (by default one), but not which.',
  options: {
    rewardingStates: {
      default: 1,
      range: [1, Infinity],
      integer: true,
      about: 'states known to pay in each phase; once as many are found, no other is tried (.inf: unknown number)',
    },
  },
  learner(family, _task, _random, { rewardingStates }) {
    const { cells, cellOf, next, distance } = movesOf(family);
    const actions = next.length / cells;
    const phase = phaseCounter(family);
    // What one phase's cells pay says nothing of another's.
    const searches = Array.from({ length: phasesOf(family) }, () => newSearch(cells, rewardingStates));
    const value = new Float64Array(actions);
    return {
      distribution(observation, out) {
        const row = cellOf(observation) * actions;
        const { targets } = searches[phase.now];
        for (let a = 0; a < actions; a++) {
          const from = next[row + a] * cells;
          let nearest = UNREACHABLE;
          for (let i = 0; i < targets.length; i++) if (distance[from + targets[i]] < nearest) nearest = distance[from + targets[i]];
          value[a] = -nearest;
        }
        spreadOverBest(value, 0, out);
      },
      // Rewards are for arriving: standing on a cell at an episode's start tells nothing about it.
      observe(_observation, _action, reward, nextObservation, terminated, truncated) {
        searches[phase.now].arrive(cellOf(nextObservation), reward);
        phase.step(reward, terminated || truncated);
      },
    };
  },
});

/** What the learner holds possible of one phase: which cells pay, and which still may. */
function newSearch(cells: number, rewardingStates: number) {
  const paying = new Set<number>();
  const open = new Set<number>(Array(cells).keys());
  const search = {
    /** The cells to head for: a plain array, the only thing the inner loop reads. */
    targets: [...open],
    arrive(cell: number, reward: number): void {
      if (!open.delete(cell)) return;
      if (reward > 0) paying.add(cell);
      search.targets = paying.size < rewardingStates ? [...paying, ...open] : [...paying];
    },
  };
  return search;
}

function movesOf(family: EnvFamily): Moves {
  const before = known.get(family);
  if (before) return before;
  const { cells, cellOf, cellOfState } = cellsOf(family);
  // Refuses families that hide more than rewards tell.
  stateOf(family);
  const next = sharedMoves(family, cells, cellOfState);
  const moves = { cells, cellOf, next, distance: distances(cells, next) };
  known.set(family, moves);
  return moves;
}

/** Cells numbered by the first state that looks so. */
function cellsOf(family: EnvFamily) {
  const model = tabularModel(family, 'Source r-max');
  const index = observationIndex(family);
  const seen = new Float32Array(spaceSize(family.observationSpace));
  const cellOfLook = new Int32Array(index.count).fill(-1);
  let cells = 0;
  const cellOfState = Int32Array.from({ length: model.states }, (_, state) => {
    model.observe(state, seen, 0);
    const look = index.of(seen);
    if (cellOfLook[look] < 0) cellOfLook[look] = cells++;
    return cellOfLook[look];
  });
  return { cells, cellOfState, cellOf: (observation: ArrayLike<number>) => cellOfLook[index.of(observation)] };
}

/** [C × A] next cells; throws `E_CONFIG` where they depend on the task or the phase, for then they cannot be known beforehand. */
function sharedMoves(family: EnvFamily, cells: number, cellOfState: Int32Array): Int32Array {
  const { states, actions, next: move } = tabularModel(family, 'Source r-max');
  const next = new Int32Array(cells * actions).fill(-1);
  const what = `Source r-max knows the moves beforehand, but in ${family.id} they depend on the task or the phase`;
  for (const task of listedTasks(family, 'Source r-max')) {
    for (let state = 0; state < states; state++) {
      for (let a = 0; a < actions; a++) {
        const pair = cellOfState[state] * actions + a;
        const to = cellOfState[move(task, state, a)];
        if (next[pair] < 0) next[pair] = to;
        if (next[pair] !== to) throw new CadenzaError('E_CONFIG', `${what}; choose count-based or q-learning.`);
      }
    }
  }
  return next;
}

/** [C × C] shortest paths, breadth first from every cell. */
function distances(cells: number, next: Int32Array): Int16Array {
  const actions = next.length / cells;
  const distance = new Int16Array(cells * cells).fill(UNREACHABLE);
  const queue = new Int32Array(cells);
  for (let source = 0; source < cells; source++) {
    const row = source * cells;
    let [head, tail] = [0, 0];
    queue[tail++] = source;
    distance[row + source] = 0;
    while (head < tail) {
      const cell = queue[head++];
      for (let a = 0; a < actions; a++) {
        const to = next[cell * actions + a];
        if (distance[row + to] !== UNREACHABLE) continue;
        distance[row + to] = distance[row + cell] + 1;
        queue[tail++] = to;
      }
    }
  }
  return distance;
}

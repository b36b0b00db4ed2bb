/**
 * @file R-MAX (Brafman and Tennenholtz 2002) with known moves and unknown rewards: plan as if every state not known to be unrewarded had
 * the maximum reward, so that the agent either earns or learns. All rewarded states are alike, so the optimal plan under the most
 * optimistic open hypothesis is a shortest path to the nearest state that may be rewarded. In a family with phases (a key, then a door),
 * each phase is such a search with its own hypotheses. The agent plans over observations.
 */

import { type EnvFamily, listedTasks, observationIndex, phaseCounter, phasesOf, spaceSize, stateOf, tabularModel } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { defineSource, spreadOverBest } from './source.ts';

/** Precomputed per family. A cell is the set of states with equal observations: one state, or one per phase. C is the number of cells. */
interface Moves {
  readonly cells: number;
  cellOf(observation: ArrayLike<number>): number;
  /** [C × A] the cell that each action leads to. */
  readonly next: Int32Array;
  /** [C × C] length of a shortest path from the row's cell to the column's; 0 on the diagonal, 32767 if there is none. */
  readonly distance: Int16Array;
}

const UNREACHABLE = 32_767;
const known = new WeakMap<EnvFamily, Moves>();

export const rMax = defineSource({
  id: 'r-max',
  description: 'optimism about rewards: goes to the nearest state that may be rewarded, then stays at a rewarded one (R-MAX)',
  knows: 'The moves of the room and the number of rewarded states (by default one), but not which they are.',
  options: {
    rewardingStates: {
      default: 1,
      range: [1, Infinity],
      integer: true,
      about: 'number of rewarded states in each phase; once that many are found, no other is tried (.inf: unknown)',
    },
  },
  learner(family, _task, _random, { rewardingStates }) {
    const { cells, cellOf, next, distance } = movesOf(family);
    const actions = next.length / cells;
    const phase = phaseCounter(family);
    // Rewards of one phase say nothing about another's.
    const searches = Array.from({ length: phasesOf(family) }, () => newSearch(cells, rewardingStates));
    const value = new Float64Array(actions);
    return {
      distribution(observation, out) {
        const row = cellOf(observation) * actions;
        const { targets, count, isTarget } = searches[phase.now];
        for (let a = 0; a < actions; a++) {
          const from = next[row + a] * cells;
          let nearest = UNREACHABLE;
          // Nothing is nearer than the cell itself, and then one step.
          const least = 1 - isTarget[next[row + a]];
          for (let i = 0; nearest > least && i < count; i++)
            if (distance[from + targets[i]] < nearest) nearest = distance[from + targets[i]];
          value[a] = -nearest;
        }
        spreadOverBest(value, 0, out);
      },
      // Rewards are for arriving: being on a cell at the start of an episode reveals nothing about it.
      observe(_observation, _action, reward, nextObservation, terminated, truncated) {
        searches[phase.now].arrive(cellOf(nextObservation), reward);
        phase.step(reward, terminated || truncated);
      },
    };
  },
});

/** The hypotheses of one phase: which cells are rewarded, and which may be. */
function newSearch(cells: number, rewardingStates: number) {
  const open = new Uint8Array(cells).fill(1);
  let paying = 0;
  const search = {
    /** The cells to head for are the first `count` of these, in no order: the paying ones, then the open ones. */
    targets: Int32Array.from({ length: cells }, (_, cell) => cell),
    count: cells,
    /** 1 for those. */
    isTarget: new Uint8Array(cells).fill(1),
    arrive(cell: number, reward: number): void {
      if (open[cell] === 0) return;
      open[cell] = 0;
      const { targets, isTarget } = search;
      // Once all paying cells are known, no open one is a target, and further ones that pay are added.
      let at = targets.subarray(0, search.count).indexOf(cell);
      if (at < 0) at = search.count++;
      isTarget[cell] = Number(reward > 0);
      if (reward > 0) {
        targets[at] = targets[paying];
        targets[paying++] = cell;
      } else targets[at] = targets[--search.count];
      if (paying < rewardingStates) return;
      while (search.count > paying) isTarget[targets[--search.count]] = 0;
    },
  };
  return search;
}

function movesOf(family: EnvFamily): Moves {
  const before = known.get(family);
  if (before) return before;
  const { cells, cellOf, cellOfState } = cellsOf(family);
  // Rejects families that hide more than rewards reveal.
  stateOf(family);
  const next = sharedMoves(family, cells, cellOfState);
  const moves = { cells, cellOf, next, distance: distances(cells, next) };
  known.set(family, moves);
  return moves;
}

/** Numbers cells by the first state with the same observation. */
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

/** [C × A] next cells. Throws `E_CONFIG` if they depend on the task or the phase, because then they cannot be known in advance. */
function sharedMoves(family: EnvFamily, cells: number, cellOfState: Int32Array): Int32Array {
  const { states, actions, next: move } = tabularModel(family, 'Source r-max');
  const next = new Int32Array(cells * actions).fill(-1);
  const what = `Source r-max must know the moves in advance, but in ${family.id} they depend on the task or the phase`;
  for (const task of listedTasks(family, 'Source r-max')) {
    for (let state = 0; state < states; state++) {
      for (let a = 0; a < actions; a++) {
        const pair = cellOfState[state] * actions + a;
        const to = cellOfState[move(task, state, a)];
        if (next[pair] < 0) next[pair] = to;
        if (next[pair] !== to) throw new CadenzaError('E_CONFIG', `${what}. Choose count-based or q-learning.`);
      }
    }
  }
  return next;
}

/** [C × C] shortest paths, by breadth-first search from every cell. */
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

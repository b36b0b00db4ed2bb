/**
 * @file R-MAX (Brafman and Tennenholtz 2002) with known moves and unknown rewards: plan as if every state not known to be unrewarded had
 * the maximum reward, so that the agent either earns or learns. All rewarded states are alike, so the optimal plan under the most
 * optimistic open hypothesis is a shortest path to the nearest state that may be rewarded. In a family with phases (a key, then a door),
 * each phase is such a search with its own hypotheses. The agent plans over observations.
 */

import { z } from 'zod';
import {
  countsOf,
  type EnvFamily,
  listedTasks,
  observationIndex,
  phaseCounter,
  phasesOf,
  spaceSize,
  stateOf,
  tabularModel,
} from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { headForNearest, newSearch, type Room, roomOf, type Ties } from './cell-search.ts';
import { defineSource, integersIfKnown } from './source.ts';

/** Precomputed per family. A cell is the set of states with equal observations: one state, or one per phase. */
interface Moves {
  readonly room: Room;
  /** The observation of each cell. */
  readonly shown: readonly (readonly number[])[];
  /** The phases in which the agent acts. */
  readonly phases: readonly number[];
  cellOf(observation: ArrayLike<number>): number;
}

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
    ties: {
      schema: z.enum(['spread', 'first']),
      default: 'spread' as Ties,
      about: 'among equally good actions, any with equal probability, or the first: a search whose way is known from where it is',
    },
  },
  learner(family, _task, _random, { rewardingStates, ties }) {
    const { room, shown, phases, cellOf } = movesOf(family);
    const counts = countsOf(family.observationSpace);
    const phase = phaseCounter(family);
    // Rewards of one phase say nothing about another's.
    const searches = Array.from({ length: phasesOf(family) }, () => newSearch(room.cells, rewardingStates));
    const value = new Float64Array(room.actions);
    return {
      distribution: (observation, out) => headForNearest(room, searches[phase.now], cellOf(observation), value, out, ties),
      // Rewards are for arriving: being on a cell at the start of an episode reveals nothing about it.
      observe(_observation, _action, reward, nextObservation, terminated, truncated) {
        searches[phase.now].arrive(cellOf(nextObservation), reward);
        phase.step(reward, terminated || truncated);
      },
      // The first rewarded cell that was found, as it is observed. Images have no numbers to name.
      beliefs:
        counts &&
        phases.map(p => {
          const name = phases.length > 1 ? `rewarded cell of phase ${p + 1}` : 'rewarded cell';
          return integersIfKnown({ name, counts }, () => shown[searches[p].found() ?? -1] ?? []);
        }),
    };
  },
});

function movesOf(family: EnvFamily): Moves {
  const before = known.get(family);
  if (before) return before;
  const { shown, cellOf, cellOfState } = cellsOf(family);
  // Rejects families that hide more than rewards reveal.
  stateOf(family);
  const { states, phases, terminal } = tabularModel(family, 'Source r-max');
  const [task] = listedTasks(family, 'Source r-max');
  const acting = Array.from({ length: states }, (_, state) => (terminal(task, state) ? -1 : (phases?.of(state) ?? 0)));
  const moves = {
    room: roomOf(shown.length, sharedMoves(family, shown.length, cellOfState)),
    shown,
    phases: [...Array(phasesOf(family)).keys()].filter(phase => acting.includes(phase)),
    cellOf,
  };
  known.set(family, moves);
  return moves;
}

/** Numbers cells by the first state with the same observation. */
function cellsOf(family: EnvFamily) {
  const model = tabularModel(family, 'Source r-max');
  const index = observationIndex(family);
  const seen = new Float32Array(spaceSize(family.observationSpace));
  const cellOfLook = new Int32Array(index.count).fill(-1);
  const shown: number[][] = [];
  const cellOfState = Int32Array.from({ length: model.states }, (_, state) => {
    model.observe(state, seen, 0);
    const look = index.of(seen);
    if (cellOfLook[look] < 0) cellOfLook[look] = shown.push([...seen]) - 1;
    return cellOfLook[look];
  });
  return { shown, cellOfState, cellOf: (observation: ArrayLike<number>) => cellOfLook[index.of(observation)] };
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

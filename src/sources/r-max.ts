/**
 * @file R-MAX (Brafman and Tennenholtz 2002) where moves are known and rewards are not: plan as if every state not yet proved worthless
 * paid the most, so the agent either earns or learns. All paying states being alike, the best plan under the most optimistic hypothesis
 * still open is a shortest path to the nearest state that may pay.
 */

import { type EnvFamily, stateOf, type TabularModel, type Task } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { defineSource, spreadOverBest } from './source.ts';

/** What is precomputed once a family. */
interface Moves {
  stateOf(observation: ArrayLike<number>): number;
  /** [S × A] */
  readonly next: Int32Array;
  /** [S × S] steps of a shortest path from the row's state to the column's; 0 on the diagonal, 32767 where there is none. */
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
      about: 'states known to pay; once as many are found, no other is tried (.inf: unknown number)',
    },
  },
  learner(family, _task, _random, { rewardingStates }) {
    const { stateOf, next, distance } = movesOf(family);
    const { states: S, actions: A } = family.model;
    const paying = new Set<number>();
    const open = new Set<number>(Array(S).keys());
    // A plain array of the states to head for: the only thing the inner loop reads.
    let targets = [...open];
    const value = new Float64Array(A);
    return {
      distribution(observation, out) {
        const row = stateOf(observation) * A;
        for (let a = 0; a < A; a++) {
          const from = next[row + a] * S;
          let nearest = UNREACHABLE;
          for (let i = 0; i < targets.length; i++) if (distance[from + targets[i]] < nearest) nearest = distance[from + targets[i]];
          value[a] = -nearest;
        }
        spreadOverBest(value, 0, out);
      },
      // Rewards are for arriving: standing on a state at an episode's start tells nothing about it.
      observe(_observation, _action, reward, nextObservation) {
        const arrived = stateOf(nextObservation);
        if (!open.delete(arrived)) return;
        if (reward > 0) paying.add(arrived);
        targets = paying.size < rewardingStates ? [...paying, ...open] : [...paying];
      },
    };
  },
});

function movesOf(family: EnvFamily): Moves {
  let moves = known.get(family);
  if (!moves) {
    const next = sharedMoves(family, family.tasks());
    moves = { stateOf: stateOf(family), next, distance: distances(family.model, next) };
    known.set(family, moves);
  }
  return moves;
}

/** [S × A] next states; throws `E_CONFIG` where they depend on the task, for then they cannot be known beforehand. */
function sharedMoves({ id, model }: EnvFamily, tasks: readonly Task[]): Int32Array {
  const table = (task: Task) =>
    Int32Array.from({ length: model.states * model.actions }, (_, i) => model.next(task, Math.floor(i / model.actions), i % model.actions));
  const [first, ...others] = tasks;
  const next = table(first);
  if (others.some(task => table(task).some((to, i) => to !== next[i]))) {
    throw new CadenzaError(
      'E_CONFIG',
      `Source r-max knows the moves beforehand, but in ${id} they depend on the task; choose count-based or q-learning.`,
    );
  }
  return next;
}

/** [S × S] shortest paths, breadth first from every state. */
function distances({ states: S, actions: A }: TabularModel, next: Int32Array): Int16Array {
  const distance = new Int16Array(S * S).fill(UNREACHABLE);
  const queue = new Int32Array(S);
  for (let source = 0; source < S; source++) {
    const row = source * S;
    let [head, tail] = [0, 0];
    queue[tail++] = source;
    distance[row + source] = 0;
    while (head < tail) {
      const state = queue[head++];
      for (let a = 0; a < A; a++) {
        const to = next[state * A + a];
        if (distance[row + to] !== UNREACHABLE) continue;
        distance[row + to] = distance[row + state] + 1;
        queue[tail++] = to;
      }
    }
  }
  return distance;
}

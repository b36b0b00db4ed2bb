/** @file Monte-Carlo control with exploring starts (Sutton and Barto 2018, §5.3) on the simulator of a training task. */

import { type EnvFamily, type History, type OptionTable, resolveOptions, type Task, tabularModel } from '../rl/index.ts';
import type { Random } from '../util/random.ts';
import { spreadOverBest } from './source.ts';

/** Options of `monteCarloActions`. */
export const MONTE_CARLO_OPTIONS = {
  sweeps: { default: 40, range: [1, 1e6], integer: true, about: 'maximum number of simulations that start from each state-action pair' },
  discount: {
    default: 0.95,
    range: [0, 1],
    about: 'γ, the discount factor; below 1, the shorter of two paths to the same reward is better',
  },
  tolerance: { default: 1e-6, range: [0, 1e6], about: 'actions whose returns are within this distance of the best count as optimal' },
} as const satisfies OptionTable;

/**
 * Estimates the optimal actions of a stationary policy, [S × A]: the row of each state is uniform over the actions within `tolerance` of
 * the best estimated return. To look up an observation rather than a state, use `stateOf(family)(observation)` of `rl`.
 *
 * There are two departures from the book. The estimate of a pair is its last return, not the mean of all: moves and rewards are
 * deterministic, so the last return is exact for the current policy, while a mean includes returns of earlier, worse policies. And a return
 * counts the `horizon` steps after a visit, in simulations twice as long, so that all returns are comparable; a visit near the end of a
 * truncated episode would look bad only because it is late. It stops early after a sweep that changes nothing.
 *
 * @throws {CadenzaError} `E_CONFIG` for a family without a tabular model.
 */
export function monteCarloActions(
  family: EnvFamily,
  task: Task,
  random: Random,
  options?: Readonly<Record<string, unknown>>,
): Float32Array {
  const { sweeps, discount, tolerance } = resolveOptions('Monte-Carlo control', MONTE_CARLO_OPTIONS, options);
  const { horizon } = family;
  const model = tabularModel(family, 'Monte-Carlo control');
  const { states: S, actions: A } = model;
  const estimate = new Float64Array(S * A);
  const row = new Float32Array(A);
  const pairs = new Int32Array(2 * horizon);
  const rewards = new Float64Array(2 * horizon);
  const greedy = (state: number) => {
    spreadOverBest(estimate, state * A, row, tolerance);
    return random.categorical(row, 0, A);
  };

  /** Simulates from one pair, then assigns each pair on the path the return of its first visit; returns true if some estimate changed. */
  const explore = (start: number): boolean => {
    let [state, action, length] = [Math.floor(start / A), start % A, 0];
    let ended = false;
    while (length < 2 * horizon && !ended) {
      const to = model.next(task, state, action);
      pairs[length] = state * A + action;
      rewards[length++] = model.reward(task, state, action, to);
      ended = model.terminal(task, to);
      state = to;
      if (!ended) action = greedy(state);
    }
    let changed = false;
    // From the last visit to the first, so that the return of the first one remains.
    for (let t = ended ? length - 1 : horizon - 1; t >= 0; t--) {
      let total = 0;
      for (let k = Math.min(t + horizon, length) - 1; k >= t; k--) total = rewards[k] + discount * total;
      if (Math.abs(total - estimate[pairs[t]]) > tolerance) changed = true;
      estimate[pairs[t]] = total;
    }
    return changed;
  };

  for (let sweep = 0, changed = true; sweep < sweeps && changed; sweep++) {
    changed = false;
    for (let pair = 0; pair < S * A; pair++) if (!model.terminal(task, Math.floor(pair / A)) && explore(pair)) changed = true;
  }
  const probabilities = new Float32Array(S * A);
  for (let state = 0; state < S; state++) {
    spreadOverBest(estimate, state * A, row, tolerance);
    probabilities.set(row, state * A);
  }
  return probabilities;
}

/** The tables of tasks, each computed on first use; it depends only on its task and the stream. */
export function monteCarloTables(family: EnvFamily, random: Random): (of: Pick<History, 'task' | 'taskKey'>) => Float32Array {
  const known = new Map<string, Float32Array>();
  return ({ task, taskKey }) => {
    const table = known.get(taskKey) ?? monteCarloActions(family, task, random.split(taskKey));
    known.set(taskKey, table);
    return table;
  };
}

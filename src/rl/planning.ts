/** @file Exact planning in a known task: finite-horizon dynamic programming (Puterman 1994, §4.3) over a family's tabular model. */

import type { EnvFamily, Task } from './env.ts';
import { tabularModel } from './family.ts';

/** Discount of the second criterion, which prefers earlier rewards among equal returns. */
const SOONER = 0.99;
/** Values closer than this are ties: rewards are far larger, rounding errors far smaller. */
const TIE = 1e-9;

/** The optimal actions given the task, the state and the number of steps left. Shape key: H horizon, S states, A actions. */
export interface OptimalActions {
  /** [H × S × A] uniform over the optimal actions; the row for k steps left and state s starts at `row(k, s)`. */
  readonly probabilities: Float32Array;
  /** [(H + 1) × S] the largest return achievable in k more steps from state s, at k · S + s. */
  readonly values: Float64Array;
  /** Start of the row for `stepsLeft` ∈ [1, H] and `state` in `probabilities`. */
  row(stepsLeft: number, state: number): number;
}

/**
 * Optimal actions for every state and number of steps left: V_k(s) = max_a r(s, a, s′) + [s′ not terminal] V_{k−1}(s′), V_0 = 0.
 *
 * Among equal returns, earlier rewards win. Without this second criterion an agent that is rewarded once, on arrival, could wait until the
 * last moment and still be optimal, which makes it useless as an expert or a label. If no reward is reachable any more, all actions tie.
 *
 * @throws {CadenzaError} `E_CONFIG` for a family without a tabular model.
 */
export function optimalActions(family: Pick<EnvFamily, 'id' | 'model' | 'horizon'>, task: Task): OptimalActions {
  const { horizon } = family;
  const model = tabularModel(family, 'Dynamic programming');
  const { states: S, actions: A } = model;
  const next = new Int32Array(S * A);
  const reward = new Float64Array(S * A);
  const alive = Uint8Array.from({ length: S }, (_, s) => (model.terminal(task, s) ? 0 : 1));
  for (let s = 0; s < S; s++) {
    for (let a = 0; a < A; a++) {
      next[s * A + a] = model.next(task, s, a);
      reward[s * A + a] = model.reward(task, s, a, next[s * A + a]);
    }
  }

  const row = (stepsLeft: number, state: number) => ((stepsLeft - 1) * S + state) * A;
  const probabilities = new Float32Array(horizon * S * A);
  const values = new Float64Array((horizon + 1) * S);
  let sooner = new Float64Array(S);
  for (let k = 1; k <= horizon; k++) {
    const soonerNow = new Float64Array(S);
    for (let s = 0; s < S; s++) {
      let [best, bestSooner, ties] = [-Infinity, -Infinity, 0];
      const offset = row(k, s);
      for (let a = 0; a < A; a++) {
        const [to, r] = [next[s * A + a], reward[s * A + a]];
        const value = r + alive[to] * values[(k - 1) * S + to];
        const valueSooner = r + alive[to] * SOONER * sooner[to];
        const better = value - best;
        if (better < -TIE || (better <= TIE && valueSooner < bestSooner - TIE)) continue;
        if (better > TIE || valueSooner > bestSooner + TIE) {
          probabilities.fill(0, offset, offset + a);
          [best, bestSooner, ties] = [value, valueSooner, 0];
        }
        probabilities[offset + a] = 1;
        ties++;
      }
      for (let a = 0; a < A; a++) probabilities[offset + a] /= ties;
      values[k * S + s] = best;
      soonerNow[s] = bestSooner;
    }
    sooner = soonerNow;
  }
  return { probabilities, values, row };
}

/**
 * Expected undiscounted return, over the equally likely starts, of an optimal agent that knows the task.
 *
 * @throws {CadenzaError} `E_CONFIG` for a family without a tabular model.
 */
export function optimalReturn(family: Pick<EnvFamily, 'id' | 'model' | 'horizon'>, task: Task): number {
  const { values } = optimalActions(family, task);
  const { starts, states } = tabularModel(family, 'Dynamic programming');
  return starts.reduce((sum, start) => sum + values[family.horizon * states + start], 0) / starts.length;
}

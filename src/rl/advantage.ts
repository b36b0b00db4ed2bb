/**
 * @file Returns and advantages over one stream of experience that holds several consecutive episodes. All arrays are indexed by time: `_t`
 * refers to the state before the action of step t, and reward t follows that action.
 *
 * Each step has its own discount on the future. At the end of an episode it may stay above 0: then rewards of later episodes count for the
 * actions of earlier ones, which makes exploration worthwhile (Duan et al. 2016, "RL²", §2.2).
 */

import { invariant } from '../util/errors.ts';

/**
 * γ_t = `step` within an episode and `step` · `across` after its last step. With `across` = 0 each episode has its own return; with 1 the
 * stream counts as one long episode.
 *
 * @param ended [T] whether an episode ended with step t.
 * @returns [T]
 * @throws {CadenzaError} `E_SHAPE` if a discount is outside [0, 1].
 */
export function streamDiscounts(
  ended: ArrayLike<number | boolean>,
  { step, crossEpisode: across }: { step: number; crossEpisode: number },
): Float64Array {
  invariant(step >= 0 && step <= 1 && across >= 0 && across <= 1, `discounts must lie in [0, 1], got ${step} and ${across}.`);
  return Float64Array.from(ended, end => (end ? step * across : step));
}

/**
 * Discounted returns G_t = r_t + γ_t G_{t+1}, with G_T = `bootstrap`.
 *
 * @param reward [T]
 * @param discount [T]
 * @returns [T]
 * @throws {CadenzaError} `E_SHAPE` if the lengths differ.
 * @example discountedReturns([0, 0, 1], [0.5, 0.5, 0]) // [0.25, 0.5, 1]
 */
export function discountedReturns(reward: ArrayLike<number>, discount: ArrayLike<number>, bootstrap = 0): Float64Array {
  const T = reward.length;
  expectLengths('discountedReturns', { reward, discount }, { reward: T, discount: T });
  const returns = new Float64Array(T);
  let after = bootstrap;
  for (let t = T - 1; t >= 0; t--) {
    after = reward[t] + discount[t] * after;
    returns[t] = after;
  }
  return returns;
}

/**
 * Generalized advantage estimates (Schulman et al. 2016, "High-Dimensional Continuous Control Using Generalized Advantage Estimation", eq.
 * 16): A_t = δ_t + γ_t λ A_{t+1} with δ_t = r_t + γ_t V(s_{t+1}) − V(s_t) and A_T = 0. λ = 0 relies on the values, λ = 1 on the rewards.
 *
 * @param reward [T]
 * @param discount [T]
 * @param value [T + 1] estimates V(s_0) … V(s_T); the last one accounts for everything after the stream.
 * @returns [T]
 * @throws {CadenzaError} `E_SHAPE` if the lengths do not match or λ is outside [0, 1].
 */
export function generalizedAdvantages(
  reward: ArrayLike<number>,
  discount: ArrayLike<number>,
  value: ArrayLike<number>,
  lambda: number,
): Float64Array {
  const T = reward.length;
  expectLengths('generalizedAdvantages', { reward, discount, value }, { reward: T, discount: T, value: T + 1 });
  invariant(lambda >= 0 && lambda <= 1, `generalizedAdvantages: λ must lie in [0, 1], got ${lambda}.`);
  const advantages = new Float64Array(T);
  let after = 0;
  for (let t = T - 1; t >= 0; t--) {
    const error = reward[t] + discount[t] * value[t + 1] - value[t];
    after = error + discount[t] * lambda * after;
    advantages[t] = after;
  }
  return advantages;
}

/** Mean and (population) variance. */
export function moments(x: ArrayLike<number>): { mean: number; variance: number } {
  const values = Float64Array.from(x);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, variance: values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length };
}

/** The numbers scaled to mean 0 and standard deviation 1; all 0 if they are equal. */
export function standardized(x: ArrayLike<number>): Float64Array {
  const { mean, variance } = moments(x);
  const deviation = Math.sqrt(variance);
  return Float64Array.from(x, v => (deviation > 1e-12 ? (v - mean) / deviation : 0));
}

/**
 * Explained variance 1 − Var(wanted − predicted) / Var(wanted): 1 for perfect predictions, 0 for a constant; below 0 they are worse than
 * the mean.
 */
export function explainedVariance(wanted: ArrayLike<number>, predicted: ArrayLike<number>): number {
  const { variance } = moments(wanted);
  return variance > 0 ? 1 - moments(Float64Array.from(wanted, (value, i) => value - predicted[i])).variance / variance : 0;
}

function expectLengths(what: string, given: Record<string, ArrayLike<number>>, wanted: Record<string, number>): void {
  for (const [name, length] of Object.entries(wanted))
    invariant(given[name].length === length, `${what}: expected ${length} numbers in "${name}", got ${given[name].length}.`);
}

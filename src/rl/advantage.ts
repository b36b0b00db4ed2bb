/**
 * @file Returns and advantages over one stream of experience, in which several episodes follow one another. All arrays are indexed by
 * time; `_t` is what holds before the action of step t, and rewards are what that action brought.
 *
 * A discount per step says how much the future counts from there on. At an episode's end it may stay above 0: then the rewards of later
 * episodes count for the actions of earlier ones, which is what makes exploring worth while (Duan et al. 2016, "RL²", §2.2).
 */

import { invariant } from '../util/errors.ts';

/**
 * γ_t = `step` within an episode and `step` · `across` after its last step: `across` 0 gives each episode a return of its own, 1 counts
 * later episodes as if the stream were one long episode.
 *
 * @param ended [T] whether an episode ended with step t.
 * @returns [T]
 */
export function streamDiscounts(
  ended: ArrayLike<number | boolean>,
  { step, crossEpisode: across }: { step: number; crossEpisode: number },
): Float64Array {
  invariant(step >= 0 && step <= 1 && across >= 0 && across <= 1, `discounts must lie in [0, 1], got ${step} and ${across}.`);
  return Float64Array.from(ended, end => (end ? step * across : step));
}

/**
 * G_t = r_t + γ_t G_{t+1}, with G_T = `bootstrap`.
 *
 * @param reward [T]
 * @param discount [T]
 * @returns [T]
 * @throws {CadenzaError} `E_SHAPE` when the lengths differ.
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
 * Generalized advantages (Schulman et al. 2016, "High-Dimensional Continuous Control Using Generalized Advantage Estimation", eq. 16):
 * A_t = δ_t + γ_t λ A_{t+1} with δ_t = r_t + γ_t V(s_{t+1}) − V(s_t) and A_T = 0. λ = 0 trusts the values, λ = 1 the rewards.
 *
 * @param reward [T]
 * @param discount [T]
 * @param value [T + 1] estimates V(s_0) … V(s_T); the last one stands for all that is not in the stream.
 * @returns [T]
 * @throws {CadenzaError} `E_SHAPE` when the lengths do not fit.
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

/** Mean, and mean squared deviation from it. */
export function moments(x: ArrayLike<number>): { mean: number; variance: number } {
  const values = Float64Array.from(x);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, variance: values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length };
}

/** The numbers with mean 0 and deviation 1; all 0 where they do not differ. */
export function standardized(x: ArrayLike<number>): Float64Array {
  const { mean, variance } = moments(x);
  const deviation = Math.sqrt(variance);
  return Float64Array.from(x, v => (deviation > 1e-12 ? (v - mean) / deviation : 0));
}

/** Share of the variance of what was to be foreseen that the forecast took away: 1 all, 0 none; below 0 it was worse than the mean. */
export function explainedVariance(wanted: ArrayLike<number>, foreseen: ArrayLike<number>): number {
  const { variance } = moments(wanted);
  return variance > 0 ? 1 - moments(Float64Array.from(wanted, (value, i) => value - foreseen[i])).variance / variance : 0;
}

function expectLengths(what: string, given: Record<string, ArrayLike<number>>, wanted: Record<string, number>): void {
  for (const [name, length] of Object.entries(wanted))
    invariant(given[name].length === length, `${what}: expected ${length} numbers in "${name}", got ${given[name].length}.`);
}

/** @file The error function and the normal distribution, in float64. */

/** erf(x) by Abramowitz and Stegun's series and continued fraction (7.1.5, 7.1.14). */
export function errorFunction(x: number): number {
  const z = Math.abs(x);
  let value: number;
  if (z < 3) {
    let term = z;
    let total = z;
    for (let n = 1; n < 200 && Math.abs(term) > 1e-18; n++) {
      term *= (-z * z) / n;
      total += term / (2 * n + 1);
    }
    value = (2 / Math.sqrt(Math.PI)) * total;
  } else {
    let fraction = 0;
    for (let n = 60; n > 0; n--) fraction = n / 2 / (z + fraction);
    value = 1 - Math.exp(-z * z) / (Math.sqrt(Math.PI) * (z + fraction));
  }
  return x < 0 ? -value : value;
}

/** Probability that a normal variable with this mean and standard deviation is below x; a step function if the deviation is 0. */
export function normalBelow(x: number, mean: number, deviation: number): number {
  if (deviation === 0) return x > mean ? 1 : x < mean ? 0 : 0.5;
  return 0.5 * (1 + errorFunction((x - mean) / (deviation * Math.SQRT2)));
}

/**
 * c_0 … c_9 of erfc(z) = t exp(−z² + Σ_k c_k t^k) with t = 1 / (1 + z / 2) and z ≥ 0: a fit with relative error below 1.2e-7 (Press et al.
 * 1992, "Numerical Recipes in C", §6.2).
 */
export const COMPLEMENT_FIT: readonly number[] = [
  -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277,
];

/**
 * Log-probability that a standard normal variable is below x, to about 1e-7 in both tails; finite even where the probability underflows.
 */
export function logNormalBelow(x: number): number {
  const z = Math.abs(x) * Math.SQRT1_2;
  const t = 1 / (1 + z / 2);
  const tail = Math.log(t / 2) - z * z + COMPLEMENT_FIT.reduceRight((sum, c) => sum * t + c, 0);
  return x < 0 ? tail : Math.log1p(-Math.exp(tail));
}

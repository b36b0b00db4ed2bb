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

/** Probability that a normal deviate with this mean and deviation lies below x; a step where the deviation is 0. */
export function normalBelow(x: number, mean: number, deviation: number): number {
  if (deviation === 0) return x > mean ? 1 : x < mean ? 0 : 0.5;
  return 0.5 * (1 + errorFunction((x - mean) / (deviation * Math.SQRT2)));
}

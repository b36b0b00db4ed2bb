/** @file Ridge regression in float64, by Cholesky factorization of the normal equations. */

import { cholesky, choleskySolve } from '../util/cholesky.ts';
import { CadenzaError } from '../util/errors.ts';

/**
 * Weights w [P] that minimize ‖y − Φ w‖² + λ ‖w‖² for features Φ [n × P] and labels y [n]. With y = Φ w + ε, w ~ N(0, s² I) and ε ~ N(0,
 * σ²), the choice λ = σ²/s² makes Φ w the posterior mean, which minimizes the expected squared error (Bishop 2006, "Pattern Recognition and
 * Machine Learning", equations 3.53 to 3.55). Throws `E_NUMERICS` if the equations are singular, which for λ > 0 happens only by rounding.
 */
export function ridge(features: Float64Array, labels: ArrayLike<number>, size: number, lambda: number): Float64Array {
  const gram = new Float64Array(size * size);
  const weights = new Float64Array(size);
  for (let i = 0; i < labels.length; i++) {
    for (let a = 0; a < size; a++) {
      const value = features[i * size + a];
      weights[a] += value * labels[i];
      for (let b = 0; b <= a; b++) gram[a * size + b] += value * features[i * size + b];
    }
  }
  for (let a = 0; a < size; a++) gram[a * size + a] += lambda;

  if (!cholesky(gram, size))
    throw new CadenzaError('E_NUMERICS', `ridge: the normal equations of ${labels.length} examples are singular; raise λ = ${lambda}.`);
  choleskySolve(gram, size, weights);
  return weights;
}

/** Φ w: features [n × P] times weights [P]. */
export function linearPredictions(features: Float64Array, weights: Float64Array): Float64Array {
  const size = weights.length;
  return Float64Array.from({ length: features.length / size }, (_, i) => {
    let sum = 0;
    for (let a = 0; a < size; a++) sum += features[i * size + a] * weights[a];
    return sum;
  });
}

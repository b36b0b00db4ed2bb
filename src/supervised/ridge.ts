/** @file Ridge regression in float64, by Cholesky factorisation of the normal equations. */

import { CadenzaError } from '../util/errors.ts';

/**
 * Weights w [P] that minimise ‖y − Φ w‖² + λ ‖w‖² for features Φ [n × P] and labels y [n]. With y = Φ w + ε, w ~ N(0, s² I) and
 * ε ~ N(0, σ²), the choice λ = σ²/s² makes Φ w the posterior mean, which no predictor beats in expected squared error (Bishop 2006,
 * "Pattern Recognition and Machine Learning", equations 3.53 to 3.55).
 *
 * Throws `E_NUMERICS` where the equations are singular, which λ > 0 rules out but for rounding.
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

  // gram = L Lᵀ, in place in its lower half.
  for (let a = 0; a < size; a++) {
    for (let b = 0; b <= a; b++) {
      let value = gram[a * size + b];
      for (let c = 0; c < b; c++) value -= gram[a * size + c] * gram[b * size + c];
      if (a > b) gram[a * size + b] = value / gram[b * size + b];
      else if (value > 0) gram[a * size + a] = Math.sqrt(value);
      else
        throw new CadenzaError('E_NUMERICS', `ridge: the normal equations of ${labels.length} examples are singular; raise λ = ${lambda}.`);
    }
  }
  for (let a = 0; a < size; a++) {
    for (let b = 0; b < a; b++) weights[a] -= gram[a * size + b] * weights[b];
    weights[a] /= gram[a * size + a];
  }
  for (let a = size - 1; a >= 0; a--) {
    for (let b = a + 1; b < size; b++) weights[a] -= gram[b * size + a] * weights[b];
    weights[a] /= gram[a * size + a];
  }
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

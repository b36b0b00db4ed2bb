/** @file Losses as scalars. Targets are probabilities or values; `weights` give the weight of each row. */

import { add, div, exp, log, logSoftmax, maximum, minimum, mul, neg, softmax, sub, sum, type Tensor } from '../engine/index.ts';

/** Σ w x / max(Σ w, 1e-6): the weighted mean. `x` and `weights` have equal shapes. */
export const weightedMean = (x: Tensor, weights: Tensor): Tensor => div(sum(mul(x, weights)), maximum(sum(weights), 1e-6));

/** −Σ_a target_a log softmax(logits)_a per row: logits and target [.., A] → [..]. */
export const crossEntropy = (logits: Tensor, target: Tensor): Tensor => neg(sum(mul(target, logSoftmax(logits)), [-1]));

/** KL(target ‖ softmax(logits)) per row. `target` [.., A] may hold zeros. */
export const klDivergence = (target: Tensor, logits: Tensor): Tensor =>
  sum(mul(target, sub(log(maximum(target, 1e-30)), logSoftmax(logits))), [-1]);

/** −log N(x; mean, exp(logDeviation)²) per element. */
export function gaussianNll(x: Tensor, mean: Tensor, logDeviation: Tensor): Tensor {
  const z = div(sub(x, mean), exp(logDeviation));
  return add(add(mul(mul(z, z), 0.5), logDeviation), 0.5 * Math.log(2 * Math.PI));
}

/** H(softmax(logits)) per row. */
export const entropy = (logits: Tensor): Tensor => neg(sum(mul(softmax(logits), logSoftmax(logits)), [-1]));

/**
 * Clipped surrogate of the expected return, elementwise (Schulman et al. 2017, "Proximal Policy Optimization Algorithms", eq. 7), to be
 * maximized: min(ρ A, clip(ρ, 1 − ε, 1 + ε) A) with ρ = exp(`logRatio`), the new policy's probability of the action divided by the old
 * one's, and ε = `clip`. At ρ = 1 its gradient is that of A log π, the plain policy gradient.
 */
export function clippedSurrogate(logRatio: Tensor, advantage: Tensor, clip: number): Tensor {
  const ratio = exp(logRatio);
  const clipped = minimum(maximum(ratio, 1 - clip), 1 + clip);
  return minimum(mul(ratio, advantage), mul(clipped, advantage));
}

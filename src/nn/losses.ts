/** @file Losses as scalars. Targets are probabilities or values; `weights` say how much each row counts. */

import { add, div, exp, log, logSoftmax, maximum, mul, neg, sub, sum, type Tensor } from '../engine/index.ts';

/** Σ w x / max(Σ w, 1e-6): a mean over the rows that count. `x` and `weights` have equal shapes. */
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

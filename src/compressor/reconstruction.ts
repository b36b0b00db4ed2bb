/**
 * @file The light decoder R_ψ: Z → X, and the reconstruction loss on raw values (method 4.1). Shape key: B batch, N context tokens, F
 * features of a token, M latents, D width.
 */

import {
  add,
  argmax,
  broadcastTo,
  cast,
  equal,
  less,
  matmul,
  mul,
  reshape,
  slice,
  square,
  sub,
  sum,
  type Tensor,
} from '../engine/index.ts';
import { crossAttention, crossEntropy, keysValues, linear, normalInit, type Scope, weightedMean } from '../nn/index.ts';
import type { TokenLayout } from '../tokenizers/index.ts';

/**
 * One cross-attention from learned positions to Z, then a linear read-out: Z [B, M, D] → predictions [B, N, F]; with `at` [n, N] one-hot,
 * those of some tokens, [B, n, F].
 */
export function reconstruct(scope: Scope, z_BMD: Tensor, tokens: number, layout: TokenLayout, heads: number, at?: Tensor): Tensor {
  const [B, , D] = z_BMD.shape;
  const all_ND = scope.parameter('positions', [tokens, D], normalInit(1));
  const asked = at ? matmul(at, all_ND) : all_ND;
  const positions = broadcastTo(asked, [B, asked.shape[0], D]);
  const read = add(positions, crossAttention(scope, positions, keysValues(scope, z_BMD, D, heads), { heads }));
  return linear(scope.at('head'), read, layout.width);
}

/**
 * L_rec: cross-entropy for categorical fields and squared error (summed over the numbers of a vector or the pixels of an image) for the
 * others, on the raw values x [B, N, F]. Each field counts only where it is present, and the fields are averaged. Also returns the loss of
 * every field, and metrics that are not minimized: `accuracy.<field>`, the share of categorical values whose logit is the largest, and
 * `recall.<field>`, the share of transitions with a reward r > 0 that are reconstructed as more than r / 2 (0 if a batch has none).
 */
export function reconstructionLoss(
  prediction_BNF: Tensor,
  x_BNF: Tensor,
  layout: TokenLayout,
): { loss: Tensor; fields: Record<string, Tensor>; metrics: Record<string, Tensor> } {
  const fields: Record<string, Tensor> = {};
  const metrics: Record<string, Tensor> = {};
  for (const { name, kind, offset, size, presence, reward } of layout.fields) {
    const [predicted, actual] = [prediction_BNF, x_BNF].map(tensor => slice(tensor, 2, offset, offset + size));
    const there = slice(x_BNF, 2, presence, presence + 1);
    const weights = reshape(there, there.shape.slice(0, 2));
    const error = kind === 'categorical' ? crossEntropy(predicted, actual) : sum(square(sub(predicted, actual)), [2]);
    fields[name] = weightedMean(error, weights);
    if (kind === 'categorical') {
      const right = cast(equal(argmax(predicted), argmax(actual)), 'float32');
      metrics[`accuracy.${name}`] = weightedMean(right, weights);
    }
    if (reward) {
      const paid = cast(less(0, actual), 'float32');
      const recalled = cast(less(mul(actual, 0.5), predicted), 'float32');
      metrics[`recall.${name}`] = weightedMean(recalled, mul(paid, there));
    }
  }
  const total = Object.values(fields).reduce(add);
  return { loss: mul(total, 1 / layout.fields.length), fields, metrics };
}

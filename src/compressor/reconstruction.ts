/**
 * @file The light decoder R_ψ: Z → X, and the reconstruction loss on raw values (method 4.1). Shape key: B batch, N context tokens, F
 * features of a token, M latents, D width, H heads, K head width, L = B·M latents of a batch, J = H·M.
 */

import {
  add,
  argmax,
  cast,
  equal,
  expectShape,
  less,
  matmul,
  mul,
  reshape,
  slice,
  softmax,
  square,
  sub,
  sum,
  type Tensor,
  transpose,
} from '../engine/index.ts';
import { crossEntropy, linear, linearInit, normalInit, project, type Scope, weightedMean } from '../nn/index.ts';
import type { TokenLayout } from '../tokenizers/index.ts';

/**
 * One cross-attention from learned positions to Z, then a linear read-out: Z [B, M, D] → predictions [B, N, F]. All maps
 * after the attention weights are linear, so they are applied to the few values, not to the many tokens: r = (p + Σ_h w_h V_h O_h) R + b = p R + b + Σ_h w_h (V_h O_h R).
 */
export function reconstruct(scope: Scope, z_BMD: Tensor, tokens: number, layout: TokenLayout, heads: number): Tensor {
  const { B, M, D } = expectShape(z_BMD, 'B M D');
  const [H, K, F] = [heads, D / heads, layout.width];
  const N = tokens;
  const positions_ND = scope.parameter('positions', [N, D], normalInit(1));
  /** x [T, D] W in heads, [H, T, K]. */
  const headsOf = (name: string, x: Tensor) => transpose(reshape(project(scope.at(name), x, D), [-1, H, K]), [1, 0, 2]);
  const z_LD = reshape(z_BMD, [B * M, D]);
  const [keys_HLK, values_HLK] = [headsOf('k', z_LD), headsOf('v', z_LD)];
  const scores_HNL = matmul(headsOf('q', positions_ND), keys_HLK, { transposeB: true, alpha: 1 / Math.sqrt(K) });
  const weights_HNBM = softmax(reshape(scores_HNL, [H, N, B, M]));
  const out_DD = scope.at('out').parameter('weight', [D, D], linearInit);
  const fixed_NF = linear(scope.at('head'), positions_ND, F);
  const readOut_DF = scope.at('head').parameter('weight', [D, F], linearInit);
  const read_HLF = matmul(values_HLK, reshape(matmul(out_DD, readOut_DF), [H, K, F]));
  const read_BJF = reshape(transpose(reshape(read_HLF, [H, B, M, F]), [1, 0, 2, 3]), [B, H * M, F]);
  const weights_BNJ = reshape(transpose(weights_HNBM, [2, 1, 0, 3]), [B, N, H * M]);
  return add(matmul(weights_BNJ, read_BJF), fixed_NF);
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

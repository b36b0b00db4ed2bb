/**
 * @file The policy's second target Y (method 3.3): a sequence of future returns, each a categorical over bins, decoded one after the other.
 *
 *   G_0      what the running episode still earns           G_k      return of the k-th episode after it
 *   u_k    = W h + p_k + Σ_{j<k} E_j[G_j]                   h        hidden state at the token where the action is predicted
 *   p(G_k | G_0 … G_{k−1}, Z, Q) = softmax(V LN(u_k + FFN(LN(u_k))) + b)
 *
 * Bins are values at even distances from 0 to the largest return, as in C51 (Bellemare et al. 2017, "A Distributional Perspective").
 * Shape key: B batch, H steps, D width, K returns, N bins.
 */

import { add, argmax, concat, constant, layerNorm, mul, oneHot, reshape, slice, softmax, sum, type Tensor } from '../engine/index.ts';
import { feedForward, linear, normalInit, project, type Scope } from '../nn/index.ts';

export interface ReturnOptions {
  /** Returns that are predicted (K). */
  readonly count: number;
  /** Values that each can take (N). */
  readonly bins: number;
  /** The last of these values; the first is 0. */
  readonly largest: number;
  /** Hidden width of the feed-forward layer. */
  readonly hidden: number;
}

type Bins = Pick<ReturnOptions, 'bins' | 'largest'>;

/** Index of the bin whose value is nearest; returns below 0 and above the largest belong to the first and the last one. */
export const binOf = (value: number, { bins, largest }: Bins): number =>
  Math.min(bins - 1, Math.max(0, Math.round((value / largest) * (bins - 1))));

/** The value of every bin. */
export const binValues = ({ bins, largest }: Bins): number[] => Array.from({ length: bins }, (_, i) => (largest * i) / (bins - 1));

/** Logits [B, H, N] of the K returns in turn; `taken` says which bin return k is, one-hot [B, H, N], for those after it. */
function unroll(scope: Scope, states_BHD: Tensor, options: ReturnOptions, taken: (k: number, logits_BHN: Tensor) => Tensor): Tensor[] {
  const { count, bins, hidden } = options;
  const width = states_BHD.shape.at(-1)!;
  const own = scope.at('returns');
  const places_KD = own.parameter('places', [count, width], normalInit(0.1));
  let known_BHD = project(own.at('state'), states_BHD, width);
  return Array.from({ length: count }, (_, k) => {
    const u_BHD = add(known_BHD, slice(places_KD, 0, k, k + 1));
    const logits_BHN = linear(own.at('head'), layerNorm(add(u_BHD, feedForward(own.at('ffn'), layerNorm(u_BHD), hidden))), bins);
    if (k + 1 < count) known_BHD = add(known_BHD, project(own.at(`earlier${k}`), taken(k, logits_BHN), width));
    return logits_BHN;
  });
}

/** K tensors [B, H, …] → [B, H, K, …]. */
const stack = (parts: readonly Tensor[]): Tensor =>
  concat(
    parts.map(part => reshape(part, [...part.shape.slice(0, 2), 1, ...part.shape.slice(2)])),
    2,
  );

/** Hidden states [B, H, D] and the bins of the true returns, int32 [B, H, K] → logits [B, H, K, N]; those of return k know returns below k. */
export const returnLogits = (scope: Scope, states_BHD: Tensor, bins_BHK: Tensor, options: ReturnOptions): Tensor =>
  stack(unroll(scope, states_BHD, options, k => oneHot(reshape(slice(bins_BHK, 2, k, k + 1), bins_BHK.shape.slice(0, 2)), options.bins)));

/**
 * Hidden states [B, H, D] → predicted returns [B, H, K], in units of reward: of each the expectation, given that those before it were the
 * likeliest. Later returns hang on a value that is possible, which an expectation between two modes need not be.
 */
export function decodeReturns(scope: Scope, states_BHD: Tensor, options: ReturnOptions): Tensor {
  const values_N = constant(binValues(options));
  const logits = unroll(scope, states_BHD, options, (_, logits_BHN) => oneHot(argmax(logits_BHN), options.bins));
  return stack(logits.map(logits_BHN => sum(mul(softmax(logits_BHN), values_N), [-1])));
}

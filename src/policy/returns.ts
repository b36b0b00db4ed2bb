/**
 * @file The policy's second target Y (method 3.3): a sequence of future returns, each categorical over bins, decoded one after the other.
 *
 *   G_0      remaining return of the running episode        G_k      return of the k-th episode after it
 *   u_k    = W h + p_k + Σ_{j<k} E_j[G_j]                   h        hidden state at the token where the action is predicted
 *   p(G_k | G_0 … G_{k−1}, Z, Q) = softmax(V LN(u_k + FFN(LN(u_k))) + b)
 *
 * A predicted return is its expectation, averaged over S sequences that are sampled return by return. Bins are evenly spaced values from 0
 * to the largest return, as in C51 (Bellemare et al. 2017, "A Distributional Perspective"). Shape key: B batch, H steps, D width, K
 * returns, N bins, S decoded sequences.
 */

import {
  add,
  linear as affine,
  cast,
  concat,
  constant,
  layerNorm,
  less,
  mean,
  mul,
  oneHot,
  pad,
  reshape,
  slice,
  softmax,
  sub,
  sum,
  type Tensor,
} from '../engine/index.ts';
import { feedForward, linear, normalInit, project, type Scope } from '../nn/index.ts';

/** Options of return prediction. */
export interface ReturnOptions {
  /** Number of predicted returns (K). */
  readonly count: number;
  /** Number of bins (N). */
  readonly bins: number;
  /** Value of the last bin; the first is 0. */
  readonly largest: number;
  /** Width of the feed-forward layer. */
  readonly hidden: number;
}

type Bins = Pick<ReturnOptions, 'bins' | 'largest'>;

/** Index of the bin with the nearest value; returns below 0 or above the largest fall into the first or last bin. */
export const binOf = (value: number, { bins, largest }: Bins): number =>
  Math.min(bins - 1, Math.max(0, Math.round((value / largest) * (bins - 1))));

/** The value of every bin. */
export const binValues = ({ bins, largest }: Bins): number[] => Array.from({ length: bins }, (_, i) => (largest * i) / (bins - 1));

/**
 * Logits [B, …, N] of the K returns in turn, from states [B, …, D]. `taken` gives the one-hot bin [B, …, N] of return k, on which later
 * returns are conditioned; it may have longer axes, which later logits then share.
 */
function unroll(scope: Scope, states: Tensor, options: ReturnOptions, taken: (k: number, logits: Tensor) => Tensor): Tensor[] {
  const { count, bins, hidden } = options;
  const width = states.shape.at(-1)!;
  const own = scope.at('returns');
  const places_KD = own.parameter('places', [count, width], normalInit(0.1));
  let known = project(own.at('state'), states, width);
  return Array.from({ length: count }, (_, k) => {
    const u = add(known, slice(places_KD, 0, k, k + 1));
    const logits = linear(own.at('head'), layerNorm(add(u, feedForward(own.at('ffn'), layerNorm(u), hidden))), bins);
    if (k + 1 < count) known = add(known, project(own.at(`earlier${k}`), taken(k, logits), width));
    return logits;
  });
}

/** K tensors [B, H, …] → [B, H, K, …]. */
const stack = (parts: readonly Tensor[]): Tensor =>
  concat(
    parts.map(part => reshape(part, [...part.shape.slice(0, 2), 1, ...part.shape.slice(2)])),
    2,
  );

/**
 * Hidden states [B, H, D] and the bins of the true returns, int32 [B, H, K] → logits [B, H, K, N]; return k is conditioned on the returns
 * before it.
 */
export const returnLogits = (scope: Scope, states_BHD: Tensor, bins_BHK: Tensor, options: ReturnOptions): Tensor =>
  stack(unroll(scope, states_BHD, options, k => oneHot(reshape(slice(bins_BHK, 2, k, k + 1), bins_BHK.shape.slice(0, 2)), options.bins)));

/** Number of decoded sequences (S), and the generator of their lattice: a primitive root of S. */
const [SEQUENCES, GENERATOR] = [13, 6];

/**
 * Quantile of sequence s in the distribution of return k, in (0, 1): a rank-1 lattice (Korobov 1959), which covers joint distributions more
 * evenly than random sampling and is the same in every run and on every device.
 */
export function quantiles(k: number): number[] {
  const step = Array.from({ length: k }).reduce<number>(power => (power * GENERATOR) % SEQUENCES, 1);
  return Array.from({ length: SEQUENCES }, (_, s) => (((s * step) % SEQUENCES) + 0.5) / SEQUENCES);
}

/** The bin at each sequence's quantile, one-hot [B, H, S, N], for logits [B, H, 1 or S, N]. */
function atQuantiles(logits: Tensor, k: number): Tensor {
  const N = logits.shape.at(-1)!;
  const upTo_NN = Array.from({ length: N * N }, (_, i) => Number(Math.floor(i / N) <= i % N));
  const cumulative = affine(softmax(logits), constant(upTo_NN, [N, N]));
  // 0 before the bin that holds the quantile, 1 from it on.
  const reached_BHSN = cast(less(constant(quantiles(k), [SEQUENCES, 1]), cumulative), 'float32');
  return sub(reached_BHSN, pad(slice(reached_BHSN, 3, 0, N - 1), 3, 1, 0));
}

/**
 * Hidden states [B, H, D] → predicted returns [B, H, K], in units of reward: the expectation of each given those before it, averaged over
 * decoded sequences. The most likely sequence would be biased: after "nothing yet", the most likely first return of a learner, later
 * returns are below their average.
 */
export function decodeReturns(scope: Scope, states_BHD: Tensor, options: ReturnOptions): Tensor {
  const values_N = constant(binValues(options));
  const [B, H, D] = states_BHD.shape;
  const logits = unroll(scope, reshape(states_BHD, [B, H, 1, D]), options, (k, logits) => atQuantiles(logits, k));
  return stack(logits.map(each => mean(sum(mul(softmax(each), values_N), [-1]), [2])));
}

/**
 * @file The pooling attention of compressors: queries attend to the encoded context. Shape key: B batch, N context tokens, R segments, S
 * tokens of a segment, F features of a token, M queries, D width, H heads, K head width.
 */

import {
  add,
  linear as affine,
  broadcastTo,
  concat,
  div,
  exp,
  expectShape,
  layerNorm,
  matmul,
  max,
  maximum,
  mul,
  pad,
  reshape,
  slice,
  stopGradient,
  sub,
  sum,
  type Tensor,
  transpose,
} from '../engine/index.ts';
import { crossAttention, feedForward, headsOf, joinHeads, keysValues, linearInit, normalInit, project, type Scope } from '../nn/index.ts';
import type { BySegment, CompressorOptions } from './compressor.ts';
import { encodeTokens, slotPositions } from './encoder.ts';

const queriesOf = (scope: Scope, count: number, width: number) => scope.parameter('queries', [count, width], normalInit(1));

/** `count` learned queries [B, count, D]. */
export const learnedQueries = (scope: Scope, batch: number, count: number, width: number): Tensor =>
  broadcastTo(queriesOf(scope, count, width), [batch, count, width]);

/**
 * A learned token [B, 1, D] in addition to those attended to: with it, attention weights express whether something is present, not only
 * which.
 */
export const sink = (scope: Scope, batch: number, width: number): Tensor =>
  broadcastTo(scope.parameter('sink', [1, width], normalInit(1)), [batch, 1, width]);

/**
 * Queries [B, M, D] attend to H [B, N, D] and a sink, followed by a feed-forward layer: p = q + MultiHead(q, [s; H]), z = p + FFN(LN(p)).
 */
export function pool(scope: Scope, queries_BMD: Tensor, h_BND: Tensor, { width, poolHeads, hidden }: CompressorOptions): Tensor {
  // A query whose transitions are all absent must be able to attend to nothing.
  const memory = keysValues(scope.at('pool'), concat([sink(scope, h_BND.shape[0], width), h_BND], 1), width, poolHeads);
  return pooled(scope, queries_BMD, crossAttention(scope.at('pool'), queries_BMD, memory, { heads: poolHeads }), hidden);
}

/** The rest of `pool`, after the attention. */
function pooled(scope: Scope, queries_BMD: Tensor, attended_BMD: Tensor, hidden: number): Tensor {
  const p_BMD = add(queries_BMD, attended_BMD);
  // Not normalized: the capacity penalty R(Z) acts on the size of the latents.
  return add(p_BMD, feedForward(scope.at('pool').at('ffn'), layerNorm(p_BMD), hidden));
}

/**
 * `pool` with learned queries, in two parts. A softmax over the tokens of a context consists of sums over its segments: Σ exp(s_n) and
 * Σ exp(s_n) v_n, where s_n = q · k_n. They are computed once for a segment, relative to its largest score, and a context adds them up. The
 * position of a slot adds the same to all keys and values of a segment, so it comes in there. As the queries are the same for all contexts,
 * a score is a linear map of a token.
 */
export const poolBySegment: BySegment = {
  each(scope, x_RSF, options) {
    const { latents: M, poolHeads: H, width } = options;
    const h_RSD = encodeTokens(scope, x_RSF, options);
    const { R, S } = expectShape(h_RSD, 'R S D');
    const scores_RHMS = reshape(transpose(scores(scope, h_RSD, options), [0, 2, 1]), [R, H, M, S]);
    const top_RHM1 = stopGradient(max(scores_RHMS, [3], true));
    const weights_RHMS = exp(sub(scores_RHMS, top_RHM1));
    const values_RHSK = headsOf(scope.at('pool').at('v'), h_RSD, width, H);
    return concat([matmul(weights_RHMS, values_RHSK), sum(weights_RHMS, [3], true), top_RHM1], 3);
  },
  join(scope, found, options) {
    const { latents: M, poolHeads: H, width, hidden } = options;
    const { B, R } = expectShape(found, 'B R H M C');
    const K = width / H;
    const [sums_BRHMK, totals_BRHM1, tops_BRHM1] = [slice(found, 4, 0, K), slice(found, 4, K, K + 1), slice(found, 4, K + 1, K + 2)];
    const own = scope.at('pool');
    const positions_1RD = slotPositions(scope, R, options);
    const inSlot = positions_1RD && {
      scores_RHM1: reshape(scores(scope, positions_1RD, options), [R, H, M, 1]),
      values_RH1K: reshape(project(own.at('v'), positions_1RD, width), [R, H, 1, K]),
    };
    const sink_11D = sink(scope, 1, width);
    const sink_HM1 = reshape(scores(scope, sink_11D, options), [H, M, 1]);
    const sinkValues_H1K = reshape(project(own.at('v'), sink_11D, width), [H, 1, K]);
    const scores_BRHM1 = inSlot ? add(tops_BRHM1, inSlot.scores_RHM1) : tops_BRHM1;
    const top_B1HM1 = stopGradient(maximum(max(scores_BRHM1, [1], true), sink_HM1));
    const factors_BRHM1 = exp(sub(scores_BRHM1, top_B1HM1));
    const sinkWeight_B1HM1 = exp(sub(sink_HM1, top_B1HM1));
    const weights_BRHM1 = mul(factors_BRHM1, totals_BRHM1);
    const weighted_BRHMK = mul(factors_BRHM1, sums_BRHMK);
    const all_BRHMK = inSlot ? add(weighted_BRHMK, mul(weights_BRHM1, inSlot.values_RH1K)) : weighted_BRHMK;
    const numerator = add(sum(all_BRHMK, [1], true), mul(sinkWeight_B1HM1, sinkValues_H1K));
    const denominator = add(sum(weights_BRHM1, [1], true), sinkWeight_B1HM1);
    const out_BHMK = reshape(div(numerator, denominator), [B, H, M, K]);
    const attended_BMD = project(own.at('out'), joinHeads(out_BHMK), width);
    return pooled(scope, learnedQueries(scope, B, M, width), attended_BMD, hidden);
  },
};

/** Scaled scores of tokens [.., D] for every head and learned query, [.., H·M]. */
function scores(scope: Scope, h: Tensor, { latents: M, poolHeads: H, width: D }: CompressorOptions): Tensor {
  const own = scope.at('pool');
  const K = D / H;
  const queries_1HMK = headsOf(own.at('q'), reshape(queriesOf(scope, M, D), [1, M, D]), D, H);
  const keys_HDK = transpose(reshape(own.at('k').parameter('weight', [D, D], linearInit), [D, H, K]), [1, 0, 2]);
  const map_HDM = matmul(keys_HDK, reshape(queries_1HMK, [H, M, K]), { transposeB: true, alpha: 1 / Math.sqrt(K) });
  return affine(h, reshape(transpose(map_HDM, [1, 0, 2]), [D, H * M]));
}

/**
 * H [B, N, D] → [B, M·L, D], to be split into M pieces of L tokens. If M does not divide N, the first pieces are padded with absent tokens.
 */
export function wholePieces(h_BND: Tensor, M: number): { h: Tensor; L: number } {
  const [, N] = h_BND.shape;
  const L = Math.ceil(N / M);
  return { h: pad(h_BND, 1, M * L - N, 0), L };
}

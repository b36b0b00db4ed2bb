/**
 * @file `vq`: vector quantization (van den Oord et al. 2017, "Neural discrete representation learning"). The codebook is an exponential
 * moving average of the vectors quantized to each code (appendix A.1); rarely used codes are reset to vectors of the batch (Dhariwal et al.
 * 2020, "Jukebox", random restarts). Codes are short: few dimensions keep the codebook in use (Yu et al. 2022, "ViT-VQGAN"). Shape key: B
 * batch, M latents, D width, G groups, R rows (B·M), K codes, W width of a code.
 */

import {
  add,
  argmax,
  div,
  exp,
  layerNorm,
  less,
  log,
  matmul,
  maximum,
  mean,
  mul,
  neg,
  oneHot,
  reshape,
  select,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  transpose,
} from '../../engine/index.ts';
import { linear, normalInit, type Scope } from '../../nn/index.ts';
import type { LatentKind, LatentSettings } from './kind.ts';

/** [G, R, W] → [B, M, D]. */
function embed(scope: Scope, vectors_GRW: Tensor, batch: number, width: number): Tensor {
  const [G, R, W] = vectors_GRW.shape;
  return linear(scope.at('up'), reshape(transpose(vectors_GRW, [1, 0, 2]), [batch, R / batch, G * W]), width);
}

const codebook = (scope: Scope, { groups, codes, codeWidth }: LatentSettings): Tensor =>
  scope.buffer('codebook', [groups, codes, codeWidth], normalInit(1));

/** Index of the nearest code of each group's codebook, int32 [G, R]: the largest 2 x·e - |e|². */
function nearest(x_GRW: Tensor, codebook_GKW: Tensor): Tensor {
  const [G, K] = codebook_GKW.shape;
  const norms = reshape(sum(square(codebook_GKW), [2]), [G, 1, K]);
  return argmax(sub(matmul(x_GRW, codebook_GKW, { transposeB: true, alpha: 2 }), norms), 2);
}

/**
 * One codebook update. With n_k rows at code k and s_k their sum: N' = γ N + (1 - γ) n, e' = (γ N e + (1 - γ) s) / N'. A code whose N'
 * falls below `revive` times the average R / K is reset to a row of the batch, with the average count. All counts start at 0, so that the
 * first step replaces the random codebook: each code becomes the mean of its rows, or a row.
 */
function average(scope: Scope, x_GRW: Tensor, hits_GRK: Tensor, codebook_GKW: Tensor, { decay, revive }: LatentSettings): void {
  const [G, R, K] = hits_GRK.shape;
  const counts_GK = scope.buffer('counts', [G, K]);
  const wide = (x_GK: Tensor) => reshape(x_GK, [G, K, 1]);
  const before = mul(counts_GK, decay);
  const after = add(before, mul(sum(hits_GRK, [1]), 1 - decay));
  const sums_GKW = add(mul(wide(before), codebook_GKW), mul(matmul(hits_GRK, x_GRW, { transposeA: true }), 1 - decay));
  // A count this small belongs to a dead code, so its quotient is not used.
  const means_GKW = div(sums_GKW, wide(maximum(after, 1e-12)));
  const rows_GK = scope.random('rows', [G, K], random => random.integer(R), 'int32');
  const drawn_GKW = matmul(oneHot(rows_GK, R), x_GRW);
  const dead_GK = less(after, (revive * R) / K);
  scope.assign(codebook_GKW, select(wide(dead_GK), drawn_GKW, means_GKW));
  scope.assign(counts_GK, select(dead_GK, R / K, after));
}

/** exp of the entropy of code usage, averaged over the groups: K if all codes are used equally. */
function perplexity(hits_GRK: Tensor): Tensor {
  const share = mean(hits_GRK, [1]);
  return mean(exp(neg(sum(mul(share, log(maximum(share, 1e-12))), [1]))));
}

export const vq: LatentKind = {
  id: 'vq',
  description: 'codes of a learned codebook, each the moving average of the vectors assigned to it',
  apply(scope, z_BMD, settings) {
    const { groups: G, codes: K, codeWidth: W } = settings;
    const [B, M, D] = z_BMD.shape;
    const x_GRW = transpose(reshape(linear(scope.at('down'), layerNorm(z_BMD), G * W), [B * M, G, W]), [1, 0, 2]);
    const codebook_GKW = codebook(scope, settings);
    const index_GR = nearest(x_GRW, codebook_GKW);
    const hits_GRK = oneHot(index_GR, K);
    const quantized_GRW = stopGradient(matmul(hits_GRK, codebook_GKW));
    average(scope, x_GRW, hits_GRK, codebook_GKW, settings);
    return {
      trained: embed(scope, add(x_GRW, stopGradient(sub(quantized_GRW, x_GRW))), B, D),
      settled: embed(scope, quantized_GRW, B, D),
      codes: reshape(transpose(index_GR, [1, 0]), [B, M, G]),
      // The commitment loss keeps vectors from drifting away from their codes.
      capacity: mean(square(sub(x_GRW, quantized_GRW))),
      metrics: { perplexity: perplexity(hits_GRK) },
    };
  },
  leastCapacity: ({ commitment }) => commitment,
  discrete: {
    alphabet: ({ groups, codes }) => ({ groups, size: codes }),
    decode(scope, codes_BMG, settings, width) {
      const [B, M, G] = codes_BMG.shape;
      const index_GR = transpose(reshape(codes_BMG, [B * M, G]), [1, 0]);
      return embed(scope, matmul(oneHot(index_GR, settings.codes), codebook(scope, settings)), B, width);
    },
  },
};

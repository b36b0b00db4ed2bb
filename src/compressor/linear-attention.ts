/**
 * @file `linear-attention`: Z is the state of a linear attention with decay, Z ← a Z + k vᵀ for every token (Katharopoulos et al. 2020; the
 * decay as in Mamba-2, Dao and Gu 2024). Shape key: R segments, S tokens of a segment, F features of a token, B batch, M rows of the state, D
 * width.
 */

import {
  add,
  concat,
  constant,
  exp,
  linear as map,
  matmul,
  mul,
  neg,
  reshape,
  slice,
  softplus,
  sub,
  sum,
  type Tensor,
  transpose,
} from '../engine/index.ts';
import { linear } from '../nn/index.ts';
import { PRESENCE } from '../tokenizers/index.ts';
import type { Compressor, Recurrence } from './compressor.ts';
import { encodeTokens } from './encoder.ts';
import { carriedLatents, recurrently } from './recurrence.ts';

/** Bias of the decay before training: a token keeps exp(−softplus(−5)), about 0.993, of the state. */
const DECAY = -5;

const recurrence: Recurrence = {
  // [R, M · (D + 1)]: what the segment adds to each row of the state, and how much of the row it keeps.
  each(scope, x_RSF, options) {
    const { latents: M, segment: S, width: D } = options;
    const [R] = x_RSF.shape;
    const h_RSD = encodeTokens(scope, x_RSF, { ...options, span: S });
    const there_RS1 = slice(x_RSF, 2, PRESENCE, PRESENCE + 1);
    // log a_t, the decay of each row by a token.
    const decays_RSM = mul(there_RS1, neg(softplus(add(linear(scope.at('decay'), h_RSD, M), DECAY))));
    // (1 − a) k: the state is an average of values, which stays bounded over any number of tokens.
    const keys_RSM = mul(linear(scope.at('keys'), h_RSD, M), sub(1, exp(decays_RSM)));
    const [decays_RMS, keys_RMS] = [decays_RSM, keys_RSM].map(x => transpose(x, [0, 2, 1]));
    // A token's part of the state is decayed by the tokens after it.
    const left_RMS = exp(map(decays_RMS, later(S)));
    const added_RMD = matmul(mul(keys_RMS, left_RMS), linear(scope.at('values'), h_RSD, D));
    const kept_RM1 = exp(sum(decays_RMS, [2], true));
    return reshape(concat([added_RMD, kept_RM1], 2), [R, M * (D + 1)]);
  },
  advance(_, z_BMD, found_BW, { latents: M, width: D }) {
    const found_BMC = reshape(found_BW, [found_BW.shape[0], M, D + 1]);
    return add(mul(z_BMD, slice(found_BMC, 2, D)), slice(found_BMC, 2, 0, D));
  },
};

/** [S, S]: 1 where row j is later than column t. */
const later = (S: number): Tensor =>
  constant(
    Array.from({ length: S * S }, (_, i) => (Math.floor(i / S) > i % S ? 1 : 0)),
    [S, S],
  );

export const linearAttention: Compressor = {
  id: 'linear-attention',
  description: 'the state of a linear attention with learned decay, one row for each latent',
  ...carriedLatents,
  compress: recurrently(recurrence),
  recurrence,
};

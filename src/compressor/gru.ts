/**
 * @file `gru`: a gated recurrent unit (Cho et al. 2014) over the tokens; its hidden state is Z. Shape key: B batch, R segments, S tokens of a
 * segment, F features of a token, M latents, D width, U = M·D units.
 */

import { add, concat, layerNorm, less, linear as map, mul, reshape, select, sigmoid, slice, split, sub, tanh } from '../engine/index.ts';
import { linear, linearInit } from '../nn/index.ts';
import { embedTokens, PRESENCE } from '../tokenizers/index.ts';
import type { Compressor, Recurrence } from './compressor.ts';
import { carriedLatents, recurrently } from './recurrence.ts';

const recurrence: Recurrence = {
  // [R, S · (3 U + 1)]: the part of the gates that depends on the token, and whether the token is there.
  each(scope, x_RSF, { width, layout, embedding, latents: M }) {
    const [R, S] = x_RSF.shape;
    const embedded_RSD = layerNorm(embedTokens(scope.at('embed'), x_RSF, layout, width, embedding));
    const gates_RSG = linear(scope.at('input'), embedded_RSD, 3 * M * width);
    return reshape(concat([gates_RSG, slice(x_RSF, 2, PRESENCE, PRESENCE + 1)], 2), [R, S * (3 * M * width + 1)]);
  },
  // r = σ(W_r x + U_r h), z = σ(W_z x + U_z h), n = tanh(W_n x + r ∘ U_n h), h ← (1 − z) ∘ n + z ∘ h
  advance(scope, z_BMD, found_BW, { segment: S, width, latents: M }) {
    const [B, U] = [z_BMD.shape[0], M * width];
    const found_BSG = reshape(found_BW, [B, S, 3 * U + 1]);
    const weight = scope.at('state').parameter('weight', [U, 3 * U], linearInit);
    let h_BU = reshape(z_BMD, [B, U]);
    for (let t = 0; t < S; t++) {
      const token = reshape(slice(found_BSG, 1, t, t + 1), [B, 3 * U + 1]);
      const [xr, xz, xn] = split(slice(token, 1, 0, 3 * U), 1, 3);
      const [hr, hz, hn] = split(map(h_BU, weight), 1, 3);
      const n = tanh(add(xn, mul(sigmoid(add(xr, hr)), hn)));
      const next = add(n, mul(sigmoid(add(xz, hz)), sub(h_BU, n)));
      h_BU = select(less(0.5, slice(token, 1, 3 * U)), next, h_BU);
    }
    return reshape(h_BU, [B, M, width]);
  },
};

export const gru: Compressor = {
  id: 'gru',
  description: 'a GRU that reads the tokens one by one; its state, of latents times width units, is Z',
  ...carriedLatents,
  compress: recurrently(recurrence),
  recurrence,
};

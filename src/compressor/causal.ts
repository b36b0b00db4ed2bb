/**
 * @file `causal` (method 2.3): each segment is pooled into several latents, which attend to those of their own and of earlier segments.
 * Appending a segment appends its latents and changes no earlier ones. Shape key: B batch, R segments, S tokens of a segment, P latents of
 * a segment, M = R·P latents, D width.
 */

import { add, broadcastTo, concat, constant, expectShape, mul, reshape, select, slice, sub, type Tensor } from '../engine/index.ts';
import { block } from '../nn/index.ts';
import {
  type BySegment,
  type CompressorOptions,
  type CompressorSettings,
  type CompressorValues,
  defineCompressor,
  latentLayers,
} from './compressor.ts';
import { encodeTokens, isThere, segmentwise } from './encoder.ts';
import { learnedQueries, pool } from './pooling.ts';

/** Replaces −∞ in a mask: its exponential is exactly 0, and it cannot produce NaN. */
const MASKED = -1e9;

/** [M, M]: 0 where latent i may attend to latent j, whose segment is not later. */
function blockCausal(segments: number, perSegment: number): Tensor {
  const M = segments * perSegment;
  const of = (latent: number) => Math.floor(latent / perSegment);
  return constant(
    Array.from({ length: M * M }, (_, i) => (of(i % M) > of(Math.floor(i / M)) ? MASKED : 0)),
    [M, M],
  );
}

const SETTINGS = {
  latentLayers,
  perSegment: {
    range: [1, 65_536],
    because: 'attention to more latents does not fit in memory',
    default: 1,
    about: 'latents per segment',
  },
} as const satisfies CompressorSettings;

const parts: BySegment<CompressorOptions & CompressorValues<typeof SETTINGS>> = {
  // [R, P, D + 1]: the latents of a segment, and 1 if it holds any transition.
  each(scope, x_RSF, options) {
    const { segment, perSegment: P, width } = options;
    const [R] = x_RSF.shape;
    const h_RSD = encodeTokens(scope, x_RSF, { ...options, span: segment });
    const there_RP1 = broadcastTo(select(isThere(x_RSF), 1, 0), [R, P, 1]);
    return concat([pool(scope, learnedQueries(scope, R, P, width), h_RSD, options), there_RP1], 2);
  },
  join(scope, found_BRPC, options) {
    const { width, heads, hidden, latentLayers } = options;
    const { B, R, P, C } = expectShape(found_BRPC, 'B R P C');
    const M = R * P;
    const found_BMC = reshape(found_BRPC, [B, M, C]);
    const there_BM1 = slice(found_BMC, 2, width);
    // Empty slots and the position in the window must have no effect: a latent stays the same while the window moves on. So there are no
    // positions here; the policy adds its own to the latents.
    const absent_B11M = mul(sub(1, reshape(there_BM1, [B, 1, 1, M])), MASKED);
    const mask = add(blockCausal(R, P), absent_B11M);
    let z_BMD = slice(found_BMC, 2, 0, width);
    for (let i = 0; i < latentLayers; i++)
      z_BMD = block(scope.at(`latents${i}`), z_BMD, { heads, hidden, mask, branches: 2 * latentLayers });
    return mul(z_BMD, there_BM1);
  },
};

export const causal = defineCompressor({
  id: 'causal',
  description: 'every segment becomes latents that attend to earlier ones; appending transitions appends latents',
  contextLayout: 'segments',
  settings: SETTINGS,
  latents: (contextTokens, { segment, perSegment }) => (contextTokens / segment) * perSegment,
  window: contextTokens => contextTokens,
  compress: segmentwise(parts),
});

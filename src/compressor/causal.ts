/**
 * @file `causal` (method 2.3): each segment is pooled into several latents, which attend to those of their own and of earlier segments.
 * Appending a segment appends its latents and changes no earlier ones. Shape key: B batch, R segments, S tokens of a segment, P latents of
 * a segment, M = R·P latents, D width.
 */

import { add, broadcastTo, constant, mul, reshape, select, sub, type Tensor, transpose } from '../engine/index.ts';
import { block } from '../nn/index.ts';
import { defineCompressor, encode, isThere, latentLayers, learnedQueries, pool, segmentsOf } from './compressor.ts';

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

export const causal = defineCompressor({
  id: 'causal',
  description: 'every segment becomes latents that attend to earlier ones; appending transitions appends latents',
  contextLayout: 'segments',
  settings: {
    latentLayers,
    perSegment: {
      range: [1, 65_536],
      because: 'attention to more latents does not fit in memory',
      default: 1,
      about: 'latents per segment',
    },
  },
  latents: (contextTokens, { segment, perSegment }) => (contextTokens / segment) * perSegment,
  window: contextTokens => contextTokens,
  compress(scope, x_BNF, options) {
    const { segment, perSegment: P, width, heads, hidden, latentLayers } = options;
    const [B, N] = x_BNF.shape;
    const [R, M] = [N / segment, (N / segment) * P];
    const segments = segmentsOf(x_BNF, segment);
    const h = encode(scope, segments, { ...options, slots: false, span: segment });
    // [R·B, P, D] → [B, M, D]
    const inOrder = (x: Tensor) => reshape(transpose(reshape(x, [R, B, P, -1]), [1, 0, 2, 3]), [B, M, -1]);
    const there_BM1 = inOrder(broadcastTo(select(isThere(segments), 1, 0), [R * B, P, 1]));
    // Empty slots and the position in the window must have no effect: a latent stays the same while the window moves on. So there are no
    // positions here; the policy adds its own to the latents.
    const absent_B11M = mul(sub(1, reshape(there_BM1, [B, 1, 1, M])), MASKED);
    const mask = add(blockCausal(R, P), absent_B11M);
    let z_BMD = inOrder(pool(scope, learnedQueries(scope, R * B, P, width), h, options));
    for (let i = 0; i < latentLayers; i++)
      z_BMD = block(scope.at(`latents${i}`), z_BMD, { heads, hidden, mask, branches: 2 * latentLayers });
    return mul(z_BMD, there_BM1);
  },
});

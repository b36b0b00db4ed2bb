/**
 * @file Compressors whose latents attend to the context: `bottleneck` (method 2.1), `strided-attention` (method 2.2) and `perceiver`
 * (Jaegle et al. 2021, "Perceiver: General Perception with Iterative Attention"). None is causal. Shape key: B batch, N context tokens, M
 * latents, L tokens of a stretch, D width.
 */

import { mean, reshape } from '../engine/index.ts';
import { block } from '../nn/index.ts';
import { type Compressor, defineCompressor, latentLayers, wholeContext } from './compressor.ts';
import { afterEncoding } from './encoder.ts';
import { learnedQueries, pool, poolBySegment, wholePieces } from './pooling.ts';

/** m learned latent queries attend to the hidden states: z_j = Attention(q_j, H, H). */
export const bottleneck: Compressor = {
  id: 'bottleneck',
  description: 'm learned queries attend to the encoded context',
  ...wholeContext,
  compress: afterEncoding(
    (scope, h_BND, options) => pool(scope, learnedQueries(scope, h_BND.shape[0], options.latents, options.width), h_BND, options),
    poolBySegment,
  ),
};

/** z_j = pool(q_j, H_j), where H_j is the j-th of m equal stretches of H and q_j its mean. */
export const stridedAttention: Compressor = {
  id: 'strided-attention',
  description: 'the encoded context split into m stretches; the mean of each attends to it',
  ...wholeContext,
  compress: afterEncoding((scope, h_BND, options) => {
    const { latents: M, width: D } = options;
    const { h, L } = wholePieces(h_BND, M);
    const [B] = h.shape;
    const stretches = reshape(h, [B * M, L, D]);
    return reshape(pool(scope, mean(stretches, [1], true), stretches, options), [B, M, D]);
  }),
};

/**
 * Z_0 = learned queries; round r: Z ← Blocks_r(pool_r(Z, H)). What a latent attends to in a later round depends on what the others found.
 */
export const perceiver = defineCompressor({
  id: 'perceiver',
  description: 'm latents alternately attend to the encoded context and to each other, several times',
  ...wholeContext,
  settings: {
    latentLayers,
    rounds: {
      range: [1, 64],
      because: 'the graph contains every round',
      default: 2,
      about: 'number of times the latents attend to the context',
    },
  },
  compress: afterEncoding((scope, h_BND, options) => {
    const { heads, hidden, latents, width, latentLayers, rounds } = options;
    let z_BMD = learnedQueries(scope, h_BND.shape[0], latents, width);
    for (let r = 0; r < rounds; r++) {
      const own = scope.at(`round${r}`);
      z_BMD = pool(own, z_BMD, h_BND, options);
      for (let i = 0; i < latentLayers; i++)
        z_BMD = block(own.at(`latents${i}`), z_BMD, { heads, hidden, branches: 2 * latentLayers * rounds });
    }
    return z_BMD;
  }),
});

/**
 * @file `perceiver`: m latents read the context several times (Jaegle et al. 2021, "Perceiver: General Perception with Iterative Attention").
 * Shape key: B batch, N context tokens, M latents, D width.
 */

import { block } from '../nn/index.ts';
import { encode, learnedQueries, pool } from './compressor.ts';
import { defineCompressor, latentLayers } from './settings.ts';

/** Z_0 = learned queries; round r: Z ← Blocks_r(pool_r(Z, H)). What a latent looks for in a later round depends on what the others found. */
export const perceiver = defineCompressor({
  id: 'perceiver',
  description: 'm latents attend to the encoded context several times, and to each other in between',
  form: 'window',
  settings: {
    latentLayers,
    rounds: {
      range: [1, 64],
      because: 'every round is written out in the graph',
      default: 2,
      about: 'times that the latents read the context',
    },
  },
  latents: (_, { latents }) => latents,
  window: contextTokens => contextTokens,
  compress(scope, x_BNF, options) {
    const { heads, hidden, latents, width, latentLayers, rounds } = options;
    const h_BND = encode(scope, x_BNF, options);
    let z_BMD = learnedQueries(scope, x_BNF.shape[0], latents, width);
    for (let r = 0; r < rounds; r++) {
      const own = scope.at(`round${r}`);
      z_BMD = pool(own, z_BMD, h_BND, options);
      for (let i = 0; i < latentLayers; i++)
        z_BMD = block(own.at(`latents${i}`), z_BMD, { heads, hidden, branches: 2 * latentLayers * rounds });
    }
    return z_BMD;
  },
});

/**
 * @file `linear-projection` (method 2.2): N → m by a learned linear map over the token axis, then transformer layers over the latents.
 * Shape key: B batch, N context tokens, M latents, D width.
 */

import { transpose } from '../engine/index.ts';
import { addPositions, block, linear } from '../nn/index.ts';
import { encode } from './compressor.ts';
import { defineCompressor, latentLayers } from './settings.ts';

/** Z = Blocks(P H + p) with P [m, N] learned: what a latent stands for is a place in the context, whatever is there. */
export const linearProjection = defineCompressor({
  id: 'linear-projection',
  description: 'a learned linear map from N encoded tokens to m, then transformer layers over them',
  form: 'window',
  settings: { latentLayers },
  latents: (_, { latents }) => latents,
  window: contextTokens => contextTokens,
  compress(scope, x_BNF, options) {
    const { heads, hidden, latents, latentLayers } = options;
    const h_BDN = transpose(encode(scope, x_BNF, options), [0, 2, 1]);
    let z_BMD = addPositions(scope.at('project'), transpose(linear(scope.at('project'), h_BDN, latents), [0, 2, 1]));
    for (let i = 0; i < latentLayers; i++) z_BMD = block(scope.at(`latents${i}`), z_BMD, { heads, hidden, branches: 2 * latentLayers });
    return z_BMD;
  },
});

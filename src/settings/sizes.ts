/** @file Sizes of the networks, which every kind of experiment has: of the compressor C_θ and of the policy or predictor A_φ. */

import type { z } from 'zod';
import { count, steps } from './fields.ts';

/** The sizes in two groups, in the order of a file: those up to the blocks of the compressor, and the others. */
export const sizeFields = (defaults: { readonly encoderLayers: number; readonly poolHeads: number }) => ({
  encoder: {
    width: count('Width of every token and latent (d)', 'width').default(64),
    heads: count('Attention heads; must divide `width`', 'width').default(4),
    feedForward: count('Hidden width of the feed-forward layers, as a multiple of `width`', 'layers').default(4),
    encoderLayers: steps('Blocks of the compressor before it compresses', 'layers').default(defaults.encoderLayers),
  },
  decoder: {
    poolHeads: count('Heads of the attention that pools the context into latents; must divide `width`', 'width').default(
      defaults.poolHeads,
    ),
    decoderLayers: count('Blocks of the policy or predictor', 'layers').default(3),
    latents: count('Latents that carry the context (m)', 'tokens').default(8),
  },
});

/** Refuses a width that the heads do not divide. */
export function checkWidth({ width, heads, poolHeads }: Record<'width' | 'heads' | 'poolHeads', number>, context: z.RefinementCtx): void {
  for (const [name, value] of Object.entries({ heads, poolHeads })) {
    if (width % value === 0) continue;
    const message = `expected a multiple of model.${name}, which is ${value}`;
    context.addIssue({ code: 'custom', path: ['width'], input: width, message });
  }
}

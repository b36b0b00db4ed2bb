/** @file Settings of what becomes of Z (method 2.4). */

import { z } from 'zod';
import { latentKinds } from '../compressor/index.ts';
import { count, decay, fraction, weight } from './fields.ts';

/** Codes are computed as float32 numbers, which are exact so far. */
const MAX_CODES = 2 ** 20;

/** `latents`. */
export const latentsSchema = z
  .strictObject({
    kind: z
      .enum(latentKinds.ids)
      .describe('What becomes of Z: real numbers, Gaussians (an information bottleneck), or codes (finite scalar or vector quantisation)')
      .default('continuous'),
    groups: count('Codes that one latent is made of (fsq, vq)', 'columns').default(4),
    levels: z
      .array(z.int().min(2).describe('Levels of one number'))
      .min(1)
      .refine(levels => levels.reduce((a, b) => a * b, 1) <= MAX_CODES, `expected at most ${MAX_CODES} codes (the product of the levels)`)
      .describe('Levels of each number of a code; their product is the number of codes (fsq)')
      .default([8, 5, 5, 5]),
    codes: z.int().min(2).max(MAX_CODES).describe('Codes of the codebook of each group (vq)').default(64),
    codeWidth: count('Numbers of a code (vq)', 'columns').default(8),
    decay: decay('Decay of the running averages that make the codebook (vq)').default(0.95),
    commitment: weight('Weight of the commitment loss; λ_cap where that is more (vq)').default(0.25),
    revive: fraction('A code used less than this fraction of the average is made anew from the batch (vq)').default(0.03),
  })
  .prefault({})
  .describe('Kind of latents that the compressor gives to the policy');

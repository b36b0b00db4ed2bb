/** @file Settings of the compressor: those of single kinds, assembled from the tables that they own, and what becomes of Z (method 2). */

import { z } from 'zod';
import { type CompressorSetting, compressors, latentKinds } from '../compressor/index.ts';
import { invariant } from '../util/errors.ts';
import { count, decay, fraction, section, weight } from './fields.ts';

/** Every setting once, with the compressors that have it. Throws `E_SHAPE` where two mean different things by one name. */
function settings(): Map<string, { setting: CompressorSetting; of: string[] }> {
  const found = new Map<string, { setting: CompressorSetting; of: string[] }>();
  for (const { id, settings = {} } of compressors.all)
    for (const [name, setting] of Object.entries(settings)) {
      const known = found.get(name) ?? { setting, of: [] };
      invariant(
        known.setting === setting,
        `the compressors ${known.of.join(', ')} and ${id} mean different things by "${name}"; rename one.`,
      );
      found.set(name, { setting, of: [...known.of, id] });
    }
  return found;
}

function schemaOf(setting: CompressorSetting, of: readonly string[]): z.ZodType<number | string | undefined> {
  const about = `${of.join(', ')}: ${setting.about}`;
  if ('choices' in setting) return z.enum(setting.choices).describe(about).default(setting.default);
  const [low, high] = setting.range;
  const number = (setting.real ? z.number() : z.int())
    .min(low)
    .max(high, `expected at most ${high}, because ${setting.because}`)
    .describe(about);
  return setting.default === undefined ? number.optional() : number.default(setting.default);
}

const ABOUT = 'What single compressors read; each says which of it, and no stage of another depends on it';
const fields = () => Object.fromEntries(Array.from(settings(), ([name, { setting, of }]) => [name, schemaOf(setting, of)]));

export const compressionSection = () => section(ABOUT, fields());

/** The same where a context is one segment, so that its latents are those of the model. */
export function wholeCompressionSection() {
  const { perSegment: _, ...others } = fields();
  return section(ABOUT, others);
}

/** Codes are computed as float32 numbers, which are exact so far. */
const MAX_CODES = 2 ** 20;

export const latentsSection = () =>
  section('Kind of latents that the compressor gives to the policy', {
    kind: z
      .enum(latentKinds.ids)
      .describe('What becomes of Z: real numbers, Gaussians (an information bottleneck), or codes (finite scalar or vector quantization)')
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
  });

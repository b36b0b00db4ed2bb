/** @file Settings of the compressor and of its latents (method 2). Each compressor declares its own settings; this file collects them. */

import { z } from 'zod';
import { type CompressorSetting, compressors, latentKinds } from '../compressor/index.ts';
import { invariant } from '../util/errors.ts';
import { count, decay, fraction, section, weight } from './fields.ts';

/** Every setting once, with the compressors that use it. Throws `E_SHAPE` if two compressors use one name for different settings. */
function settings(): Map<string, { setting: CompressorSetting; of: string[] }> {
  const found = new Map<string, { setting: CompressorSetting; of: string[] }>();
  for (const { id, settings = {} } of compressors.all)
    for (const [name, setting] of Object.entries(settings)) {
      const known = found.get(name) ?? { setting, of: [] };
      invariant(
        known.setting === setting,
        `the compressors ${known.of.join(', ')} and ${id} use the setting "${name}" with different meanings. Rename one of them.`,
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

const ABOUT = 'Settings of individual compressors, each named in the description. Other compressors ignore them';
const fields = () => Object.fromEntries(Array.from(settings(), ([name, { setting, of }]) => [name, schemaOf(setting, of)]));

export const compressionSection = () => section(ABOUT, fields());

/** The same for contexts of one segment, where the number of latents per segment is that of the model. */
export function wholeCompressionSection() {
  const { perSegment: _, ...others } = fields();
  return section(ABOUT, others);
}

/** Codes are computed in float32; integers are exact well beyond this. */
const MAX_CODES = 2 ** 20;

export const latentsSection = () =>
  section('Representation of the latents Z between compressor and policy', {
    kind: z
      .enum(latentKinds.ids)
      .describe(
        'Kind of latents: continuous (real numbers), variational (Gaussians, an information bottleneck), fsq (finite scalar quantization) or vq (vector quantization)',
      )
      .default('continuous'),
    groups: count('Number of codes per latent (fsq, vq)', 'columns').default(4),
    levels: z
      .array(z.int().min(2).describe('Number of quantization levels of one dimension'))
      .min(1)
      .refine(
        levels => levels.reduce((a, b) => a * b, 1) <= MAX_CODES,
        `expected levels with a product of at most ${MAX_CODES}, the largest number of codes`,
      )
      .describe('Quantization levels of each dimension of a code. Their product is the number of different codes (fsq)')
      .default([8, 5, 5, 5]),
    codes: z.int().min(2).max(MAX_CODES).describe('Codebook size of each group (vq)').default(64),
    codeWidth: count('Dimension of a codebook vector (vq)', 'columns').default(8),
    decay: decay('Decay of the moving averages that update the codebook (vq)').default(0.95),
    commitment: weight('Weight of the commitment loss. The larger of this and λ_cap applies (vq)').default(0.25),
    revive: fraction('A code used less often than this fraction of the average usage is reset to a vector of the batch (vq)').default(0.03),
  });

/** @file Settings of single compressors, assembled from the tables that they own. */

import { z } from 'zod';
import { type CompressorSetting, compressors } from '../compressor/index.ts';
import { expect } from '../util/errors.ts';

/** Every setting once, with the compressors that have it. Throws `E_SHAPE` where two mean different things by one name. */
function settings(): Map<string, { setting: CompressorSetting; of: string[] }> {
  const found = new Map<string, { setting: CompressorSetting; of: string[] }>();
  for (const { id, settings = {} } of compressors.all)
    for (const [name, setting] of Object.entries(settings)) {
      const known = found.get(name) ?? { setting, of: [] };
      expect(known.setting === setting, `the compressors ${known.of.join(', ')} and ${id} mean different things by "${name}"; rename one.`);
      found.set(name, { setting, of: [...known.of, id] });
    }
  return found;
}

function schemaOf(setting: CompressorSetting, of: readonly string[]): z.ZodType<number | string | undefined> {
  const about = `${of.join(', ')}: ${setting.about}`;
  if ('choices' in setting) return z.enum(setting.choices).describe(about).default(setting.default);
  const [low, high] = setting.range;
  const whole = z.int().min(low).max(high, `expected at most ${high}, because ${setting.because}`).describe(about);
  return setting.default === undefined ? whole.optional() : whole.default(setting.default);
}

/** `compression`. */
export const compressionSchema = z
  .strictObject(Object.fromEntries(Array.from(settings(), ([name, { setting, of }]) => [name, schemaOf(setting, of)])))
  .prefault({})
  .describe('What single compressors read; each says which of it, and no stage of another depends on it');

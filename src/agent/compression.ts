/** @file Compressors as models use them: the settings that one reads, counts of transitions as counts of tokens, the layout of contexts, and the shape of latents. */

import { compressor, compressors } from '../compressor/index.ts';
import type { Tensor } from '../engine/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import type { ContextLayout } from '../tokenizers/index.ts';
import { CadenzaError, invariant } from '../util/errors.ts';

/** The settings that a compressor reads, for a stage's key; undefined if it reads none. */
export function compressionOf(kind: string, compression: BaseConfig['compression']): BaseConfig['compression'] | undefined {
  const reads = Object.keys(compressor(kind).settings ?? {});
  return reads.length > 0 ? Object.fromEntries(reads.map(name => [name, compression[name]])) : undefined;
}

/** Settings of compressors with transition counts converted to tokens. */
export function inTokens(compression: BaseConfig['compression'], tokensPerTransition: number): BaseConfig['compression'] {
  const counted = (name: string) =>
    compressors.all.some(({ settings = {} }) => name in settings && 'unit' in settings[name] && settings[name].unit === 'transitions');
  const converted = (name: string, value: string | number | undefined) =>
    typeof value === 'number' && counted(name) ? value * tokensPerTransition : value;
  return Object.fromEntries(Object.entries(compression).map(([name, value]) => [name, converted(name, value)]));
}

/** How contexts are arranged: as configured, or as the compressor needs it. Throws `E_CONFIG` if it cannot be both. */
export function layoutOf({ context: { layout }, compressor: id }: Pick<BaseConfig, 'context' | 'compressor'>): ContextLayout {
  const { contextLayout: needed } = compressor(id);
  if (layout === undefined || needed === layout || needed === 'window') return layout ?? needed;
  throw new CadenzaError('E_CONFIG', `context.layout is ${layout}, but the compressor "${id}" needs ${needed}. Remove context.layout.`);
}

/** The output of a compressor, which may come from outside of this package. Throws `E_SHAPE` unless it has the shape [B, M, D]. */
export function expectLatents(compressorId: string, part: string, z: Tensor, expected: readonly number[]): Tensor {
  invariant(
    String(z.shape) === String(expected),
    `compressor "${compressorId}": ${part} returned [${z.shape.join(', ')}]; expected [B, M, D] = [${expected.join(', ')}]. M is what its function latents returns, D is model.width.`,
  );
  return z;
}

/** @file The settings of compressors as models use them: those that one reads, and counts of transitions as counts of tokens. */

import { compressor, compressors } from '../compressor/index.ts';
import type { BaseConfig } from '../settings/base.ts';

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

/** @file Settings that single compressors have: each compressor owns a table of its own, as environments own their options. */

import type { Compressor, CompressorOptions, CompressorSetting, CompressorSettings } from './compressor.ts';

type Value<S> = S extends { choices: readonly (infer C)[] } ? C : S extends { default: number } ? number : number | undefined;

/** What a table resolves to. */
export type CompressorValues<T extends CompressorSettings> = { readonly [K in keyof T]: Value<T[K]> };

/** Parts of a compressor that take its options, with those of its table among them. */
type Parts = 'latents' | 'window' | 'compress' | 'step';

type WithValues<F, V> = F extends (...args: [...infer A, CompressorOptions]) => infer R ? (...args: [...A, CompressorOptions & V]) => R : F;

/** Ties a compressor's table to the options that its functions receive. */
export function defineCompressor<const T extends CompressorSettings>(
  kind: Omit<Compressor, Parts | 'settings'> & { readonly settings: T } & {
    readonly [K in Exclude<Parts, 'step'>]: WithValues<Compressor[K], CompressorValues<T>>;
  } & { readonly step?: WithValues<NonNullable<Compressor['step']>, CompressorValues<T>> },
): Compressor {
  const { settings, latents, window, compress, step } = kind;
  const own = (options: CompressorOptions) => {
    const given = options.compression ?? {};
    const values = Object.entries(settings).map(([name, setting]) => [name, given[name] ?? setting.default]);
    return { ...options, ...(Object.fromEntries(values) as CompressorValues<T>) };
  };
  return {
    ...kind,
    latents: (contextTokens, options) => latents(contextTokens, own(options)),
    window: (contextTokens, options) => window(contextTokens, own(options)),
    compress: (scope, x_BNF, options) => compress(scope, x_BNF, own(options)),
    step: step && ((scope, z_BMD, segment_BSF, options) => step(scope, z_BMD, segment_BSF, own(options))),
  };
}

/** Blocks over the latents, after the context has become latents. */
export const latentLayers = {
  range: [0, 256],
  because: 'every block is written out in the graph',
  default: 1,
  about: 'blocks over the latents',
} as const satisfies CompressorSetting;

/**
 * @file The interface of compressors: raw context X → latents Z. Shape key: B batch, N context tokens, F features of a token, R segments, S
 * tokens of a segment, D width, M latents.
 */

import type { Tensor } from '../engine/index.ts';
import type { PositionKind, Scope } from '../nn/index.ts';
import type { ContextLayout, EmbedOptions, TokenLayout } from '../tokenizers/index.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Random } from '../util/random.ts';

/** A setting of a compressor: a number in a range (an integer unless it is real), or one of several words. */
export type CompressorSetting = (
  | {
      /** Smallest and largest value. */
      readonly range: readonly [low: number, high: number];
      readonly real?: true;
      /** Why larger values are not allowed. */
      readonly because: string;
      /** Absent if the setting is optional. */
      readonly default?: number;
      /** What it counts: the configuration counts transitions, the compressor gets tokens. */
      readonly unit?: 'transitions';
    }
  | { readonly choices: readonly string[]; readonly default: string }
) & { readonly about: string };

/** The settings of a compressor, by name. */
export type CompressorSettings = Readonly<Record<string, CompressorSetting>>;

/** What a compressor is built with. */
export interface CompressorOptions {
  /** Values of the compressor's own settings; counts of transitions are converted to tokens. */
  readonly compression?: Readonly<Record<string, number | string | undefined>>;
  /** Width of the model (D). */
  readonly width: number;
  /** Number of attention heads. */
  readonly heads: number;
  /** Width of feed-forward layers. */
  readonly hidden: number;
  /** Number of pre-norm blocks before the context is compressed. */
  readonly layers: number;
  /** Number of latents requested (m). */
  readonly latents: number;
  /** Number of heads of the pooling attention: each of m × heads can attend to something else. */
  readonly poolHeads: number;
  /** Number of tokens within which the encoder's self-attention mixes: the context is cut into pieces of this length. */
  readonly span: number;
  /** Number of tokens in a segment (S). */
  readonly segment: number;
  /** Whether every segment of the context is in a slot of its own; false by default, which is a window of transitions. */
  readonly slots?: boolean;
  /** How the encoder represents positions; learned by default. */
  readonly positions?: PositionKind;
  /** The fields of a row of X; without it, rows are plain numbers. */
  readonly layout?: TokenLayout;
  /** How tokens are embedded. */
  readonly embedding?: EmbedOptions;
}

/** Context x [B, N, F] → Z [B, M, D]. */
export interface Compress<O = CompressorOptions> {
  (scope: Scope, x_BNF: Tensor, options: O): Tensor;
  /** The same in two parts, if it has them and the options allow it. */
  readonly bySegment?: (options: O) => BySegment<O> | undefined;
}

/**
 * A compressor in two parts, for contexts whose segments are in slots: the first part reads a segment by itself, so that it is computed once
 * for all contexts that hold the segment, in training and when the agent acts.
 */
export interface BySegment<O = CompressorOptions> {
  /** Segments x [R, S, F] → what a context needs of each, [R, ..]. */
  each(scope: Scope, x_RSF: Tensor, options: O): Tensor;
  /** What `each` found for the slots of contexts, oldest first, [B, R, ..] → Z [B, M, D]. An empty slot has that of absent tokens. */
  join(scope: Scope, found: Tensor, options: O): Tensor;
}

/**
 * A compressor that reads one segment after another and carries Z from each to the next. Applied to the segments of a history in order, it
 * equals `compress` of the whole history, so that an agent can carry Z instead of its history.
 */
export interface Recurrence<O = CompressorOptions> {
  /** Segments x [R, S, F] → what a round needs of each, [R, W]. It is independent of Z, so that all segments are read at once. */
  each(scope: Scope, x_RSF: Tensor, options: O): Tensor;
  /**
   * One round: Z [B, M, D] (zeros before the first segment) and what `each` found for one more segment, [B, W] → the next Z. An empty segment,
   * of zeros only, leaves Z unchanged.
   */
  advance(scope: Scope, z_BMD: Tensor, found_BW: Tensor, options: O): Tensor;
}

/** What a compressor computes from data instead of learning. */
export interface Fitted {
  /** Values by full parameter name; they are among the statistics, which no stage trains. */
  readonly parameters: ReadonlyMap<string, Float32Array>;
  /** Metrics of the fit, for the stage's log. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Compresses a raw context X into latents Z. Register one with `compressors.register`; see `afterEncoding` and `examples`. */
export interface Compressor {
  readonly id: string;
  readonly description: string;
  /** It produces no latents but passes encoded tokens on, or nothing; they are real numbers whatever the kind of latents. */
  readonly uncompressed?: true;
  /** How past transitions must be arranged in its context. */
  readonly contextLayout: ContextLayout;
  /** Its own settings, on which no other compressor's results depend; none by default. */
  readonly settings?: CompressorSettings;
  /** It ignores the number of latents and the pooling heads; its results depend on neither. */
  readonly sizeless?: true;
  /** Number of tokens that reach the policy for N context tokens; 0 if none do. */
  latents(contextTokens: number, options: CompressorOptions): number;
  /** Number of context tokens that it reads: the last of N. */
  window(contextTokens: number, options: CompressorOptions): number;
  /** x [B, N, F] → Z [B, M, D]. Never called if `latents` is 0. If it begins with `encode`, declare it by `afterEncoding`. */
  readonly compress: Compress;
  /** Recurrent compressors: how they carry Z from segment to segment. Their `compress` is `recurrently` applied to it. */
  readonly recurrence?: Recurrence;
  /**
   * Computes parameters from training contexts, which come in blocks [.., N, F] with contexts of shape [N, F]; blocks are reused, so they
   * must not be stored.
   */
  fit?(contexts: Iterable<Float32Array>, shape: readonly [N: number, F: number], options: CompressorOptions, random: Random): Fitted;
}

/** Parts shared by compressors that make the requested m latents from the whole context, wherever in it transitions are. */
export const wholeContext = {
  contextLayout: 'window',
  latents: (_: number, { latents }: CompressorOptions) => latents,
  window: (contextTokens: number) => contextTokens,
} as const satisfies Partial<Compressor>;

// ---- settings of individual compressors: each has its own table, like the options of environments -------------------------------------

type Value<S> = S extends { choices: readonly (infer C)[] } ? C : S extends { default: number } ? number : number | undefined;

/** The type of a settings table's values. */
export type CompressorValues<T extends CompressorSettings> = { readonly [K in keyof T]: Value<T[K]> };

/** Parts of a compressor that receive its options, including those of its table. */
type Parts = 'latents' | 'window' | 'compress' | 'recurrence';

type WithValues<F, V> = F extends (...args: [...infer A, CompressorOptions]) => infer R ? (...args: [...A, CompressorOptions & V]) => R : F;

/** Throws `E_CONFIG` unless the default of a setting is one of its values. */
function expectDefault(id: string, name: string, setting: CompressorSetting): void {
  const refuse = (expected: string) =>
    new CadenzaError('E_CONFIG', `compressor ${id}: settings.${name}.default: expected ${expected}, found ${setting.default}. Change it.`);
  if ('choices' in setting) {
    if (!setting.choices.includes(setting.default)) throw refuse(`one of ${setting.choices.join(', ')}`);
    return;
  }
  const { default: value, real } = setting;
  const [low, high] = setting.range;
  if (value === undefined || (value >= low && value <= high && (real || Number.isInteger(value)))) return;
  throw refuse(`${real ? 'a number' : 'an integer'} in [${low}, ${high}]`);
}

/**
 * Declares a compressor with settings of its own: types the options that its functions receive by its table.
 *
 * @throws {CadenzaError} `E_CONFIG` if the default of a setting is not one of its values.
 */
export function defineCompressor<const T extends CompressorSettings>(
  kind: Omit<Compressor, Parts | 'settings'> & { readonly settings: T } & {
    readonly [K in 'latents' | 'window']: WithValues<Compressor[K], CompressorValues<T>>;
  } & {
    readonly compress: Compress<CompressorOptions & CompressorValues<T>>;
    readonly recurrence?: Recurrence<CompressorOptions & CompressorValues<T>>;
  },
): Compressor {
  const { settings, latents, window, compress, recurrence } = kind;
  for (const [name, setting] of Object.entries(settings)) expectDefault(kind.id, name, setting);
  const own = (options: CompressorOptions) => {
    const given = options.compression ?? {};
    const values = Object.entries(settings).map(([name, setting]) => [name, given[name] ?? setting.default]);
    return { ...options, ...(Object.fromEntries(values) as CompressorValues<T>) };
  };
  const bySegment = (options: CompressorOptions): BySegment | undefined => {
    const parts = compress.bySegment?.(own(options));
    return (
      parts && {
        each: (scope, x_RSF, options) => parts.each(scope, x_RSF, own(options)),
        join: (scope, found, options) => parts.join(scope, found, own(options)),
      }
    );
  };
  return {
    ...kind,
    latents: (contextTokens, options) => latents(contextTokens, own(options)),
    window: (contextTokens, options) => window(contextTokens, own(options)),
    compress: Object.assign((scope: Scope, x_BNF: Tensor, options: CompressorOptions) => compress(scope, x_BNF, own(options)), {
      bySegment,
    }),
    recurrence: recurrence && {
      each: (scope, x_RSF, options) => recurrence.each(scope, x_RSF, own(options)),
      advance: (scope, z_BMD, found_BW, options) => recurrence.advance(scope, z_BMD, found_BW, own(options)),
    },
  };
}

/** Setting: number of blocks over the latents, after the context has been compressed. */
export const latentLayers = {
  range: [0, 256],
  because: 'the graph contains every block',
  default: 1,
  about: 'number of transformer blocks over the latents',
} as const satisfies CompressorSetting;

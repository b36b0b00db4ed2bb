/**
 * @file The interface of compressors: raw context X → latents Z. Shape key: B batch, N context tokens, F features of a token, R segments, S
 * tokens of a segment, D width, M latents.
 */

import {
  add,
  broadcastTo,
  concat,
  expectShape,
  layerNorm,
  less,
  matmul,
  max,
  pad,
  reshape,
  slice,
  type Tensor,
  transpose,
} from '../engine/index.ts';
import { addPositions, block, crossAttention, feedForward, keysValues, normalInit, type PositionKind, type Scope } from '../nn/index.ts';
import { type ContextLayout, type EmbedOptions, embedTokens, PRESENCE, type TokenLayout } from '../tokenizers/index.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
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

/** Encoded context H [B, N, D] → Z [B, M, D]. */
export type Summarize<O = CompressorOptions> = (scope: Scope, h_BND: Tensor, options: O) => Tensor;

/** Context x [B, N, F] → Z [B, M, D]. */
export interface Compress<O = CompressorOptions> {
  (scope: Scope, x_BNF: Tensor, options: O): Tensor;
  /** What it does after `encode`, if it begins with that. */
  readonly summarize?: Summarize<O>;
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
  /**
   * Recurrent compressors: Z [B, M, D] (zeros before the first segment) and one more segment [B, S, F] → the next Z [B, M, D]. Applied
   * segment by segment it equals `compress` of the whole history, so that an agent can carry Z instead of its history. A segment of zeros
   * changes nothing.
   */
  step?(scope: Scope, z_BMD: Tensor, segment_BSF: Tensor, options: CompressorOptions): Tensor;
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

/**
 * The stack that every compressor starts with (method 2): token embedding, positions, pre-norm blocks. Returns normalized H [B, N, D].
 * Self-attention stays within pieces of `span` tokens (for example one episode), so its cost is linear in N; the pooling attention joins
 * the pieces. If the pieces are segments in slots, a token has a position within its segment, and its segment has one in the context.
 */
export function encode(scope: Scope, x_BNF: Tensor, options: CompressorOptions): Tensor {
  if (!encodesSegments(options)) return encodeTokens(scope, x_BNF, options);
  const { B, N, F } = expectShape(x_BNF, 'B N F');
  const { segment: S, width } = options;
  const h_RSD = encodeTokens(scope, reshape(x_BNF, [(B * N) / S, S, F]), options);
  return inContext(scope, reshape(h_RSD, [B, N, width]), options);
}

/** Whether the encoding of a segment is the same wherever it is in a context. */
export const encodesSegments = ({ slots = false, span, segment }: CompressorOptions): boolean => slots && span === segment;

/**
 * Encodes segments x [B, S, F] → [B, S, D], wherever they are in a context.
 *
 * @throws {CadenzaError} `E_SHAPE` if the encoding of a segment depends on its place in the context.
 */
export function encodeSegments(scope: Scope, x_BSF: Tensor, options: CompressorOptions): Tensor {
  invariant(encodesSegments(options), 'a segment can be encoded by itself only with an encoder within segments (span) in slots.');
  return encodeTokens(scope, x_BSF, options);
}

/** Encoded segments of a context, H [B, N, D], with the position of each segment in the context: what `encode` returns. */
export function inContext(scope: Scope, h_BND: Tensor, { segment, positions }: CompressorOptions): Tensor {
  if (positions === 'none') return h_BND;
  const { B, N, D } = expectShape(h_BND, 'B N D');
  const R = N / segment;
  const ages_R1D = scope.at('embed').parameter('ages', [R, 1, D], normalInit(POSITION_DEVIATION));
  return reshape(add(reshape(h_BND, [B, R, segment, D]), ages_R1D), [B, N, D]);
}

/** Contexts as selections from passages of histories. Shape key: G passages, E segments of a passage, Q contexts of a passage, R slots. */
export interface Passages {
  /** [G, E, S, F] the segments of each passage, oldest first. */
  readonly segments: Tensor;
  /** [G, Q, R, E + 1] one-hot: the segment in each slot of each context; the last column is an empty slot. */
  readonly selection: Tensor;
}

/**
 * The encoded contexts of passages, H [G·Q, N, D]: what `encode` returns for each of these contexts, but every segment is encoded once.
 *
 * @throws {CadenzaError} `E_SHAPE` if the encoding of a segment depends on its place in the context.
 */
export function encodePassages(scope: Scope, { segments, selection }: Passages, options: CompressorOptions): Tensor {
  const { G, E, S, F } = expectShape(segments, 'G E S F');
  const { Q, R } = expectShape(selection, 'G Q R C');
  const D = options.width;
  // An empty slot holds an encoded segment of absent tokens, one for all.
  const h_RSD = encodeSegments(scope, pad(reshape(segments, [G * E, S, F]), 0, 0, 1), options);
  const held = reshape(slice(h_RSD, 0, 0, G * E), [G, E, S * D]);
  const empty = broadcastTo(reshape(slice(h_RSD, 0, -1), [1, 1, S * D]), [G, 1, S * D]);
  const chosen = matmul(reshape(selection, [G, Q * R, E + 1]), concat([held, empty], 1));
  return inContext(scope, reshape(chosen, [G * Q, R * S, D]), options);
}

function encodeTokens(scope: Scope, x_BNF: Tensor, options: CompressorOptions): Tensor {
  const { width, heads, hidden, layers, span, positions, layout, embedding } = options;
  const embedded_BND = addPositions(scope.at('embed'), embedTokens(scope.at('embed'), x_BNF, layout, width, embedding), positions);
  const [B, N] = embedded_BND.shape;
  const piece = N % span === 0 ? span : N;
  let h = reshape(embedded_BND, [(B * N) / piece, piece, width]);
  for (let i = 0; i < layers; i++) h = block(scope.at(`block${i}`), h, { heads, hidden, positions, branches: 2 * layers });
  return layerNorm(reshape(h, [B, N, width]));
}

/** Standard deviation of the initial positions of segments: small relative to the tokens. */
const POSITION_DEVIATION = 0.1;

/**
 * Declares how a compressor that begins with `encode` goes on: `summarize` maps H [B, N, D] to Z [B, M, D]. A segment is then encoded once
 * for all contexts that hold it, in training and when the agent acts.
 *
 * @example
 * compressors.register({
 *   ...compressor('mean-pool'),
 *   id: 'last-token',
 *   description: 'the last encoded token',
 *   latents: () => 1,
 *   compress: afterEncoding((_, h) => slice(h, 1, -1)),
 * });
 */
export const afterEncoding = <O extends CompressorOptions>(summarize: Summarize<O>): Compress<O> =>
  Object.assign((scope: Scope, x_BNF: Tensor, options: O) => summarize(scope, encode(scope, x_BNF, options), options), { summarize });

/** `count` learned queries [B, count, D]. */
export const learnedQueries = (scope: Scope, batch: number, count: number, width: number): Tensor =>
  broadcastTo(scope.parameter('queries', [count, width], normalInit(1)), [batch, count, width]);

/**
 * A learned token [B, 1, D] in addition to those attended to: with it, attention weights express whether something is present, not only
 * which.
 */
export const sink = (scope: Scope, batch: number, width: number): Tensor =>
  broadcastTo(scope.parameter('sink', [1, width], normalInit(1)), [batch, 1, width]);

/**
 * Queries [B, M, D] attend to H [B, N, D] and a sink, followed by a feed-forward layer: p = q + MultiHead(q, [s; H]), z = p + FFN(LN(p)).
 */
export function pool(scope: Scope, queries_BMD: Tensor, h_BND: Tensor, { width, poolHeads, hidden }: CompressorOptions): Tensor {
  // A query whose transitions are all absent must be able to attend to nothing.
  const memory = keysValues(scope.at('pool'), concat([sink(scope, h_BND.shape[0], width), h_BND], 1), width, poolHeads);
  const pooled = add(queries_BMD, crossAttention(scope.at('pool'), queries_BMD, memory, { heads: poolHeads }));
  // Not normalized: the capacity penalty R(Z) acts on the size of the latents.
  return add(pooled, feedForward(scope.at('pool').at('ffn'), layerNorm(pooled), hidden));
}

/**
 * H [B, N, D] → [B, M·L, D], to be split into M pieces of L tokens. If M does not divide N, the first pieces are padded with absent tokens.
 */
export function wholePieces(h_BND: Tensor, M: number): { h: Tensor; L: number } {
  const [, N] = h_BND.shape;
  const L = Math.ceil(N / M);
  return { h: pad(h_BND, 1, M * L - N, 0), L };
}

/**
 * Splits a context whose segments are in slots, x [B, N, F] → [R·B, S, F]: the first segment of every row of the batch, then the second of
 * each, and so on.
 *
 * @throws {CadenzaError} `E_SHAPE` if the context is not a multiple of the segment.
 */
export function segmentsOf(x_BNF: Tensor, segment: number): Tensor {
  const [B, N, F] = x_BNF.shape;
  invariant(N % segment === 0, `expected a context whose length is a multiple of the segment, ${segment} tokens, got ${N} tokens.`);
  return reshape(transpose(reshape(x_BNF, [B, N / segment, segment, F]), [1, 0, 2, 3]), [(B * N) / segment, segment, F]);
}

/** Whether a segment [.., S, F] holds any transition: booleans [.., 1, 1]. */
export const isThere = (segments_RSF: Tensor): Tensor => less(0.5, max(slice(segments_RSF, 2, PRESENCE, PRESENCE + 1), [1, 2], true));

// ---- settings of individual compressors: each has its own table, like the options of environments -------------------------------------

type Value<S> = S extends { choices: readonly (infer C)[] } ? C : S extends { default: number } ? number : number | undefined;

/** The type of a settings table's values. */
export type CompressorValues<T extends CompressorSettings> = { readonly [K in keyof T]: Value<T[K]> };

/** Parts of a compressor that receive its options, including those of its table. */
type Parts = 'latents' | 'window' | 'compress' | 'step';

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
    readonly step?: WithValues<NonNullable<Compressor['step']>, CompressorValues<T>>;
  },
): Compressor {
  const { settings, latents, window, compress, step } = kind;
  for (const [name, setting] of Object.entries(settings)) expectDefault(kind.id, name, setting);
  const own = (options: CompressorOptions) => {
    const given = options.compression ?? {};
    const values = Object.entries(settings).map(([name, setting]) => [name, given[name] ?? setting.default]);
    return { ...options, ...(Object.fromEntries(values) as CompressorValues<T>) };
  };
  const { summarize } = compress;
  return {
    ...kind,
    latents: (contextTokens, options) => latents(contextTokens, own(options)),
    window: (contextTokens, options) => window(contextTokens, own(options)),
    compress: summarize
      ? afterEncoding((scope, h_BND, options: CompressorOptions) => summarize(scope, h_BND, own(options)))
      : (scope, x_BNF, options) => compress(scope, x_BNF, own(options)),
    step: step && ((scope, z_BMD, segment_BSF, options) => step(scope, z_BMD, segment_BSF, own(options))),
  };
}

/** Setting: number of blocks over the latents, after the context has been compressed. */
export const latentLayers = {
  range: [0, 256],
  because: 'the graph contains every block',
  default: 1,
  about: 'number of transformer blocks over the latents',
} as const satisfies CompressorSetting;

/**
 * @file The interface of compressors: raw context X → latents Z.
 * Shape key: B batch, N context tokens, F features of a token, R segments, S tokens of a segment, D width, M latents.
 */

import { add, broadcastTo, concat, layerNorm, less, max, pad, reshape, slice, type Tensor, transpose } from '../engine/index.ts';
import { addPositions, block, crossAttention, feedForward, keysValues, normalInit, type PositionKind, type Scope } from '../nn/index.ts';
import { type ContextLayout, type EmbedOptions, embedTokens, PRESENCE, type TokenLayout } from '../tokenizers/index.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';

/** A number in a range, whole unless it is real, or one of some words. */
export type CompressorSetting = (
  | {
      /** Smallest and largest value. */
      readonly range: readonly [low: number, high: number];
      readonly real?: true;
      /** Why no value may be larger. */
      readonly because: string;
      /** Left out where the setting may be. */
      readonly default?: number;
      /** What it counts, where a configuration counts transitions and a compressor tokens. */
      readonly unit?: 'transitions';
    }
  | { readonly choices: readonly string[]; readonly default: string }
) & { readonly about: string };

export type CompressorSettings = Readonly<Record<string, CompressorSetting>>;

export interface CompressorOptions {
  /** What single compressors read, by the names of their tables; counts of transitions are counts of tokens here. */
  readonly compression?: Readonly<Record<string, number | string | undefined>>;
  readonly width: number;
  readonly heads: number;
  readonly hidden: number;
  /** Pre-norm blocks before the context is compressed. */
  readonly layers: number;
  /** Latents asked for (m). */
  readonly latents: number;
  /** Heads of the attention that pools: each of m × heads can watch for something else. */
  readonly poolHeads: number;
  /** Tokens among which the encoder's self-attention mixes: the context is cut into pieces of this length. */
  readonly span: number;
  /** Tokens of one segment (S). */
  readonly segment: number;
  /** How the encoder tells places apart; learned unless given. */
  readonly positions?: PositionKind;
  /** What a row of X is made of, and how it is embedded; without a layout it is numbers and nothing more. */
  readonly layout?: TokenLayout;
  readonly embedding?: EmbedOptions;
}

/** What a compressor computes from data instead of learning it. */
export interface Fitted {
  /** Values by the full names of their parameters, which lie among the statistics that no stage trains. */
  readonly parameters: ReadonlyMap<string, Float32Array>;
  /** What a stage reports of the fit. */
  readonly metrics: Readonly<Record<string, number>>;
}

export interface Compressor {
  readonly id: string;
  readonly description: string;
  /** It makes no latents but passes encoded tokens on, or nothing: real numbers whatever the kind of latents. */
  readonly uncompressed?: true;
  /** How the past has to stand in its context. */
  readonly contextLayout: ContextLayout;
  /** Settings of its own; its results depend on those of no other. None when left out. */
  readonly settings?: CompressorSettings;
  /** It reads neither how many latents are asked for nor the heads that pool: its results depend on neither. */
  readonly sizeless?: true;
  /** Tokens that reach the policy, given N context tokens; 0 means that nothing does. */
  latents(contextTokens: number, options: CompressorOptions): number;
  /** Context tokens that it looks at: the last so many of N. */
  window(contextTokens: number, options: CompressorOptions): number;
  /** x [B, N, F] → Z [B, M, D]. Never called when `latents` is 0. */
  compress(scope: Scope, x_BNF: Tensor, options: CompressorOptions): Tensor;
  /**
   * Goes on from its own latents (all zeros before the first segment): Z [B, M, D] and one more segment [B, S, F] → Z [B, M, D]. Segment after
   * segment this gives what `compress` gives of them all, so that an agent carries Z in place of its history. A segment of zeros changes nothing.
   */
  step?(scope: Scope, z_BMD: Tensor, segment_BSF: Tensor, options: CompressorOptions): Tensor;
  /** Parameters that follow from training contexts, which come in blocks [.., N, F] of the shape [N, F] each; a block must not be kept. */
  fit?(contexts: Iterable<Float32Array>, shape: readonly [N: number, F: number], options: CompressorOptions, random: Random): Fitted;
}

/** Of compressors that make the m latents asked for from all of the context, wherever in it transitions stand. */
export const wholeContext = {
  contextLayout: 'window',
  latents: (_: number, { latents }: CompressorOptions) => latents,
  window: (contextTokens: number) => contextTokens,
} as const satisfies Partial<Compressor>;

/**
 * The stack that every compressor begins with (method 2): tokens embedded, positions added, pre-norm blocks. Gives normalized H [B, N, D].
 * Self-attention stays within pieces of `span` tokens (one episode, say): its cost is linear in N then, and what joins the pieces is the
 * attention that pools them.
 */
export function encode(scope: Scope, x_BNF: Tensor, options: CompressorOptions): Tensor {
  const { width, heads, hidden, layers, span, positions, layout, embedding } = options;
  const embedded_BND = addPositions(scope.at('embed'), embedTokens(scope.at('embed'), x_BNF, layout, width, embedding), positions);
  const [B, N] = embedded_BND.shape;
  const piece = N % span === 0 ? span : N;
  let h = reshape(embedded_BND, [(B * N) / piece, piece, width]);
  for (let i = 0; i < layers; i++) h = block(scope.at(`block${i}`), h, { heads, hidden, positions, branches: 2 * layers });
  return layerNorm(reshape(h, [B, N, width]));
}

/** `count` learned queries [B, count, D]. */
export const learnedQueries = (scope: Scope, batch: number, count: number, width: number): Tensor =>
  broadcastTo(scope.parameter('queries', [count, width], normalInit(1)), [batch, count, width]);

/** A learned token [B, 1, D] beside those to attend to: with it, weights say "was there", not only "which". */
export const sink = (scope: Scope, batch: number, width: number): Tensor =>
  broadcastTo(scope.parameter('sink', [1, width], normalInit(1)), [batch, 1, width]);

/** Queries [B, M, D] attend to H [B, N, D] and a sink, then a feed-forward layer: p = q + MultiHead(q, [s; H]), z = p + FFN(LN(p)). */
export function pool(scope: Scope, queries_BMD: Tensor, h_BND: Tensor, { width, poolHeads, hidden }: CompressorOptions): Tensor {
  // A query whose transitions are all absent must be able to look at nothing.
  const memory = keysValues(scope.at('pool'), concat([sink(scope, h_BND.shape[0], width), h_BND], 1), width, poolHeads);
  const pooled = add(queries_BMD, crossAttention(scope.at('pool'), queries_BMD, memory, { heads: poolHeads }));
  // Not normalized: the capacity penalty R(Z) acts on the size of the latents.
  return add(pooled, feedForward(scope.at('pool').at('ffn'), layerNorm(pooled), hidden));
}

/** H [B, N, D] → [B, M·L, D], so that it has M pieces of L tokens. Where N does not divide, the first pieces begin with tokens that say nothing. */
export function wholePieces(h_BND: Tensor, M: number): { h: Tensor; L: number } {
  const [, N] = h_BND.shape;
  const L = Math.ceil(N / M);
  return { h: pad(h_BND, 1, M * L - N, 0), L };
}

/** A context whose segments stand in slots of their own, x [B, N, F] → [R·B, S, F]: the first segment of every row of the batch, then the second of each, and so on. */
export function segmentsOf(x_BNF: Tensor, segment: number): Tensor {
  const [B, N, F] = x_BNF.shape;
  invariant(N % segment === 0, `expected a context of whole segments of ${segment} tokens, got ${N} tokens.`);
  return reshape(transpose(reshape(x_BNF, [B, N / segment, segment, F]), [1, 0, 2, 3]), [(B * N) / segment, segment, F]);
}

/** Whether a segment [.., S, F] holds any transition: booleans [.., 1, 1]. */
export const isThere = (segments_RSF: Tensor): Tensor => less(0.5, max(slice(segments_RSF, 2, PRESENCE, PRESENCE + 1), [1, 2], true));

// ---- settings that single compressors have: each owns a table of its own, as environments own their options -------------------------------------

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

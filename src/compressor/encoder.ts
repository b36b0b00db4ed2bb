/**
 * @file The encoder that compressors begin with: raw context X → encoded tokens H, whole or segment by segment. Shape key: B batch, N context
 * tokens, F features of a token, R segments, S tokens of a segment, D width, M latents.
 */

import { add, expectShape, layerNorm, less, matmul, max, pad, reshape, slice, type Tensor } from '../engine/index.ts';
import { addPositions, block, normalInit, type Scope } from '../nn/index.ts';
import { embedTokens, PRESENCE } from '../tokenizers/index.ts';
import { invariant } from '../util/errors.ts';
import type { BySegment, Compress, CompressorOptions } from './compressor.ts';

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
const encodesSegments = ({ slots = false, span, segment }: CompressorOptions): boolean => slots && span === segment;

/** Encodes x [B, N, F] → [B, N, D] without regard to segments. */
export function encodeTokens(scope: Scope, x_BNF: Tensor, options: CompressorOptions): Tensor {
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

/** What the tokens of a segment get for its slot, [1, R, D]; undefined if the encoder has no positions. */
export function slotPositions(scope: Scope, R: number, { width, positions }: CompressorOptions): Tensor | undefined {
  if (positions === 'none') return undefined;
  return reshape(scope.at('embed').parameter('ages', [R, 1, width], normalInit(POSITION_DEVIATION)), [1, R, width]);
}

/** Encoded segments of a context, H [B, N, D], with the position of each segment in the context: what `encode` returns. */
function inContext(scope: Scope, h_BND: Tensor, options: CompressorOptions): Tensor {
  const { B, N, D } = expectShape(h_BND, 'B N D');
  const S = options.segment;
  const positions_1RD = slotPositions(scope, N / S, options);
  if (!positions_1RD) return h_BND;
  return reshape(add(reshape(h_BND, [B, N / S, S, D]), reshape(positions_1RD, [N / S, 1, D])), [B, N, D]);
}

/**
 * Declares how a compressor that begins with `encode` goes on: `summarize` maps H [B, N, D] to Z [B, M, D]. A segment is then encoded once
 * for all contexts that hold it, in training and when the agent acts.
 *
 * @param bySegment what to compute for a segment by itself; its encoded tokens by default.
 * @example
 * compressors.register({
 *   ...compressor('mean-pool'),
 *   id: 'last-token',
 *   description: 'the last encoded token',
 *   latents: () => 1,
 *   compress: afterEncoding((_, h) => slice(h, 1, -1)),
 * });
 */
export function afterEncoding<O extends CompressorOptions>(
  summarize: (scope: Scope, h_BND: Tensor, options: O) => Tensor,
  bySegment: BySegment<O> = {
    each: encodeTokens,
    join(scope, h_BRSD, options) {
      const { B, D } = expectShape(h_BRSD, 'B R S D');
      return summarize(scope, inContext(scope, reshape(h_BRSD, [B, -1, D]), options), options);
    },
  },
): Compress<O> {
  const compress = (scope: Scope, x_BNF: Tensor, options: O) => summarize(scope, encode(scope, x_BNF, options), options);
  return Object.assign(compress, { bySegment: (options: O) => (encodesSegments(options) ? bySegment : undefined) });
}

/**
 * Declares a compressor that reads every segment by itself first, for contexts whose segments are always in slots.
 *
 * @throws {CadenzaError} `E_SHAPE`, from the compressor, if a context is not a multiple of the segment.
 */
export function segmentwise<O extends CompressorOptions>(parts: BySegment<O>): Compress<O> {
  const compress = (scope: Scope, x_BNF: Tensor, options: O) => {
    const { B, N, F } = expectShape(x_BNF, 'B N F');
    const S = options.segment;
    expectSegments(N, S);
    const found = parts.each(scope, reshape(x_BNF, [(B * N) / S, S, F]), options);
    return parts.join(scope, reshape(found, [B, N / S, ...found.shape.slice(1)]), options);
  };
  return Object.assign(compress, { bySegment: () => parts });
}

/** Contexts as selections from passages of histories. Shape key: G passages, E segments of a passage, Q contexts of a passage, R slots. */
export interface Passages {
  /** [G, E, S, F] the segments of each passage, oldest first. */
  readonly segments: Tensor;
  /** [G, Q, R, E + 1] one-hot: the segment in each slot of each context; the last column is an empty slot. */
  readonly selection: Tensor;
}

/** Z [G·Q, M, D] of the contexts of passages: what `compress` returns for each of them, but every segment is read once. */
export function compressPassages<O extends CompressorOptions>(
  scope: Scope,
  { segments, selection }: Passages,
  { each, join }: BySegment<O>,
  options: O,
): Tensor {
  const { G, E, S, F } = expectShape(segments, 'G E S F');
  const { Q, R } = expectShape(selection, 'G Q R C');
  // The last segment of every passage is an empty one.
  const found = each(scope, reshape(pad(segments, 1, 0, 1), [G * (E + 1), S, F]), options);
  const [, ...part] = found.shape;
  const W = part.reduce((a, b) => a * b, 1);
  const chosen = matmul(reshape(selection, [G, Q * R, E + 1]), reshape(found, [G, E + 1, W]));
  return join(scope, reshape(chosen, [G * Q, R, ...part]), options);
}

/** Throws `E_SHAPE` unless N tokens are whole segments. */
function expectSegments(N: number, segment: number): void {
  invariant(N % segment === 0, `expected a context whose length is a multiple of the segment, ${segment} tokens, got ${N} tokens.`);
}

/** Whether a segment [.., S, F] holds any transition: booleans [.., 1, 1]. */
export const isThere = (segments_RSF: Tensor): Tensor => less(0.5, max(slice(segments_RSF, 2, PRESENCE, PRESENCE + 1), [1, 2], true));

/**
 * @file Rounds of a recurrent compressor: Z ← advance(Z, segment) over the segments of a context, or of a history of any length. Shape key: B
 * batch, R rounds, S tokens of a segment, F features of a token, W numbers that a round needs of a segment, M latents, D width.
 */

import { broadcastTo, expectShape, less, reshape, select, slice, stopGradient, type Tensor } from '../engine/index.ts';
import type { Scope } from '../nn/index.ts';
import type { Compress, Compressor, CompressorOptions, Recurrence } from './compressor.ts';
import { segmentwise } from './encoder.ts';

/** Which rounds differ from the others. */
interface Rounds {
  /** [B, R] 1 where a segment is the first of another history: Z is zeros before it. */
  readonly begins?: Tensor;
  /** Gradients flow through this many last rounds; through all by default. */
  readonly gradientRounds?: number;
}

/** Z [B, M, D] before each of R rounds and after the last, R + 1 tensors, from what `each` found for the segments, [B, R, W]. */
export function unroll<O>(
  scope: Scope,
  { advance }: Pick<Recurrence<O>, 'advance'>,
  state_BMD: Tensor,
  found_BRW: Tensor,
  options: O,
  { begins, gradientRounds = Number.POSITIVE_INFINITY }: Rounds = {},
): Tensor[] {
  const { B, R, W } = expectShape(found_BRW, 'B R W');
  const states = [state_BMD];
  for (let r = 0; r < R; r++) {
    let z_BMD = states[r];
    if (r === R - gradientRounds) z_BMD = stopGradient(z_BMD);
    if (begins) z_BMD = select(less(0.5, reshape(slice(begins, 1, r, r + 1), [B, 1, 1])), 0, z_BMD);
    states[r] = z_BMD;
    states.push(advance(scope, z_BMD, reshape(slice(found_BRW, 1, r, r + 1), [B, W]), options));
  }
  return states;
}

/** The state before the first segment of a history. */
export const emptyState = (B: number, M: number, D: number): Tensor => broadcastTo(0, [B, M, D]);

/**
 * `compress` of a recurrent compressor: the rounds over all segments of the context.
 *
 * @param latents the number of latents (M); as many as requested by default.
 * @param gradientRounds the number of last rounds through which gradients flow; all by default.
 */
export const recurrently = <O extends CompressorOptions>(
  recurrence: Recurrence<O>,
  {
    latents = options => options.latents,
    gradientRounds,
  }: { latents?: (options: O) => number; gradientRounds?: (options: O) => number | undefined } = {},
): Compress<O> =>
  segmentwise({
    each: recurrence.each,
    join(scope, found_BRW, options) {
      const begin = emptyState(found_BRW.shape[0], latents(options), options.width);
      return unroll(scope, recurrence, begin, found_BRW, options, { gradientRounds: gradientRounds?.(options) }).at(-1)!;
    },
  });

/** One round with a whole segment: Z [B, M, D] and x [B, S, F] → the next Z. */
export const readSegment = <O>(scope: Scope, { each, advance }: Recurrence<O>, z_BMD: Tensor, segment_BSF: Tensor, options: O): Tensor =>
  advance(scope, z_BMD, each(scope, segment_BSF, options), options);

/** Parts shared by recurrent compressors that carry the requested m latents. */
export const carriedLatents = {
  contextLayout: 'segments',
  latents: (_: number, { latents }: CompressorOptions) => latents,
  window: (contextTokens: number) => contextTokens,
} as const satisfies Partial<Compressor>;

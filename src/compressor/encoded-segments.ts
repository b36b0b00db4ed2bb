/**
 * @file Segments as recurrent compressors read them: keys and values of their encoded tokens, packed into one row for each segment. Shape
 * key: R segments, S tokens of a segment, F features of a token, P last tokens, H heads, D width, W numbers of a packed segment, M queries, C carried
 * latents.
 */

import { concat, less, reshape, select, sizeOf, slice, type Tensor } from '../engine/index.ts';
import { crossAttention, type KeysValues, keysValues, type Scope } from '../nn/index.ts';
import { invariant } from '../util/errors.ts';
import type { CompressorOptions } from './compressor.ts';
import { encodeTokens, isThere } from './encoder.ts';
import { sink } from './pooling.ts';

/** What a round needs of a segment, independent of Z. */
export interface EncodedSegments extends KeysValues {
  /** [R, P, D] the last tokens, encoded. */
  readonly recent?: Tensor;
  /** [R, 1, 1] whether it holds any transition. */
  readonly there: Tensor;
}

/**
 * Segments x [R, S, F], encoded.
 *
 * @param recent number of last tokens to pass on (P).
 */
export function encodeSegments(scope: Scope, x_RSF: Tensor, options: CompressorOptions, recent = 0): EncodedSegments {
  const { segment, width, poolHeads } = options;
  invariant(recent <= segment, `the working memory is the end of a segment of ${segment} tokens, so it cannot hold ${recent} tokens.`);
  const h_RSD = encodeTokens(scope, x_RSF, { ...options, span: segment });
  return {
    ...keysValues(scope.at('pool'), h_RSD, width, poolHeads),
    recent: recent > 0 ? slice(h_RSD, 1, -recent) : undefined,
    there: isThere(x_RSF),
  };
}

/** One row of numbers for each segment, [R, W]. */
export function packSegments({ keys, values, recent, there }: EncodedSegments): Tensor {
  const all = [keys, values, ...(recent ? [recent] : []), select(there, 1, 0)];
  return concat(
    all.map(x => reshape(x, [x.shape[0], -1])),
    1,
  );
}

/** The segments that were packed into rows [R, W]. */
export function unpackSegments(found_RW: Tensor, { segment: S, width, poolHeads: H }: CompressorOptions, recent = 0): EncodedSegments {
  const [R] = found_RW.shape;
  let at = 0;
  const next = (shape: readonly number[]) => {
    const size = sizeOf(shape) / R;
    at += size;
    return reshape(slice(found_RW, 1, at - size, at), shape);
  };
  const keys = next([R, H, S, width / H]);
  const values = next([R, H, S, width / H]);
  return { keys, values, recent: recent > 0 ? next([R, recent, width]) : undefined, there: less(0.5, next([R, 1, 1])) };
}

/** Queries [R, M, D] attend to a sink, to what is carried [R, C, D], and to the segment → [R, M, D]. */
export function attendToSegment(
  scope: Scope,
  queries_RMD: Tensor,
  carried_RCD: Tensor,
  { keys, values }: KeysValues,
  { width, poolHeads }: CompressorOptions,
): Tensor {
  const pool = scope.at('pool');
  const own = keysValues(pool, concat([sink(scope, carried_RCD.shape[0], width), carried_RCD], 1), width, poolHeads);
  const memory = { keys: concat([own.keys, keys], 2), values: concat([own.values, values], 2) };
  return crossAttention(pool, queries_RMD, memory, { heads: poolHeads });
}

/**
 * @file A context whose segments stand in slots of their own, for compressors that take the past segment by segment.
 * Shape key: B batch, N context tokens, F features of a token, R segments (rounds), S tokens of a segment.
 */

import { less, max, reshape, slice, type Tensor, transpose } from '../engine/index.ts';
import { PRESENCE } from '../tokenizers/index.ts';
import { expect } from '../util/errors.ts';

/** x [B, N, F] → [R·B, S, F]: the first segment of every row of the batch, then the second of each, and so on. */
export function segmentsOf(x_BNF: Tensor, segment: number): Tensor {
  const [B, N, F] = x_BNF.shape;
  expect(N % segment === 0, `expected a context of whole segments of ${segment} tokens, got ${N} tokens.`);
  return reshape(transpose(reshape(x_BNF, [B, N / segment, segment, F]), [1, 0, 2, 3]), [(B * N) / segment, segment, F]);
}

/** Whether a segment [.., S, F] holds any transition: booleans [.., 1, 1]. */
export const isThere = (segments_RSF: Tensor): Tensor => less(0.5, max(slice(segments_RSF, 2, PRESENCE, PRESENCE + 1), [1, 2], true));

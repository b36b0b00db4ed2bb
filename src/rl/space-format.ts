/** @file Spaces in JSON files. */

import { z } from 'zod';
import type { Space } from './spaces.ts';

/** Networks have an embedding per value and per number, so more than a million of them cannot be a real environment. */
const MOST = 2 ** 20;
const count = z.int().min(1).max(MOST);
const bounds = z.array(z.number()).min(1).max(MOST);

export const spaceSchema: z.ZodType<Space> = z
  .discriminatedUnion(
    'kind',
    [
      z.strictObject({ kind: z.literal('discrete'), n: count }),
      z.strictObject({ kind: z.literal('multi-discrete'), nvec: z.array(count).min(1).max(MOST) }),
      z.strictObject({ kind: z.literal('image'), height: count, width: count, channels: count }),
      z.strictObject({ kind: z.literal('box'), low: bounds, high: bounds }),
    ],
    {
      error: ({ code, input }) =>
        code === 'invalid_union'
          ? `expected discrete, multi-discrete, image or box, found ${JSON.stringify((input as { kind?: unknown } | null)?.kind)}`
          : undefined,
    },
  )
  .refine(space => space.kind !== 'box' || space.low.length === space.high.length, { error: 'expected as many lower as upper bounds' })
  .refine(space => space.kind !== 'box' || space.low.every((low, i) => low <= space.high[i]), {
    error: 'expected lower bounds below upper ones',
  });

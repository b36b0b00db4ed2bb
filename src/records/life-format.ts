/** @file Schemas of what lifelong evaluations have in results and raw returns. Like the format of results, only the types are in this room's index. */

import { z } from 'zod';
import { columns, meanScore } from './columns-format.ts';

const positive = z.int().min(1);

export const window = z.strictObject({
  /** Calls of a window. */
  calls: positive,
  /** What is summed over these calls: the outcome of the environment, or "return". */
  outcome: z.string().min(1),
});
/** A window, which takes the place of an episode in scores. */
export type Window = z.output<typeof window>;

export const recoveryShape = z.strictObject({
  /** Calls of a bin. */
  bin: positive,
  /** Number of bins before the first change, and after changes. */
  first: positive,
  later: positive,
});
/** The bins of recovery curves. */
export type RecoveryShape = z.output<typeof recoveryShape>;

const curve = z.strictObject({
  /** Mean over all bins. */
  overall: meanScore,
  /** By the time since the last change, or since the start; columns have one value for each bin. */
  byBin: columns('mean', 'low', 'high'),
});
/** Mean raw outcome of a call by the time since a change. */
export type RecoveryCurve = z.output<typeof curve>;

export const recovery = z.strictObject({
  /** Calls of a bin. */
  bin: positive,
  /** Before the first change. */
  first: curve,
  /** After changes, over all later layouts. */
  later: curve,
});
/** Recovery curves of one method, in raw outcomes. */
export type RecoveryCurves = z.output<typeof recovery>;

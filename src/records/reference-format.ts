/** @file How results write down what their rows are scored by, with what has to agree within a table. Like the format of results, no part of this room's index but by its types. */

import { z } from 'zod';
import { mean } from '../statistics/bootstrap.ts';

const number = z.number();

export const taskScore = z
  .strictObject({
    /** The task key of the family. */
    task: z.string(),
    /** The raw return of its oracle, which scores 1. */
    oracle: number.positive().optional(),
    /** With another reference: the returns that score 0 and 1, and the mean raw return over the last episodes. */
    low: number.optional(),
    high: number.optional(),
    return: number.optional(),
    /** Mean normalized return over the last episodes. */
    mean: number,
  })
  .refine(
    ({ oracle, low, high, return: earned }) =>
      [low, high, earned].every(value => (value === undefined) === (oracle !== undefined)) && (oracle !== undefined || high! > low!),
    { error: 'expected either oracle, or low, a larger high, and return' },
  );
/** One task: its mean normalized return over the last episodes, and the raw returns that it is normalized by. */
export type TaskScore = z.output<typeof taskScore>;

export const rowReference = z.strictObject({ kind: z.enum(['given', 'measured']), low: number, high: number });
/** What scores 0 and 1 in a row, on average over its tasks, where that is not the oracle. */
export type RowReference = z.output<typeof rowReference>;

/** What a row says of its reference. */
interface ScoredRow {
  readonly perTask: readonly TaskScore[];
  readonly reference?: RowReference;
  readonly return?: unknown;
}

/** Equal but for rounding. */
const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));

const sameScale = (a: TaskScore, b: TaskScore): boolean =>
  (['oracle', 'low', 'high'] as const).every(end => a[end] === b[end] || near(a[end] ?? Number.NaN, b[end] ?? Number.NaN));

/** What does not agree: within a row, and with the first row of its table, which has the same tasks in the same order. */
export function referenceFaults(row: ScoredRow, first: ScoredRow): [path: string, message: string][] {
  const { perTask, reference } = row;
  const faults: [string, string | false][] = [
    ['perTask', !perTask.every((task, t) => sameScale(task, first.perTask[t])) && 'expected the references of the other rows'],
    [
      'reference',
      perTask.some(({ oracle }) => (oracle === undefined) !== (reference !== undefined)) &&
        'expected one where tasks have no oracle, and only there',
    ],
    ['reference', reference?.kind !== first.reference?.kind && 'expected that of the other rows'],
    ['return', (row.return === undefined) !== (reference === undefined) && 'expected one where there is a reference, and only there'],
    ...(['low', 'high'] as const).map((end): [string, string | false] => [
      'reference',
      reference !== undefined &&
        !near(reference[end], mean(perTask.map(task => task[end] ?? Number.NaN))) &&
        `expected ${end} to be the mean over the tasks`,
    ]),
  ];
  return faults.flatMap(([path, message]) => (message ? [[path, message]] : []));
}

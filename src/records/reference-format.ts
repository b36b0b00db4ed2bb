/** @file Schemas of the reference of scores in results, with checks within a table. Like the format of results, only the types are in this room's index. */

import { z } from 'zod';
import { mean } from '../statistics/bootstrap.ts';

const number = z.number();

export const taskScore = z
  .strictObject({
    /** Key of the task. */
    task: z.string(),
    /** Raw return of the oracle, which scores 1. */
    oracle: number.positive().optional(),
    /** With another reference: the raw returns that score 0 and 1, and the mean raw return over the last episodes. */
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
/** The score of one task: its mean normalized return over the last episodes, and the raw returns of its reference. */
export type TaskScore = z.output<typeof taskScore>;

export const methodReference = z.strictObject({ kind: z.enum(['given', 'measured', 'raw']), low: number, high: number });
/** The raw returns that score 0 and 1 for a method, averaged over tasks, if the reference is not the oracle. */
export type MethodReference = z.output<typeof methodReference>;

/** The fields of a method that describe its reference. */
interface ScoredRow {
  readonly perTask: readonly TaskScore[];
  readonly reference?: MethodReference;
  readonly return?: unknown;
}

/** Equal up to rounding. */
const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));

const sameScale = (a: TaskScore, b: TaskScore): boolean =>
  (['oracle', 'low', 'high'] as const).every(end => a[end] === b[end] || near(a[end] ?? Number.NaN, b[end] ?? Number.NaN));

/** Inconsistencies within a method, and with the first method of its table, which has the same tasks in the same order. */
export function referenceFaults(row: ScoredRow, first: ScoredRow): [path: string, message: string][] {
  const { perTask, reference } = row;
  const faults: [string, string | false][] = [
    ['perTask', !perTask.every((task, t) => sameScale(task, first.perTask[t])) && 'expected the references of the other methods'],
    [
      'reference',
      perTask.some(({ oracle }) => (oracle === undefined) !== (reference !== undefined)) &&
        'expected one if and only if tasks have no oracle',
    ],
    ['reference', reference?.kind !== first.reference?.kind && 'expected that of the other methods'],
    ['return', (row.return === undefined) !== (reference === undefined) && 'expected one if and only if there is a reference'],
    ...(['low', 'high'] as const).map((end): [string, string | false] => [
      'reference',
      reference !== undefined &&
        !near(reference[end], mean(perTask.map(task => task[end] ?? Number.NaN))) &&
        `expected ${end} to be the mean over the tasks`,
    ]),
  ];
  return faults.flatMap(([path, message]) => (message ? [[path, message]] : []));
}

/**
 * @file The raw returns of a run, as they are written to returns.json next to results.json: all statistics of the results can be computed from the two
 * files. Like the format of results, only the types are in this room's index.
 * Shape key: K training seeds, T tasks, S streams per task, E in-context episodes (or windows), P parts of the regret, F and B bins of recovery curves.
 */

import { z } from 'zod';
import type { Recovery } from '../play/life.ts';
import { byName, type RecordFormat } from '../util/formats.ts';
import { recoveryShape, window } from './life-format.ts';
import { RETURNS_FORMAT } from './names.ts';

const numbers = z.array(z.number()).min(1);
const positive = z.int().min(1);

/** More resamples than this would take gigabytes of memory. */
const MOST_RESAMPLES = 1_000_000;

/** The returns of one seed. */
export interface SeedReturns {
  /** [streams × episodes] undiscounted returns, as returned by `rollout`. */
  returns: ArrayLike<number>;
  /** [streams] key of the task of each stream. */
  tasks: readonly string[];
  /** [streams × parts] regret, as returned by `rollout`. */
  regret?: ArrayLike<number>;
  /** Recovery curves of the streams, as returned by `playLife`. */
  recovery?: Recovery<ArrayLike<number>>;
}

const methodReturns = z.strictObject({
  /** [K] */
  seeds: z.array(z.int()).min(1),
  /** [K][T × S × E] undiscounted returns. */
  returns: z.array(numbers),
  /** [K][T × S × P] if the environment declares regret. */
  regret: z.array(numbers).optional(),
  /** [K][T × S × F] and [K][T × S × B] mean outcome of a call, if the table has recovery curves. */
  recovery: z.strictObject({ first: z.array(numbers), later: z.array(numbers) }).optional(),
});
/** The returns of one method. */
export type MethodReturns = z.output<typeof methodReturns>;

const returnsTable = z
  .strictObject({
    /** [T] task keys, in the order of the streams. */
    tasks: z.array(z.string()).min(1),
    /** [T] raw return of the oracle on each task; absent with another reference. */
    oracle: z.array(z.number().positive()).optional(),
    /** Another reference: [T] raw returns that score 0 and 1. */
    reference: z.strictObject({ kind: z.enum(['given', 'measured', 'raw']), low: numbers, high: numbers }).optional(),
    /** S */
    streams: positive,
    /** E */
    episodes: positive,
    /** Present if these are windows instead of episodes. */
    window: window.optional(),
    /** F and B, and the calls of a bin, with windows of tasks that change. */
    recovery: recoveryShape.optional(),
    /** [P] names of the parts of the regret, if the environment declares it. */
    regretParts: z.array(z.string()).min(1).optional(),
    /** How the intervals of this table are computed. */
    bootstrap: z.strictObject({ seed: z.int(), resamples: positive.max(MOST_RESAMPLES), resampled: z.enum(['runs', 'tasks']) }),
    methods: byName(methodReturns),
  })
  .superRefine(({ tasks, oracle, reference, streams, episodes, recovery, regretParts, methods }, context) => {
    const fault = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    if ((oracle === undefined) === (reference === undefined)) fault(['oracle'], 'expected either this or a reference');
    for (const [path, list] of [
      [['oracle'], oracle] as const,
      ...(['low', 'high'] as const).map(end => [['reference', end], reference?.[end]] as const),
    ])
      if (list && list.length !== tasks.length) fault([...path], `expected one for each of ${tasks.length} tasks`);
    for (const [t, low] of (reference?.low ?? []).entries())
      if (!(reference!.high[t] > low)) fault(['reference', 'high', t], `expected more than ${low}, which scores 0`);
    if (new Set(tasks).size !== tasks.length) fault(['tasks'], 'expected every task only once');
    for (const [name, { seeds, returns, regret, recovery: curves }] of Object.entries(methods)) {
      const lists = (key: string[], values: number[][], width: number, what: string) => {
        const length = tasks.length * streams * width;
        if (values.length !== seeds.length) fault(['methods', name, ...key], `expected a list for each of ${seeds.length} seeds`);
        const shape = `${tasks.length} tasks × ${streams} streams × ${width} ${what}`;
        for (const [k, list] of values.entries())
          if (list.length !== length) fault(['methods', name, ...key, k], `expected ${length} numbers (${shape}), found ${list.length}`);
      };
      lists(['returns'], returns, episodes, 'episodes');
      if ((regret !== undefined) !== (regretParts !== undefined))
        fault(['methods', name, 'regret'], 'expected regrets if and only if regretParts is given');
      else if (regret && regretParts) lists(['regret'], regret, regretParts.length, 'parts');
      if ((curves !== undefined) !== (recovery !== undefined))
        fault(['methods', name, 'recovery'], 'expected recovery curves if and only if the table has their bins');
      else if (curves && recovery)
        for (const part of ['first', 'later'] as const) lists(['recovery', part], curves[part], recovery[part], 'bins');
    }
  });
/** The returns of all methods of one table on the same tasks. */
export type ReturnsTable = z.output<typeof returnsTable>;

const returns = z.strictObject({ format: z.literal(RETURNS_FORMAT), tables: byName(returnsTable) });
/** The content of returns.json: tables by the name of the experiment or of the further table. */
export type RawReturns = z.output<typeof returns>;

/** Record format of returns.json. */
export const RETURNS: RecordFormat<RawReturns> = {
  what: `a table of raw returns (${RETURNS_FORMAT})`,
  schema: returns,
  advice: 'Run the same command again with the same folder; finished stages are not repeated.',
};

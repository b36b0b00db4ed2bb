/** @file Normalization of returns: two returns of each task, which score 0 and 1. */

import { CadenzaError } from '../util/errors.ts';

/** Where the returns that score 0 and 1 come from: an optimal policy that knows the task, the configuration, or a measurement; `raw` scores are not normalized. */
export const REFERENCE_KINDS = ['oracle', 'given', 'measured', 'raw'] as const;
/** What 0 and 1 stand for in scores. */
export type ReferenceKind = (typeof REFERENCE_KINDS)[number];

/** The returns of one task that score 0 and 1. */
export interface Scale {
  /** The return that scores 0. */
  readonly low: number;
  /** The return that scores 1. */
  readonly high: number;
}

/** (return − low) ÷ (high − low). */
export const normalized = (value: number, { low, high }: Scale): number => (value - low) / (high - low);

/** Scales by task key. */
export type Scales = ReadonlyMap<string, Scale>;

/** Scales from 0 to the oracle's return of each task. */
export const oracleScales = (oracle: Iterable<readonly [task: string, high: number]>): Scales =>
  new Map(Array.from(oracle, ([task, high]) => [task, { low: 0, high }]));

/**
 * The scale of a task.
 *
 * @throws {CadenzaError} `E_DATA`, naming `who` scores, if there is no scale or it does not increase.
 */
export function scaleOf(scales: Scales, task: string, who: string): Scale {
  const scale = scales.get(task);
  if (scale && scale.high > scale.low) return scale;
  const found = scale ? `${scale.low} and ${scale.high}` : 'undefined';
  throw new CadenzaError(
    'E_DATA',
    `${who}: expected two returns of task ${task} that score 0 and 1, the second above the first, found ${found}; pass those of every evaluated task (for the oracle, 0 and family.oracleReturn(task)) and leave out tasks without rewards.`,
  );
}

/** @file How the returns of a task become scores: by two returns of that task, one that scores 0 and one that scores 1. */

import { CadenzaError } from '../util/errors.ts';

/** Who says what scores 0 and 1: an optimal policy that knows the task, the configuration, or what was measured. */
export const REFERENCE_KINDS = ['oracle', 'given', 'measured'] as const;
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

/** From 0 to what the oracle of each task earns. */
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
    `${who}: expected two returns of task ${task} that score 0 and 1, the second above the first, got ${found}; hand in those of every evaluated task (of the oracle: 0 and family.oracleReturn(task)) and leave out tasks where nothing can be earned.`,
  );
}

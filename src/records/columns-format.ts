/** @file Parts that several formats of results share: intervals, means, and columns of equal length. */

import { z } from 'zod';
import type { Estimate, MeanScore } from '../statistics/bootstrap.ts';
import { fields } from '../util/formats.ts';

const number = z.number();
const numbers = z.array(number).min(1);

export const interval = {
  /** Ends of the 95% interval. */
  low: number,
  high: number,
};
export const estimate = fields<Estimate>({ value: number, ...interval });
export const meanScore = fields<MeanScore>({ mean: number, ...interval });

/** Schema of a table's columns: each name once. */
export const columns = <K extends string>(...names: K[]) =>
  z
    .strictObject(Object.fromEntries(names.map(name => [name, numbers])) as Record<K, typeof numbers>)
    .refine(
      lists => new Set(Object.values<unknown[]>(lists as Record<K, unknown[]>).map(({ length }) => length)).size === 1,
      'expected lists of equal length',
    );

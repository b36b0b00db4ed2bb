/** @file Wall time of every row, as reports show it. */

import type { MethodTimes } from '../../records/index.ts';
import { type Column, duration } from './format.ts';

export const TIMES_NOTE =
  'An action is one of a single stream that compresses its own past. The median and the 95th percentile are those of the actions after the first of a segment, before which nothing is compressed; ' +
  'what first actions take longer by, spread evenly over all actions, is added to both. The longest is of all actions, with its compression whole. ' +
  'Training and evaluation are means over training seeds.';

/** Milliseconds: `1.23 ms`. */
export const milliseconds = (value: number): string => `${+value.toPrecision(3)} ms`;

const orNone = <T>(value: T | undefined, format: (value: T) => string): string => (value === undefined ? '–' : format(value));

/** Columns of the table of times. */
export const TIME_COLUMNS: readonly Column<MethodTimes>[] = [
  {
    title: 'action',
    meaning: 'median time of the actions after the first of a segment, plus the mean share of compressions',
    cell: ({ action }) => orNone(action?.median, milliseconds),
  },
  {
    title: '95%',
    meaning: '95th percentile of the time of the same actions, plus the same share: not of all actions, since the first are left out',
    cell: ({ action }) => orNone(action?.p95, milliseconds),
  },
  {
    title: 'longest',
    meaning: 'longest time of any action, first ones too, with its compression',
    cell: ({ action }) => orNone(action?.worst, milliseconds),
  },
  { title: 'training', meaning: 'time of all training that went into it', cell: ({ training }) => orNone(training, duration) },
  { title: 'evaluation', meaning: 'time of its rollouts', cell: ({ evaluation }) => orNone(evaluation, duration) },
];

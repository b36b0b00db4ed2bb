/** @file Wall time of every row, as reports show it. */

import type { MethodTimes } from '../evaluation/index.ts';
import { type Column, duration } from './format.ts';

export const TIMES_NOTE =
  'An action is one of a single stream that compresses its own past; the median and the 95th percentile have the time of compressions spread over all actions, the longest has it whole. ' +
  'Training and evaluation are means over training seeds.';

/** Milliseconds: `1.23 ms`. */
export const milliseconds = (value: number): string => `${+value.toPrecision(3)} ms`;

const orNone = <T>(value: T | undefined, format: (value: T) => string): string => (value === undefined ? '–' : format(value));

/** Columns of the table of times. */
export const TIME_COLUMNS: readonly Column<MethodTimes>[] = [
  { title: 'action', meaning: 'median time of an action', cell: ({ action }) => orNone(action?.median, milliseconds) },
  { title: '95%', meaning: '95th percentile of the time of an action', cell: ({ action }) => orNone(action?.p95, milliseconds) },
  {
    title: 'longest',
    meaning: 'longest time of an action, with its compression',
    cell: ({ action }) => orNone(action?.worst, milliseconds),
  },
  { title: 'training', meaning: 'time of all training that went into it', cell: ({ training }) => orNone(training, duration) },
  { title: 'evaluation', meaning: 'time of its rollouts', cell: ({ evaluation }) => orNone(evaluation, duration) },
];

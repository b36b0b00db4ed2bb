/** @file Wall time of every row, as reports show it. */

import type { MethodTimes } from '../../records/index.ts';
import { type Column, column, duration, type ReportTable } from './format.ts';

const NOTE =
  'An action is one of a single stream that compresses its own past. The median and the 95th percentile are those of the actions after the first of a segment, before which nothing is compressed; ' +
  'what first actions take longer by, spread evenly over all actions, is added to both. The longest is of all actions, with its compression whole. ' +
  'Training and evaluation are means over training seeds.';

const milliseconds = (value: number): string => `${+value.toPrecision(3)} ms`;

const orNone = <T>(value: T | undefined, format: (value: T) => string): string => (value === undefined ? '–' : format(value));

const COLUMNS: readonly Column<MethodTimes>[] = [
  column('action', 'action', 'median time of the actions after the first of a segment, plus the mean share of compressions', ({ action }) =>
    orNone(action?.median, milliseconds),
  ),
  column(
    'p95',
    '95%',
    '95th percentile of the time of the same actions, plus the same share: not of all actions, since the first are left out',
    ({ action }) => orNone(action?.p95, milliseconds),
  ),
  column('longest', 'longest', 'longest time of any action, first ones too, with its compression', ({ action }) =>
    orNone(action?.worst, milliseconds),
  ),
  column('training', 'training', 'time of all training that went into it', ({ training }) => orNone(training, duration)),
  column('evaluation', 'evaluation', 'time of its rollouts', ({ evaluation }) => orNone(evaluation, duration)),
];

/** The times of rows, as they come. */
export const timeTable = (entries: Readonly<Record<string, MethodTimes>>): ReportTable<MethodTimes> => ({
  title: 'Time of every row',
  head: 'method',
  names: Object.keys(entries),
  entries,
  columns: COLUMNS,
  note: () => NOTE,
});

/** @file Wall time of every method, as reports show it. */

import type { MethodTimes } from '../../records/index.ts';
import { type Column, column, duration, type ReportTable } from './format.ts';

const NOTE =
  'Times are of a single stream that compresses its own past. The median and the 95th percentile leave out the first action of each segment, which waits for the compression; ' +
  'the extra time of first actions, averaged over all actions, is added to both. The maximum includes the whole compression. ' +
  'Training and evaluation times are means over training seeds.';

const milliseconds = (value: number): string => `${+value.toPrecision(3)} ms`;

const orNone = <T>(value: T | undefined, format: (value: T) => string): string => (value === undefined ? '–' : format(value));

const COLUMNS: readonly Column<MethodTimes>[] = [
  column(
    'action',
    'median per action',
    'median time of an action, except the first of a segment, plus the mean share of the compressions',
    ({ action }) => orNone(action?.median, milliseconds),
  ),
  column('p95', '95th percentile per action', '95th percentile of the time of the same actions, plus the same share', ({ action }) =>
    orNone(action?.p95, milliseconds),
  ),
  column('longest', 'maximum per action', 'longest time of any action, with its compression', ({ action }) =>
    orNone(action?.worst, milliseconds),
  ),
  column('training', 'training', 'time of all training that the method needs', ({ training }) => orNone(training, duration)),
  column('evaluation', 'evaluation', 'time of its rollouts', ({ evaluation }) => orNone(evaluation, duration)),
];

/** The times of methods, in the given order. */
export const timeTable = (entries: Readonly<Record<string, MethodTimes>>): ReportTable<MethodTimes> => ({
  title: 'Time by method',
  head: 'method',
  names: Object.keys(entries),
  entries,
  columns: COLUMNS,
  note: () => NOTE,
});

/** @file Numbers as people read them, and the columns of the result table, shared by the terminal and the HTML report. */

import { FINAL_EPISODES, type MethodResult, type Score } from '../evaluation/index.ts';

/** A normalised score, 1 = optimal. */
export const score = (value: number): string => value.toFixed(2);

/** `0.94 [0.92, 0.96]`: the IQM and its interval. */
export const scoreInterval = ({ iqm, low, high }: Pick<Score, 'iqm' | 'low' | 'high'>): string =>
  `${score(iqm)} [${score(low)}, ${score(high)}]`;

/** Three significant digits with a decimal prefix: 27.8 M. */
export function count(value: number, units: readonly string[] = ['', ' k', ' M', ' G', ' T'], base = 1000): string {
  let unit = 0;
  // 999.6 would round up to four digits, so it moves on to the next prefix.
  for (; unit < units.length - 1 && Math.abs(value) >= base - 0.5; unit++) value /= base;
  return `${Math.abs(value) >= 100 ? Math.round(value) : +value.toPrecision(3)}${units[unit]}`;
}

/** Bytes in binary units: 1.5 KiB. */
export const bytes = (value: number): string => count(value, [' B', ' KiB', ' MiB', ' GiB'], 1024);

/** Costs are counted from graphs; a method without one has none to show. */
const orNone = (value: number, format: (value: number) => string): string => (value === 0 ? '–' : format(value));

/** Seconds as `1 h 02 min`, `3 min 20 s` or `4.2 s`. */
export function duration(seconds: number): string {
  if (seconds < 59.95) return `${+seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Mean of the task on which the method does worst. */
export const worstTask = ({ perTask }: MethodResult): number => Math.min(...perTask.map(({ mean }) => mean));

export interface Column {
  title: string;
  /** What the column holds, for a tooltip or a legend. */
  meaning: string;
  cell: (method: MethodResult) => string;
  /** The column with the largest number goes first where there is not enough room; those without stay. */
  expendable?: number;
}

/** Columns of the result table after the method's name. */
export function resultColumns(episodes: number): Column[] {
  const episodeColumns = [1, 5, 10]
    .filter(episode => episode <= episodes)
    .map(episode => ({
      title: `ep ${episode}`,
      meaning: `mean normalised return in episode ${episode}`,
      cell: (method: MethodResult) => score(method.byEpisode.mean[episode - 1]),
      expendable: episode === 1 ? 3 : 5,
    }));
  return [
    ...episodeColumns,
    { title: 'final', meaning: `mean over the last ${FINAL_EPISODES} episodes`, cell: method => score(method.final.mean) },
    {
      title: 'IQM [interval]',
      meaning: `interquartile mean over the last ${FINAL_EPISODES} episodes with its interval`,
      cell: method => scoreInterval(method.final),
      expendable: 1,
    },
    { title: 'worst', meaning: 'final mean of the worst task', cell: method => score(worstTask(method)), expendable: 2 },
    {
      title: 'FLOPs',
      meaning: 'floating-point operations for one action',
      cell: method => orNone(method.flopsPerAction, count),
      expendable: 4,
    },
    {
      title: 'state',
      meaning: 'bytes that reach the policy: what is carried between episodes, and the running episode',
      cell: method => orNone(method.stateBytes, bytes),
      expendable: 6,
    },
  ];
}

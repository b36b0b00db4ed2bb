/** @file Numbers as people read them, and the columns of the result table, shared by the terminal and the HTML report. */

import type { MethodResult, MethodTable, MethodTimes, RateReturn, ReferenceWords, Regret, Score, TaskScore } from '../../records/index.ts';
import { finalEpisodes, referenceIn, scaleOfTask, wordsOf } from '../../records/index.ts';
import type { EpisodesTo, MeanScore, ReturnError, ReturnTable } from '../../statistics/index.ts';
import { groupBy } from '../../util/groups.ts';
import { ranked } from '../figures/style.ts';

/** A normalized score. */
export const score = (value: number): string => value.toFixed(2);

/** A score where it stands with its interval: near the optimum, two digits say 1.00 of every row. */
const fineScore = (value: number): string => value.toFixed(3);

/** In the place of an interval where all resamples give the same, as those of a single run: it would say nothing of what else could come. */
const NO_INTERVAL = '[–]';

/** What that means, where a text has one; else nothing. */
export const noIntervalNote = (text: string): string =>
  text.includes(NO_INTERVAL) ? `${NO_INTERVAL}: no interval, since there is one run, or all resamples give the same.` : '';

/** `0.942 [0.921, 0.963]`, in the format that is handed in. All reports write intervals by this. */
export const withInterval = (value: number, [low, high]: readonly [number, number], format: (value: number) => string): string =>
  `${format(value)} ${hasWidth(low, high) ? `[${format(low)}, ${format(high)}]` : NO_INTERVAL}`;

/** Whether an interval is more than rounding. */
export const hasWidth = (low: number, high: number): boolean => high - low > 1e-12 * Math.max(1, Math.abs(low), Math.abs(high));

/** `0.942 [0.921, 0.963]`, in that order. */
const fineInterval = (value: number, low: number, high: number): string => withInterval(value, [low, high], fineScore);

/** `0.942 [0.921, 0.963]`: the mean and its interval. */
export const meanScoreInterval = ({ mean, meanLow, meanHigh }: Pick<Score, 'mean' | 'meanLow' | 'meanHigh'>): string =>
  fineInterval(mean, meanLow, meanHigh);

/** `0.942 [0.921, 0.963]`: the same of a mean that is alone with its interval. */
const share = ({ mean, low, high }: MeanScore): string => fineInterval(mean, low, high);

/** The same of the IQM. */
export const iqmInterval = ({ iqm, low, high }: Pick<Score, 'iqm' | 'low' | 'high'>): string => fineInterval(iqm, low, high);

/** `12.34 [11.82, 12.91]`: a mean raw return with its interval, all to as many decimals. */
export function returnInterval({ mean, low, high }: MeanScore): string {
  const size = Math.max(...[mean, low, high].map(Math.abs));
  return withInterval(mean, [low, high], value => plainReturn(value, size));
}

/** A raw return, to about three significant digits. */
export const plainReturn = (value: number, size = Math.abs(value)): string =>
  value.toFixed(size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3);

/** `12.3 [11.8, 12.9]`: a mean and its interval, in units of reward. */
export const meanInterval = ({ mean, low, high }: MeanScore): string => withInterval(mean, [low, high], value => value.toFixed(1));

/** Three significant digits with a decimal prefix: 27.8 M. */
export function count(value: number, units: readonly string[] = ['', ' k', ' M', ' G', ' T'], base = 1000): string {
  let unit = 0;
  // 999.6 would round up to four digits, so it moves on to the next prefix.
  for (; unit < units.length - 1 && Math.abs(value) >= base - 0.5; unit++) value /= base;
  return `${Math.abs(value) >= 100 ? Math.round(value) : +value.toPrecision(3)}${units[unit]}`;
}

/** Bytes in binary units: 1.5 KiB. */
export const bytes = (value: number): string => count(value, [' B', ' KiB', ' MiB', ' GiB'], 1024);

/** Bits in binary units: 16 kibit. */
export const bits = (value: number): string => count(value, [' bit', ' Kibit', ' Mibit'], 1024);

/** Costs are counted from graphs; a method without one has none to show. */
export const orNone = (value: number, format: (value: number) => string): string => (value === 0 ? '–' : format(value));

/** Seconds as `1 h 02 min`, `3 min 20 s` or `4.2 s`. */
export function duration(seconds: number): string {
  if (seconds < 59.95) return `${+seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** What some methods were told beside what they all see, a sentence each: whoever compares their rows has to know. */
export function givenNotes(methods: MethodTable): string[] {
  const told = groupBy(
    Object.keys(methods).filter(name => methods[name].given),
    name => methods[name].given,
  );
  return Array.from(told, ([given, names]) => `Given ${given}: ${names.join(', ')}. The other rows do not have that information.`);
}

/** The returns of each task that its scores are made by. */
export function scaleColumns(methods: MethodTable): Column<TaskScore>[] {
  if (referenceIn(methods).kind === 'oracle')
    return [column('oracle', 'oracle', 'return of the oracle on this task', task => String(+scaleOfTask(task).high.toFixed(2)))];
  const end = (score: number, key: 'low' | 'high') =>
    column<TaskScore>(key, `scores ${score}`, `return that scores ${score} on this task`, task => plainReturn(scaleOfTask(task)[key]));
  return [end(0, 'low'), end(1, 'high')];
}

/** Mean of the task on which the method does worst. */
export const worstTask = ({ perTask }: MethodResult): number => Math.min(...perTask.map(({ mean }) => mean));

/** A table as text: heads, then rows as long. */
export interface TextTable {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Column<T = MethodResult> {
  /** What it is for a program, in `data-column` of a page: stays as it is when the title changes. */
  id: string;
  title: string;
  /** What the column holds, for a tooltip or a legend. */
  meaning: string;
  cell: (row: T, name: string) => string;
  /** The column with the largest number goes first where there is not enough room; those without stay. */
  expendable?: number;
}

/** A column by its id, its title, what it holds and its cells; `expendable` as in `Column`. */
export function column<T = MethodResult>(
  id: string,
  title: string,
  meaning: string,
  cell: Column<T>['cell'],
  expendable?: number,
): Column<T> {
  return { id, title, meaning, cell, expendable };
}

/** A table of rows by name, as every report has it. */
export interface ReportTable<T> {
  /** What it shows, for its heading. */
  readonly title: string;
  /** Head of the names. */
  readonly head: string;
  /** Best first. */
  readonly names: readonly string[];
  readonly entries: Readonly<Record<string, T>>;
  readonly columns: readonly Column<T>[];
  /** What the numbers are, in sentences, where the columns with these ids are shown. */
  readonly note: (shown: readonly string[]) => string;
}

/** The results of methods, with their times if they were taken. */
export function resultTable(methods: MethodTable, times?: Readonly<Record<string, MethodTimes>>): ReportTable<MethodResult> {
  const names = ranked(methods);
  return {
    title: 'Results',
    head: 'method',
    names,
    entries: methods,
    columns: resultColumns(methods[names[0]], times),
    note: () => wordsOf(methods).meaning,
  };
}

/** Columns of the result table after the method's name, for methods that were all evaluated as `like` was, with their times if they were taken. */
export function resultColumns(like: MethodResult, times: Readonly<Record<string, MethodTimes>> = {}): Column[] {
  const episodes = like.byEpisode.mean.length;
  const over = finalEpisodes(episodes);
  const timed = Object.values(times).some(({ action }) => action);
  const milliseconds = (name: string) => orNone(times[name]?.action?.median ?? 0, value => String(+value.toPrecision(2)));
  return [
    // Of one episode, the final score says it all.
    ...(episodes > 1 ? [1, 5, 10] : [])
      .filter(episode => episode <= episodes)
      .map(episode => {
        const meaning = `mean normalized return in episode ${episode}`;
        return column(
          `episode-${episode}`,
          `ep ${episode}`,
          meaning,
          method => score(method.byEpisode.mean[episode - 1]),
          episode === 1 ? 3 : 5,
        );
      }),
    column(
      'final',
      'final [interval]',
      `mean normalized return over ${over}, with the interval of that mean`,
      method => meanScoreInterval(method.final),
      // Where there is regret, rows are ranked and judged by that.
      like.regret ? 1 : undefined,
    ),
    ...(like.return
      ? [
          column(
            'return',
            'return [interval]',
            `mean raw return over ${over}, with its interval`,
            method => (method.return ? returnInterval(method.return) : '–'),
            2,
          ),
        ]
      : []),
    column(
      'iqm',
      'IQM [interval]',
      `interquartile mean of the runs over ${over}, with its interval`,
      method => iqmInterval(method.final),
      8,
    ),
    ...learningColumns(like),
    ...regretColumns(like),
    column('worst', 'worst', 'final mean of the worst task', method => score(worstTask(method)), 2),
    column('flops', 'FLOPs', 'floating-point operations for one action', method => orNone(method.flopsPerAction, count), 4),
    column(
      'state',
      'state',
      'bytes that reach the policy: latents or tokens of the past, and the running episode',
      method => orNone(method.stateBytes, bytes),
      6,
    ),
    column(
      'history',
      'history',
      'bytes of raw history that are kept beside the state for the next compression',
      method => orNone(method.historyBytes, bytes),
      9,
    ),
    ...(timed ? [column('milliseconds', 'ms', MILLISECONDS, (_, name) => milliseconds(name), 7)] : []),
  ];
}

const MILLISECONDS =
  'median milliseconds of an action after the first of a segment, plus the mean share of compressions, on the machine of the run';

/** How fast it learns, where there is more than one episode to learn in and the results tell. */
function learningColumns({ area, episodesTo, byEpisode }: MethodResult): Column[] {
  if (!area || !episodesTo || byEpisode.mean.length === 1) return [];
  const near = `${100 * episodesTo.share}%`;
  return [
    column(
      'area',
      'area [interval]',
      'area under the learning curve: mean normalized return over all episodes, with the interval of that mean',
      method => (method.area ? meanScoreInterval(method.area) : '–'),
      7,
    ),
    column(
      'episodes-to',
      `to ${near}`,
      `first episode whose mean normalized return is at least ${episodesTo.share}; > where none of those played is`,
      method => (method.episodesTo ? episodesReached(method.episodesTo, method.byEpisode.mean.length) : '–'),
      5,
    ),
  ];
}

/** `7`, or `> 30` where the share was not reached in the 30 episodes that were played. */
export const episodesReached = ({ episodes }: EpisodesTo, played: number): string => (episodes === null ? `> ${played}` : String(episodes));

/** Cumulative regret, where the family declares it, and its parts. */
function regretColumns({ regret }: MethodResult): Column[] {
  if (!regret) return [];
  const cell = (pick: (regret: Regret) => MeanScore) => (method: MethodResult) => (method.regret ? meanInterval(pick(method.regret)) : '–');
  return [
    column(
      'regret',
      'regret [interval]',
      'expected reward given up over the whole run, with the interval of its mean',
      cell(all => all),
    ),
    ...regret.parts.map(({ name }, p) =>
      column(
        `regret-${name}`,
        name,
        `regret of the part "${name}", with the interval of its mean`,
        cell(({ parts }) => parts[p]),
        4,
      ),
    ),
  ];
}

/** Rate against return as a table, with the smallest Z of every line that keeps a share, in sentences. */
export const rateTable = (
  { points, smallest, reference }: RateReturn,
  { noun }: Pick<ReferenceWords, 'noun'>,
): TextTable & { title: string; notes: string[] } => ({
  title: `Share of the ${noun} of ${reference} by the bits of Z`,
  heads: ['line', 'bits', 'last episodes', 'all episodes'],
  rows: points.map(({ group, bits: size, final, area }) => [group, bits(size), share(final), share(area)]),
  notes: [...new Set(smallest.map(({ group }) => group))].map(group => {
    const found = smallest
      .filter(point => point.group === group)
      .map(({ share, by, method }) => `${100 * share}% ${by === 'mean' ? 'by the mean' : 'by the whole interval'}: ${method ?? 'none'}`);
    return `Smallest Z of ${group} that keeps of the final ${noun} of ${reference}: ${found.join('; ')}.`;
  }),
});

const RETURNS_NOTE =
  'At the start of every episode of fresh histories of the source on these tasks, the returns of that episode and of those after it are predicted. ' +
  '“training mean” says the mean return of the histories that were trained on; “last return” repeats the last episode.';

/** Return-prediction errors, the predictor with the least mean absolute error first. */
export function returnTable({ predictors }: ReturnTable, { unit }: Pick<ReferenceWords, 'unit'>): ReportTable<ReturnError> {
  const names = Object.keys(predictors).sort((a, b) => predictors[a].absolute.mean - predictors[b].absolute.mean || (a < b ? -1 : 1));
  const title = `error of predicted returns, as a fraction of ${unit}`;
  return { title, head: 'predictor', names, entries: predictors, columns: returnColumns(predictors[names[0]]), note: () => RETURNS_NOTE };
}

/** Columns for predictors that all foretold as `like` did. */
function returnColumns(like: ReturnError): Column<ReturnError>[] {
  const calibration = column<ReturnError>(
    'calibration',
    'calibration',
    'by how much the mean return misses the mean prediction, among predictions of similar size',
    ({ calibration }) => (calibration ? fineScore(calibration.error) : '–'),
    2,
  );
  return [
    column<ReturnError>('absolute', 'absolute [interval]', 'mean absolute error with the interval of its mean', ({ absolute }) =>
      share(absolute),
    ),
    ...(like.calibration ? [calibration] : []),
    column<ReturnError>('squared', 'squared', 'mean squared error', ({ squared }) => fineScore(squared.mean), 1),
    ...like.byAhead.absolute.map((_, k) => {
      const meaning = `mean absolute error of the return of the ${k === 0 ? 'coming episode' : `episode ${k} later`}`;
      const cell = ({ byAhead }: ReturnError) => fineScore(byAhead.absolute[k]);
      return column(`ahead-${k}`, k === 0 ? 'coming' : `+${k}`, meaning, cell, k === 0 ? 2 : 4);
    }),
    ...[1, 2, 5, 10]
      .filter(episode => episode <= like.byEpisode.absolute.length)
      .map(episode => {
        const meaning = `mean absolute error of what is predicted at the start of episode ${episode}`;
        return column<ReturnError>(
          `episode-${episode}`,
          `ep ${episode}`,
          meaning,
          ({ byEpisode }) => fineScore(byEpisode.absolute[episode - 1]),
          3,
        );
      }),
  ];
}

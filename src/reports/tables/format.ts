/** @file Formats of numbers, and the columns of the result table, shared by the terminal and the HTML report. */

import type { MethodResult, MethodTable, MethodTimes, RateReturn, ReferenceWords, Regret, Score, TaskScore } from '../../records/index.ts';
import { finalEpisodes, finalIsAll, periodWords, referenceIn, scaleOfTask, wordsOf } from '../../records/index.ts';
import type { EpisodesTo, MeanScore, ReturnError, ReturnTable } from '../../statistics/index.ts';
import { groupBy } from '../../util/groups.ts';
import { ranked } from '../figures/style.ts';

/** A number with so many decimals: a true minus sign, and none before zero. */
export function fixed(value: number, decimals: number): string {
  const digits = Math.abs(value).toFixed(decimals);
  return value < 0 && Number(digits) !== 0 ? `−${digits}` : digits;
}

/** A normalized score. */
export const score = (value: number): string => fixed(value, 2);

/** A score next to its interval: near the optimum, two digits would show 1.00 for every method. */
const fineScore = (value: number): string => fixed(value, 3);

/** Shown instead of an interval without width, such as that of a single run, which would suggest certainty. */
const NO_INTERVAL = '[–]';

/** What that sign means, if the text contains it; otherwise empty. */
export const noIntervalNote = (text: string): string =>
  text.includes(NO_INTERVAL) ? `${NO_INTERVAL}: no interval, because there is only one stream or all resamples are equal.` : '';

/** `0.942 [0.921, 0.963]`, with numbers in the given format. All reports write intervals with this function. */
export const withInterval = (value: number, [low, high]: readonly [number, number], format: (value: number) => string): string =>
  `${format(value)} ${hasWidth(low, high) ? `[${format(low)}, ${format(high)}]` : NO_INTERVAL}`;

/** Whether an interval is more than rounding. */
export const hasWidth = (low: number, high: number): boolean => high - low > 1e-12 * Math.max(1, Math.abs(low), Math.abs(high));

/** `0.942 [0.921, 0.963]`: value, low end, high end. */
const fineInterval = (value: number, low: number, high: number): string => withInterval(value, [low, high], fineScore);

/** `0.942 [0.921, 0.963]`: the mean and its interval. */
export const meanScoreInterval = ({ mean, meanLow, meanHigh }: Pick<Score, 'mean' | 'meanLow' | 'meanHigh'>): string =>
  fineInterval(mean, meanLow, meanHigh);

/** The same for a mean that has no other statistics with it. */
const share = ({ mean, low, high }: MeanScore): string => fineInterval(mean, low, high);

/** The same for the IQM. */
export const iqmInterval = ({ iqm, low, high }: Pick<Score, 'iqm' | 'low' | 'high'>): string => fineInterval(iqm, low, high);

/** `12.34 [11.82, 12.91]`: a mean raw return with its interval, all with the same number of decimals. */
export function returnInterval({ mean, low, high }: MeanScore): string {
  const size = Math.max(...[mean, low, high].map(Math.abs));
  return withInterval(mean, [low, high], value => plainReturn(value, size));
}

/** A raw return, to about three significant digits. */
export const plainReturn = (value: number, size = Math.abs(value)): string =>
  fixed(value, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3);

/** `12.3 [11.8, 12.9]`: a mean and its interval, in units of reward. */
export const meanInterval = ({ mean, low, high }: MeanScore): string => withInterval(mean, [low, high], value => fixed(value, 1));

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

/** A dash for a cost of 0: costs are counted from graphs, and some methods have no graph. */
export const orNone = (value: number, format: (value: number) => string): string => (value === 0 ? '–' : format(value));

/** Seconds as `1 h 02 min`, `3 min 20 s` or `4.2 s`. */
export function duration(seconds: number): string {
  if (seconds < 59.95) return `${+seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Information that only some methods have, one sentence each; a fair comparison has to state it. */
export function givenNotes(methods: MethodTable): string[] {
  const informed = groupBy(
    Object.keys(methods).filter(name => methods[name].given),
    name => methods[name].given,
  );
  return Array.from(informed, ([given, names]) => `Given ${given}: ${names.join(', ')}. The other methods do not have this information.`);
}

/** The returns of each task that its scores are normalized by. */
export function scaleColumns(methods: MethodTable): Column<TaskScore>[] {
  const { kind } = referenceIn(methods);
  if (kind === 'raw') return [];
  if (kind === 'oracle')
    return [column('oracle', 'oracle return', 'return of the oracle on this task', task => String(+scaleOfTask(task).high.toFixed(2)))];
  const end = (score: number, key: 'low' | 'high') =>
    column<TaskScore>(key, `return at ${score}`, `raw return that has the score ${score} on this task`, task =>
      plainReturn(scaleOfTask(task)[key]),
    );
  return [end(0, 'low'), end(1, 'high')];
}

/** Whether raw returns are shown in addition to scores: they are others, and not those of the oracle's reference. */
export const showsReturns = ({ return: earned, reference }: Pick<MethodResult, 'return' | 'reference'>): boolean =>
  earned !== undefined && reference?.kind !== 'raw';

/** The points of a learning curve that tables show: early episodes, or the first and the last window. */
export const shownPoints = ({ byEpisode, window }: Pick<MethodResult, 'byEpisode' | 'window'>): number[] => {
  const points = byEpisode.mean.length;
  if (points === 1) return [];
  return window ? [1, points] : [1, 5, 10].filter(episode => episode <= points);
};

/** Mean final score on the task where the method scores lowest. */
export const worstTask = ({ perTask }: MethodResult): number => Math.min(...perTask.map(({ mean }) => mean));

/** A table of texts: headers, then rows of equal length. */
export interface TextTable {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Column<T = MethodResult> {
  /** Identifies it to programs, in `data-column` of a page; does not change with the title. */
  id: string;
  /** Short header, for terminals. */
  title: string;
  /** Header that explains itself, for pages; the title when left out. */
  header?: string;
  /** What the column contains, for a tooltip or a legend. */
  meaning: string;
  cell: (row: T, name: string) => string;
  /** Where there is not enough room, columns with the largest number are left out first; those without a number stay. */
  expendable?: number;
}

/** A column; a pair of titles gives the one for terminals and the one for pages. The arguments are the fields of `Column`. */
export function column<T = MethodResult>(
  id: string,
  titles: string | readonly [title: string, header: string],
  meaning: string,
  cell: Column<T>['cell'],
  expendable?: number,
): Column<T> {
  const [title, header] = typeof titles === 'string' ? [titles] : titles;
  return { id, title, header, meaning, cell, expendable };
}

/** A table with one row per name, as every report shows it. */
export interface ReportTable<T> {
  /** What it shows, for its heading. */
  readonly title: string;
  /** Header of the names. */
  readonly head: string;
  /** Best first. */
  readonly names: readonly string[];
  readonly entries: Readonly<Record<string, T>>;
  readonly columns: readonly Column<T>[];
  /** Explains the numbers in sentences; only those of the columns with these ids. */
  readonly note: (shown: readonly string[]) => string;
}

/** The results of methods, with their times if these were measured. */
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

/** Columns of the result table, for methods that were all evaluated as `like` was, with their times if these were measured. */
export function resultColumns(like: MethodResult, times: Readonly<Record<string, MethodTimes>> = {}): Column[] {
  const episodes = like.byEpisode.mean.length;
  const words = periodWords(like.window);
  const { period, short } = words;
  const over = finalEpisodes(episodes, words);
  const overShort = over.replace(/^the /, '');
  const timed = Object.values(times).some(({ action }) => action);
  const milliseconds = (name: string) => orNone(times[name]?.action?.median ?? 0, value => String(+value.toPrecision(2)));
  return [
    // With a single episode, the final score is that of the episode.
    ...shownPoints(like).map(episode => {
      const meaning = `mean normalized return in ${period} ${episode}`;
      return column(
        `episode-${episode}`,
        [`${short} ${episode}`, `return, ${period} ${episode}`],
        meaning,
        method => score(method.byEpisode.mean[episode - 1]),
        episode === 1 ? 3 : 5,
      );
    }),
    column(
      'final',
      ['final [95% CI]', `return, ${overShort} [95% CI]`],
      `mean normalized return over ${over}, with its interval`,
      method => meanScoreInterval(method.final),
      // Where there is regret, it is the measure that matters.
      like.regret ? 1 : undefined,
    ),
    ...(showsReturns(like)
      ? [
          column(
            'return',
            ['return [95% CI]', `raw return, ${overShort} [95% CI]`],
            `mean raw return over ${over}, with its interval`,
            method => (method.return ? returnInterval(method.return) : '–'),
            2,
          ),
        ]
      : []),
    column(
      'iqm',
      ['IQM [95% CI]', `interquartile mean of returns, ${overShort} [95% CI]`],
      `interquartile mean of the streams' normalized returns over ${over}, with its interval`,
      method => iqmInterval(method.final),
      8,
    ),
    ...learningColumns(like),
    ...recoveryColumns(like),
    ...regretColumns(like),
    column(
      'worst',
      ['worst', 'return on the worst task'],
      `mean normalized return over ${over} on the task where it is lowest`,
      method => score(worstTask(method)),
      2,
    ),
    column(
      'flops',
      ['FLOPs', 'FLOPs per action'],
      'floating-point operations of one action',
      method => orNone(method.flopsPerAction, count),
      4,
    ),
    column(
      'state',
      ['state', 'state of the policy'],
      'bytes that reach the policy: latents or tokens of the past, and the running episode',
      method => orNone(method.stateBytes, bytes),
      6,
    ),
    column(
      'history',
      ['history', 'raw history kept'],
      'bytes of raw history that are stored in addition to the state, for the next compression',
      method => orNone(method.historyBytes, bytes),
      9,
    ),
    ...(timed ? [column('milliseconds', ['ms', 'ms per action'], MILLISECONDS, (_, name) => milliseconds(name), 7)] : []),
  ];
}

const MILLISECONDS =
  'median milliseconds per action, except the first of a segment, plus the mean share of the compressions, on the machine of the run';

/** How fast a method learns, where there are several episodes and the results record it. */
function learningColumns({ area, episodesTo, byEpisode, window }: MethodResult): Column[] {
  const episodes = byEpisode.mean.length;
  if (!area || episodes === 1) return [];
  const { period } = periodWords(window);
  const overAll = column(
    'area',
    ['area [95% CI]', `return, all ${period}s [95% CI]`],
    `mean normalized return over all ${period}s, which is the area under the learning curve, with its interval`,
    method => (method.area ? meanScoreInterval(method.area) : '–'),
    7,
  );
  const reached = (share: number) =>
    column(
      'episodes-to',
      [`to ${100 * share}%`, `${period}s to return ${share}`],
      `first ${period} whose mean normalized return is at least ${share}; with > if no ${period} reaches it`,
      method => (method.episodesTo ? episodesReached(method.episodesTo, method.byEpisode.mean.length) : '–'),
      5,
    );
  return [...(finalIsAll(episodes) ? [] : [overAll]), ...(episodesTo ? [reached(episodesTo.share)] : [])];
}

/** The outcome before the first change and after changes, per window like the scores, if the task changes. */
function recoveryColumns({ recovery, window }: MethodResult): Column[] {
  if (!recovery || !window) return [];
  const { quantity } = periodWords(window);
  const part = (id: 'first' | 'later', title: string, when: string) =>
    column(
      `recovery-${id}`,
      [`${title} [95% CI]`, `${quantity}, ${when} [95% CI]`],
      `mean ${quantity} ${when}, not normalized, with its interval`,
      method => (method.recovery ? returnInterval(scaled(method.recovery[id].overall, window.calls)) : '–'),
      1,
    );
  return [part('first', 'layout 1', 'before the first change'), part('later', 'later', 'after changes')];
}

/** A mean and its interval in other units. */
const scaled = ({ mean, low, high }: MeanScore, by: number): MeanScore => ({ mean: by * mean, low: by * low, high: by * high });

/** `7`, or `> 30` if the share is not reached in 30 episodes. */
export const episodesReached = ({ episodes }: EpisodesTo, played: number): string => (episodes === null ? `> ${played}` : String(episodes));

/** Cumulative regret and its parts, if the environment declares them. */
function regretColumns({ regret }: MethodResult): Column[] {
  if (!regret) return [];
  const cell = (pick: (regret: Regret) => MeanScore) => (method: MethodResult) => (method.regret ? meanInterval(pick(method.regret)) : '–');
  return [
    column(
      'regret',
      ['regret [95% CI]', 'cumulative regret [95% CI]'],
      'expected reward of the best actions minus that of the chosen ones, summed over a stream; mean with its interval',
      cell(all => all),
    ),
    ...regret.parts.map(({ name }, p) =>
      column(
        `regret-${name}`,
        [name, `regret, ${name} [95% CI]`],
        `cumulative regret of the part "${name}"; mean with its interval`,
        cell(({ parts }) => parts[p]),
        4,
      ),
    ),
  ];
}

/** What return versus rate shows of each point: with a single episode, the last ones are all. */
export function rateScores({
  points,
}: Pick<RateReturn, 'points'>): readonly { readonly score: 'final' | 'area'; readonly title: string }[] {
  const all = { score: 'area', title: 'all episodes' } as const;
  const differ = points.some(({ final, area }) => final.mean !== area.mean || final.low !== area.low || final.high !== area.high);
  return differ ? [{ score: 'final', title: 'last episodes' }, all] : [all];
}

/** Return versus rate as a table; the notes give the smallest Z of every line that keeps a share of the return. */
export const rateTable = (rate: RateReturn, { noun }: Pick<ReferenceWords, 'noun'>): TextTable & { title: string; notes: string[] } => ({
  title: `${capitalized(noun)} relative to ${rate.reference}, by the bits of Z`,
  heads: ['line', 'bits of Z', ...rateScores(rate).map(({ title }) => `${title} [95% CI]`)],
  rows: rate.points.map(point => [point.group, bits(point.bits), ...rateScores(rate).map(({ score }) => share(point[score]))]),
  notes: [...new Set(rate.smallest.map(({ group }) => group))].map(group => {
    const found = rate.smallest
      .filter(point => point.group === group)
      .map(({ share, by, method }) => `${100 * share}% (${by === 'mean' ? 'mean' : 'whole interval'}): ${method ?? 'none'}`);
    return `Smallest Z of “${group}” that keeps this share of the final ${noun} of ${rate.reference}: ${found.join('; ')}.`;
  }),
});

/** With a capital first letter. */
export const capitalized = (text: string): string => text[0].toUpperCase() + text.slice(1);

const RETURNS_NOTE =
  'At the start of every episode of new source histories on these tasks, the model predicts the returns of this and of the following episodes. ' +
  '“training mean” predicts the mean return of the training histories; “last return” repeats the return of the last episode.';

/** Errors of predicted returns, the smallest mean absolute error first. */
export function returnTable({ predictors }: ReturnTable, { unit }: Pick<ReferenceWords, 'unit'>): ReportTable<ReturnError> {
  const names = Object.keys(predictors).sort((a, b) => predictors[a].absolute.mean - predictors[b].absolute.mean || (a < b ? -1 : 1));
  const title = `errors of predicted returns, as fractions of ${unit}`;
  return { title, head: 'predictor', names, entries: predictors, columns: returnColumns(predictors[names[0]]), note: () => RETURNS_NOTE };
}

/** Columns for predictors that were all evaluated as `like` was. */
function returnColumns(like: ReturnError): Column<ReturnError>[] {
  const calibration = column<ReturnError>(
    'calibration',
    ['calibration', 'calibration error'],
    'mean distance between the mean prediction and the mean return, over groups of similar predictions',
    ({ calibration }) => (calibration ? fineScore(calibration.error) : '–'),
    2,
  );
  return [
    column<ReturnError>(
      'absolute',
      ['absolute [95% CI]', 'mean absolute error [95% CI]'],
      'mean absolute error with its interval',
      ({ absolute }) => share(absolute),
    ),
    ...(like.calibration ? [calibration] : []),
    column<ReturnError>('squared', ['squared', 'mean squared error'], 'mean squared error', ({ squared }) => fineScore(squared.mean), 1),
    ...like.byAhead.absolute.map((_, k) => {
      const meaning = `mean absolute error of the predicted return of the ${k === 0 ? 'next episode' : `episode ${k} after the next`}`;
      const cell = ({ byAhead }: ReturnError) => fineScore(byAhead.absolute[k]);
      return column(
        `ahead-${k}`,
        k === 0 ? ['next', 'error, next episode'] : [`+${k}`, `error, ${k} later`],
        meaning,
        cell,
        k === 0 ? 2 : 4,
      );
    }),
    ...[1, 2, 5, 10]
      .filter(episode => episode <= like.byEpisode.absolute.length)
      .map(episode => {
        const meaning = `mean absolute error of predictions at the start of episode ${episode} of the source's histories`;
        return column<ReturnError>(
          `episode-${episode}`,
          [`ep ${episode}`, `error, from source episode ${episode}`],
          meaning,
          ({ byEpisode }) => fineScore(byEpisode.absolute[episode - 1]),
          3,
        );
      }),
  ];
}

/** @file The tables of the results, in booktabs: scores with intervals, comparisons, scores by task, costs, and errors of predicted returns. */

import type { MethodCost, MethodResult, MethodTable, MethodTimes, ReferenceWords, Verdict } from '../../records/index.ts';
import { finalIsAll, referenceIn, referenceWords } from '../../records/index.ts';
import type { Measures } from '../../statistics/index.ts';
import type { FigureOptions } from '../figures/figure.ts';
import { ranked } from '../figures/style.ts';
import { sideBySide } from '../runs.ts';
import { returnTable, shownPoints, showsReturns } from '../tables/format.ts';
import { imitationTable } from '../tables/imitation.ts';
import { measuresOf, measureVerdict, rankedOthers } from '../tables/versus.ts';
import { escapeTex } from './escape.ts';
import type { Facts } from './facts.ts';
import { enumeration, join, paragraph, type Written, write } from './write.ts';

const raw = String.raw;

const NONE = '--';

/** Where a method is in the results, and its name. */
interface Place {
  readonly path: string;
  readonly called: string;
  /** Name of the method in its own run. */
  readonly method: string;
  /** Path of its run: empty, or `runs/<name>/`. */
  readonly base: string;
  readonly facts: Pick<Facts, 'setting' | 'results'>;
}

/** The methods of one table: of the experiment, of one of its further tables, or of several runs side by side. */
export interface Rows {
  readonly name: string;
  readonly methods: MethodTable;
  readonly of: (row: string) => Place;
  /** Name of the table. */
  readonly title: string;
  /** Suffix of the labels of its tables and figures. */
  readonly label: string;
  /** How its figures are drawn, for several runs. */
  readonly style?: Required<Pick<FigureOptions, 'styles' | 'panels'>>;
}

/** The tables of the experiment; for several runs, one table with the methods of all. */
export function rowSets(facts: Facts): Rows[] {
  const { results, runs } = facts;
  if (runs) return [methodsOfRuns(runs)];
  const set = (name: string, methods: MethodTable, at: string, title: string, label: string): Rows => ({
    name,
    methods,
    of: method => ({ path: `${at}/${method}`, called: `<${at}/${method}:name>`, method, base: '', facts }),
    title,
    label,
  });
  return [
    set(results.name, results.methods, 'results/methods', raw`\texttt{<results/name>}`, ''),
    ...Object.entries(results.tables ?? {}).map(([name, methods]) =>
      set(name, methods, `results/tables/${name}`, `<results/tables/${name}:name>`, `:${name}`),
    ),
  ];
}

function methodsOfRuns(runs: ReadonlyMap<string, Facts>): Rows {
  const { methods, rows, styles, panels } = sideBySide(new Map([...runs].map(([name, { results }]) => [name, results])));
  const places = new Map(
    [...rows].map(
      ([
        row,
        {
          method,
          runs: [run, ...more],
        },
      ]): [string, Place] => {
        const base = `runs/${run}/`;
        const path = `${base}results/methods/${method}`;
        const named = row === method ? '' : ` (${[run, ...more].map(run => `<runs/${run}:name>`).join(', ')})`;
        return [row, { path, called: `<${path}:name>${named}`, method, base, facts: runs.get(run)! }];
      },
    ),
  );
  return {
    name: [...runs.keys()].join(' and '),
    methods,
    of: row => places.get(row)!,
    title: enumeration([...runs.keys()].map(run => `<runs/${run}:name>`)),
    label: '',
    style: { styles, panels },
  };
}

/** The reference of the scores of a table in words, with citations of its numbers. */
export function citedWords({ methods, of }: Pick<Rows, 'methods' | 'of'>): ReferenceWords {
  const { path, base } = of(Object.keys(methods)[0]);
  const { kind } = referenceIn(methods);
  const at =
    kind === 'oracle'
      ? ['', `<${base}results/oracle/mean:3>`]
      : ['low', 'high'].map(end => `<${path}/reference/${end}${kind === 'given' ? '' : ':3'}>`);
  const { window } = methods[Object.keys(methods)[0]];
  const cited = window && { calls: `<${path}/window/calls>`, outcome: escapeTex(window.outcome) };
  return referenceWords(kind, [at[0], at[1]], cited);
}

/** The length of a stream: its episodes, or its windows of so many calls. */
export function lengthOfStream({ results: { methods } }: Pick<Facts, 'results'>): string {
  const [name] = Object.keys(methods);
  return methods[name].window ? `<results/episodes|window> of <results/methods/${name}/window/calls|call>` : '<results/episodes|episode>';
}

/** Whether the tables show raw returns in addition to normalized ones. */
const hasReturns = (methods: MethodTable): boolean => referenceIn(methods).kind !== 'oracle';

/** The content of tables.tex. */
export function tables(facts: Facts): Written {
  const sets = rowSets(facts);
  const { returns = {}, imitation = {} } = facts.runs ? {} : facts.results;
  return join(
    [
      ...sets.flatMap(rows => [scoreTable(facts, rows), versusTable(facts, rows)]),
      ...Object.keys(returns).map(name => returnErrors(facts, name)),
      ...Object.keys(imitation).map(name => imitationScores(facts, name)),
      costTable(facts, sets[0]),
      ...sets.map(rows => taskTable(facts, rows)),
    ],
    '\n\n',
  )!;
}

interface Column {
  readonly head: string;
  readonly cell: (row: string) => string;
}

const interval = (path: string, of: string, low: string, high: string, digits: number) =>
  `<${path}/${of}:${digits}> [<${path}/${low}:${digits}>, <${path}/${high}:${digits}>]`;

/** Mean in single episodes, final mean and IQM with intervals, the worst task, and regret if the environment has it. */
function scoreTable(facts: Facts, rows: Rows): Written {
  const { methods, of, title, label } = rows;
  const words = citedWords(rows);
  const names = ranked(methods);
  const episodes = methods[names[0]].byEpisode.mean.length;
  const single = shownPoints(methods[names[0]]);
  const at = (row: string) => of(row).path;
  // Scores that are not normalized are raw returns.
  const raws = showsReturns(methods[names[0]]);
  const columns: Column[] = [
    ...single.map(episode => ({
      head: `${words.short}.\\ <${at(names[0])}/byEpisode/mean/${episode - 1}:place>`,
      cell: (row: string) => `<${at(row)}/byEpisode/mean/${episode - 1}:3>`,
    })),
    ...learningColumns(methods, at),
    { head: 'final mean', cell: row => interval(`${at(row)}/final`, 'mean', 'meanLow', 'meanHigh', 3) },
    ...(raws ? [{ head: 'raw return', cell: (row: string) => interval(`${at(row)}/return`, 'mean', 'low', 'high', 2) }] : []),
    { head: 'final IQM', cell: row => interval(`${at(row)}/final`, 'iqm', 'low', 'high', 3) },
    { head: 'worst task', cell: row => `<${at(row)}/perTask/${worst(methods[row])}/mean:3>` },
    ...recoveryColumns(methods, at),
    ...regretColumns(methods, at),
  ];
  const over = episodes > 1 ? raw`over the last <setting/finalEpisodes|${words.period}>` : `of the only ${words.period}`;
  return table(facts, {
    label: `scores${label}`,
    caption: [
      raw`In-context ${words.quantity} of ${title}, ${words.scale}${
        single.length > 0 ? `: mean in single ${words.periods},` : ':'
      } mean and interquartile mean (IQM) ${over} with intervals, and mean on the worst task.`,
      hasReturns(methods) && `${words.meaning}${raws ? ' Raw returns are not normalized.' : ''}`,
      learningColumns(methods, at).some(({ head }) => head === 'area') &&
        `“Area” is the mean over all ${words.periods}, which is the area under the learning curve.`,
      learningColumns(methods, at).some(({ head }) => head !== 'area') &&
        raw`The column with “to” and a value is the first ${words.period} whose mean reaches this value (${NONE}: no ${words.period}).`,
      recoveryColumns(methods, at).length > 0 &&
        `“First” and “later” are the mean of a call (${words.outcome}) before the first change of the task and after changes, not normalized.`,
      label === '' && '<results/intervalNote>',
    ],
    first: 'method',
    columns,
    rows: names.map(row => ({ key: row, name: of(row).called })),
  });
}

/** The area under the learning curve and the first episode near a score of 1, if there are several episodes and the results record them. */
function learningColumns(methods: MethodTable, at: (row: string) => string): Column[] {
  const results = Object.entries(methods);
  const near = results.find(([, { episodesTo }]) => episodesTo)?.[0];
  const [[, { byEpisode }]] = results;
  if (results.every(([, row]) => !row.area) || byEpisode.mean.length === 1) return [];
  const area = (row: string) => (methods[row].area ? interval(`${at(row)}/area`, 'mean', 'meanLow', 'meanHigh', 3) : NONE);
  return [
    ...(finalIsAll(byEpisode.mean.length) ? [] : [{ head: 'area', cell: area }]),
    ...(near === undefined
      ? []
      : [
          {
            head: `to <${at(near)}/episodesTo/share>`,
            // Null if no episode reaches the share.
            cell: (row: string) => (typeof methods[row].episodesTo?.episodes === 'number' ? `<${at(row)}/episodesTo/episodes>` : NONE),
          },
        ]),
  ];
}

/** The mean outcome of a call before the first change and after changes, if the task changes. */
function recoveryColumns(methods: MethodTable, at: (row: string) => string): Column[] {
  if (!Object.values(methods).some(({ recovery }) => recovery)) return [];
  const cell = (part: string) => (row: string) =>
    methods[row].recovery ? interval(`${at(row)}/recovery/${part}/overall`, 'mean', 'low', 'high', 3) : NONE;
  return (['first', 'later'] as const).map(part => ({ head: part, cell: cell(part) }));
}

/** CAD compared with every other method, if the results contain the comparison. */
function versusTable(facts: Facts, rows: Rows): Written | undefined {
  const { name, methods, of, title, label } = rows;
  const versus = facts.runs ? undefined : facts.results.versus?.[name];
  if (!versus) return undefined;
  const names = rankedOthers(versus, methods);
  const at = (row: string) => `results/versus/${name}/others/${row}`;
  const own = raw`\texttt{${versus.method}}`;
  const measures = measuresOf(versus.others[names[0]].measures, methods[names[0]].byEpisode.mean.length);
  const columns = measures.flatMap((measure): Column[] => {
    const path = (row: string) => `${at(row)}/measures/${measure}`;
    const verdict = (row: string) => measureVerdict(measure, versus.others[row].measures[measure]!);
    return [
      { head: measure, cell: row => interval(`${path(row)}/difference`, 'value', 'low', 'high', measure === 'regret' ? 2 : 3) },
      { head: '', cell: row => VERDICT_MARKS[verdict(row)] },
    ];
  });
  const decisive = versus.others[names[0]].measure;
  return table(facts, {
    label: `versus${label}`,
    caption: [
      raw`Comparisons of ${title}: score of ${own} minus that of each method, ${citedWords(rows).difference}, paired by task, training seed and stream, with intervals; ${own} is better (${VERDICT_MARKS.better}), worse (${VERDICT_MARKS.worse}), or not distinguishable (no mark) if the interval contains zero.`,
      raw`$P$ is the probability that a stream of ${own} does better on the same task~\cite{agarwal2021}, by the ${decisive} score${decisive === 'regret' ? ' (lower is better)' : ''}. Intervals are not corrected for multiple comparisons.`,
    ],
    first: 'method',
    columns: [...columns, { head: '$P$', cell: row => interval(`${at(row)}/measures/${decisive}/improvement`, 'value', 'low', 'high', 2) }],
    rows: names.map(row => ({ key: row, name: of(row).called })),
  });
}

const VERDICT_MARKS: Readonly<Record<Verdict, string>> = { better: '$+$', worse: '$-$', 'not distinguishable': '' };

const worst = ({ perTask }: MethodResult): number =>
  perTask.reduce((least, { mean: value }, i) => (value < perTask[least].mean ? i : least), 0);

function regretColumns(methods: MethodTable, at: (row: string) => string): Column[] {
  const like = Object.values(methods).find(({ regret }) => regret)?.regret;
  if (!like) return [];
  const cell = (part: string) => (row: string) =>
    methods[row].regret ? interval(`${at(row)}/regret${part}`, 'mean', 'low', 'high', 1) : NONE;
  return [{ head: 'regret', cell: cell('') }, ...like.parts.map(({ name }, p) => ({ head: name, cell: cell(`/parts/${p}`) }))];
}

/** Costs of every method: parameters, training steps, and costs per action. */
function costTable(facts: Facts, { methods, of, title }: Rows): Written {
  const names = ranked(methods).filter(row => methods[row].flopsPerAction > 0);
  const from = (row: string, key: keyof MethodCost, format = '') => (methods[row][key] ? `<${of(row).path}/${key}${format}>` : NONE);
  const all: Column[] = [
    { head: 'parameters', cell: row => parametersOf(of(row)) },
    {
      head: 'training steps',
      cell: row => (methods[row].budget ?? []).map((_, i) => `<${of(row).path}/budget/${i}/steps>`).join(' + ') || NONE,
    },
    { head: 'MFLOPs', cell: row => from(row, 'flopsPerAction', ':M') },
    { head: 'tokens', cell: row => seenTokens(of(row)) },
    { head: 'bits of $Z$', cell: row => from(row, 'bitsPerContext') },
    { head: 'state', cell: row => from(row, 'stateBytes', ':Ki') },
    { head: 'history', cell: row => from(row, 'historyBytes', ':Ki') },
    { head: 'ms', cell: row => timed(of(row), 'action/median', ({ action }) => action?.median, 2) },
    { head: 'training', cell: row => timed(of(row), 'training', ({ training }) => training, 1) },
  ];
  return table(facts, {
    label: 'costs',
    caption: [
      raw`Costs of ${title}: parameters, training steps by stage, millions of floating-point operations per action (MFLOPs), latents or tokens of the past that the policy sees, bits of the latents, KiB of input to the policy (state), and KiB of raw history stored in addition.`,
      Boolean(facts.results.run.times) &&
        'Wall time on the machine of the run: milliseconds per action (median without the first action of a segment, plus the mean share of the compressions) and seconds of training.',
    ],
    first: 'method',
    columns: all.filter(({ cell }) => names.some(row => cell(row) !== NONE)),
    rows: names.map(row => ({ key: row, name: of(row).called })),
  });
}

/** Latents or tokens of the past that reach the policy. */
function seenTokens({ method, base, facts: { setting } }: Place): string {
  if (/^(cad|reinforced)\b/.test(method)) return `<${base}setting/latents/count>`;
  if (method === 'teacher') return `<${base}setting/context/tokens>`;
  // Old results do not record it for baselines.
  return setting.baselines?.tokens[method] ? `<${base}setting/baselines/tokens/${method}>` : NONE;
}

function timed({ base, method, facts }: Place, key: string, value: (times: MethodTimes) => number | undefined, digits: number): string {
  const { name, run } = facts.results;
  const times = run.times?.[name]?.[method];
  return times && value(times) !== undefined ? `<${base}results/run/times/${name}/${method}/${key}:${digits}>` : NONE;
}

/** Parameters of both networks for the agent and its later versions; of the whole model for other methods. */
function parametersOf({ method, base, facts: { setting } }: Place): string {
  if (Object.hasOwn(setting.parameters, method)) return `<${base}setting/parameters/${method}>`;
  return /^(cad|reinforced)\b/.test(method) ? `<${base}setting/parameters/compressor> + <${base}setting/parameters/policy>` : NONE;
}

function returnErrors(facts: Facts, name: string): Written {
  const returns = facts.results.returns![name];
  const path = `results/returns/${name}/predictors`;
  const words = citedWords(rowSets(facts).find(rows => rows.name === name)!);
  const column = (head: string): Column => ({ head, cell: row => interval(`${path}/${row}/${head}`, 'mean', 'low', 'high', 3) });
  return table(facts, {
    label: `returns:${name}`,
    caption: [
      raw`Errors of predicted returns of \texttt{<results/returns/${name}:name>}, divided by ${words.unit}: mean absolute and mean squared error with intervals.`,
    ],
    first: 'predictor',
    columns: [column('absolute'), column('squared')],
    rows: returnTable(returns, words).names.map(row => ({ key: row, name: `<${path}/${row}:name>` })),
  });
}

function imitationScores(facts: Facts, name: string): Written {
  const path = `results/imitation/${name}/methods`;
  const cell = (key: keyof Measures<unknown>) => (row: string) => interval(`${path}/${row}/${key}`, 'value', 'low', 'high', 3);
  return table(facts, {
    label: `imitation:${name}`,
    caption: [
      raw`Imitation of the source, of <results/imitation/${name}:name>: fraction of steps where the most likely action is one of the source's most likely actions, divergence from its distribution in nats, and expected calibration error, with intervals.`,
    ],
    first: 'model',
    columns: [
      { head: 'accuracy', cell: cell('accuracy') },
      { head: 'divergence', cell: cell('excess') },
      { head: 'calibration error', cell: cell('calibrationError') },
    ],
    rows: imitationTable(facts.results.imitation![name]).names.map(row => ({ key: row, name: `<${path}/${row}:name>` })),
  });
}

function taskTable(facts: Facts, rows: Rows): Written {
  const { methods, of, title, label } = rows;
  const names = ranked(methods);
  const first = of(names[0]).path;
  const position = new Map(names.map(row => [row, new Map(methods[row].perTask.map(({ task }, i) => [task, i]))]));
  const { perTask } = methods[names[0]];
  const raws = showsReturns(methods[names[0]]);
  const ends = raws ? { zero: 'low', one: 'high' } : hasReturns(methods) ? {} : { oracle: 'oracle' };
  const scales = Object.entries(ends).map(
    ([head, end]): Column => ({ head, cell: task => `<${first}/perTask/${position.get(names[0])!.get(task)}/${end}:2>` }),
  );
  const columns: Column[] = names.map(row => ({
    // Headers of many columns are upright.
    head: raw`\rotatebox{${names.length > 8 ? 90 : 60}}{${of(row).called}}`,
    cell: task => {
      const at = position.get(row)!.get(task);
      if (at === undefined) return NONE;
      const entry = `${of(row).path}/perTask/${at}`;
      return `<${entry}/mean:2>${raws ? ` (<${entry}/return:2>)` : ''}`;
    },
  }));
  return table(facts, {
    label: `tasks${label}`,
    long: true,
    caption: [
      raws &&
        raw`Tasks of ${title}: the raw returns that score zero and one, and the final mean of each method, ${citedWords(rows).scale}, with the mean raw return in parentheses.`,
      !raws && hasReturns(methods) && raw`Tasks of ${title}: the final mean of each method, ${citedWords(rows).scale}.`,
      !hasReturns(methods) && raw`Tasks of ${title}: the return of the oracle, and the final mean of each method as a fraction of it.`,
    ],
    first: 'task',
    columns: [...scales, ...columns],
    rows: perTask.map(({ task }, i) => ({ key: task, name: `<${first}/perTask/${i}/task:task>` })),
  });
}

interface TableParts {
  readonly label: string;
  readonly caption: readonly (string | false)[];
  /** Header of the first column. */
  readonly first: string;
  readonly columns: readonly Column[];
  readonly rows: readonly { readonly key: string; readonly name: string }[];
  /** Whether it may break between pages. */
  readonly long?: boolean;
}

/** Characters that fit in a line of \footnotesize, with two for every gap. */
const LINE = 100;

/** The text of a line without its LaTeX. */
const shown = ({ text }: Written): string =>
  text.replace(/\\(?:num|texttt)\{([^}]*)\}/g, '$1').replace(/\\rotatebox\{.*?\}\{.*?\}|[{}\\]/g, '');

function table(facts: Facts, { label, caption, first, columns, rows, long = false }: TableParts): Written {
  const line = (cells: readonly string[]) => write(facts, raw`${cells.join(' & ')} \\`);
  const heads = line([first, ...columns.map(({ head }) => head)])!;
  const body = rows.map(({ key, name }) => line([name, ...columns.map(({ cell }) => cell(key))]));
  const cells = [heads, ...body].flatMap(each => (each ? [shown(each).split(' & ')] : []));
  const widest = cells[0].reduce((sum, _, c) => sum + 2 + Math.max(...cells.map(line => line[c].length)), -2);
  const size = widest > LINE ? raw`\scriptsize\setlength{\tabcolsep}{3pt}` : raw`\footnotesize\setlength{\tabcolsep}{4pt}`;
  const preamble = `{@{}l${'r'.repeat(columns.length)}@{}}`;
  const title = join([raw`\caption{`, paragraph(facts, caption), raw`}\label{tab:${label}}`], '')!;
  const before = long
    ? [
        raw`\begingroup${size}\setlength{\LTcapwidth}{\linewidth}`,
        raw`\begin{longtable}${preamble}`,
        join([title, raw` \\`], ''),
        raw`\toprule`,
        heads,
        raw`\midrule`,
        raw`\endfirsthead`,
        raw`\toprule`,
        heads,
        raw`\midrule`,
        raw`\endhead`,
      ]
    : [raw`\begin{table}[htbp]`, raw`\centering${size}`, title, raw`\begin{tabular}${preamble}`, raw`\toprule`, heads, raw`\midrule`];
  const after = long ? [raw`\end{longtable}`, raw`\endgroup`] : [raw`\end{tabular}`, raw`\end{table}`];
  return join([...before, ...body, raw`\bottomrule`, ...after], '\n')!;
}

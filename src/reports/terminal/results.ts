/** @file Results on a terminal: learning curves in braille, the results table and, on request, further tables. Returns text. */

import Table from 'cli-table3';
import pc from 'picocolors';
import {
  type MethodTable,
  type RateReturn,
  type ReferenceWords,
  type Results,
  referenceIn,
  type TaskScore,
  wordsFor,
  wordsOf,
} from '../../records/index.ts';
import { wantsColor } from '../../util/color.ts';
import { terminalWidth, wrap } from '../../util/text.ts';
import { type MethodStyle, methodStyles, ranked, type Styles, spread, stylesOf } from '../figures/style.ts';
import type { ReportTable } from '../tables/format.ts';
import { givenNotes, noIntervalNote, plainReturn, rateTable, resultTable, returnTable, score, showsReturns } from '../tables/format.ts';
import { imitationTable } from '../tables/imitation.ts';
import { budgetNotes, integrityNote, refusals } from '../tables/integrity.ts';
import { versusTable } from '../tables/versus.ts';

/** How results are printed. */
export interface TerminalOptions {
  /** Maximum line length in columns, at least 40. Default: width of the terminal. */
  width?: number;
  /** Whether to use color. Default: depends on the terminal and NO_COLOR. Without color, curves are drawn with letters. */
  color?: boolean;
  /** Styles by method name, shared by all parts of a report. */
  styles?: Styles;
}

export const NAME_WIDTH = 18;
export const GAP = 2;
const HEAD_WIDTH = 11;
/** Height of the plot in lines. */
const HEIGHT = 16;
/** Maximum number of rows in the table by task. */
const MOST_TASKS = 24;
/** Maximum number of curves in a plot. The table has all methods. */
const MOST_CURVES = 6;

const clip = (text: string, width: number) => (text.length > width ? `${text.slice(0, width - 1)}…` : text);

/** The learning curves and the main table of a run, ready to print. */
export function formatMain(results: Results, given: TerminalOptions = {}): string {
  const { width = terminalWidth() } = given;
  const options = { styles: stylesOf(results), ...given, width };
  const { name, methods, run } = results;
  const refused = refusedNotes(results, name, width);
  const shown =
    refused.length > 0 ? refused : [formatCurves(methods, options), fittingTable(resultTable(methods, run.times?.[name]), options).text];
  return `${[titleOf(name, methods, width), ...shown].join('\n\n')}\n`;
}

const titleOf = (name: string, methods: MethodTable, width: number) =>
  wrap(`${name}: ${wordsOf(methods).scored}, by ${wordsOf(methods).place}`, width);

/** Why a table must not be shown. Empty if it may be shown. */
const refusedNotes = (results: Results, name: string, width: number) =>
  refusals(results, name).map(reason => wrap(`Not shown: ${reason} The numbers are in results.json.`, width));

/** Everything about a run, ready to print. */
export function formatResults(results: Results, given: TerminalOptions = {}): string {
  const { width = terminalWidth() } = given;
  const options = { styles: stylesOf(results), ...given, width };
  const { episodes, streams, seeds, sampling } = results;
  const tables = [[results.name, results.methods] as const, ...Object.entries(results.tables ?? {})];
  const titled = <T>(name: string, table: ReportTable<T>) => [wrap(`${name}: ${table.title}`, width), notedTable(table, options)];
  const sections = tables.flatMap(([name, methods]) => [
    titleOf(name, methods, width),
    ...formatRows(results, name, methods, options),
    ...(results.returns?.[name] ? titled(name, returnTable(results.returns[name], wordsOf(methods))) : []),
    ...(results.imitation?.[name] ? titled(name, imitationTable(results.imitation[name])) : []),
  ]);
  if (results.rate && refusals(results, results.name).length === 0)
    sections.push(...formatRate(results.name, results.rate, wordsOf(results.methods), options));
  const setting =
    `${episodes} ${wordsOf(results.methods)[episodes === 1 ? 'period' : 'periods']}, ${seeds} × ${streams} streams (training seeds × streams per seed), actions ${sampling === 'greedy' ? 'greedy' : 'sampled'}; ` +
    `${results.intervalNote} ${noIntervalNote(sections.join())}`.trim();
  return `${[...sections, wrap(setting, width)].join('\n\n')}\n`;
}

/** Curves, table and notes of one results table, or the reasons why it must not be shown. */
function formatRows(results: Results, name: string, methods: MethodTable, options: TerminalOptions & { width: number }): string[] {
  const { width } = options;
  const refused = refusedNotes(results, name, width);
  if (refused.length > 0) return refused;
  const versus = results.versus?.[name] && versusTable(results.versus[name], methods);
  const notes = [wordsOf(methods).meaning, ...givenNotes(methods), ...budgetNotes(methods), integrityNote(results, name)].filter(Boolean);
  return [
    formatCurves(methods, options),
    fittingTable(resultTable(methods, results.run.times?.[name]), options).text,
    ...notes.map(note => wrap(note, width)),
    ...(versus ? [versus.title, notedTable(versus, options)] : []),
    formatTasks(methods, options),
  ];
}

/** Learning curves (means), each labeled where it ends. */
export function formatCurves(methods: MethodTable, options: TerminalOptions = {}): string {
  const { width = 80, color = wantsColor(), styles = methodStyles(Object.keys(methods)) } = options;
  const paint = painter(color);
  const all = ranked(methods);
  const names = chosenCurves(all, styles);
  const letters = initials(names);
  const title = (name: string) => (color ? name : `${letters.get(name)} ${name}`);
  const labelWidth = Math.min(NAME_WIDTH, Math.max(...names.map(name => title(name).length)));
  const columns = Math.max(8, width - 7 - 2 - labelWidth);
  const values = names.flatMap(name => methods[name].byEpisode.mean);
  const reference = referenceIn(methods);
  const normalized = reference.kind !== 'raw';
  const [low, high] = [Math.min(0, ...values), Math.max(normalized ? 1.05 : 1e-9, ...values)];
  const rowOf = (value: number) => (HEIGHT * 4 - 1) * (1 - (value - low) / (high - low));

  // Each cell has its braille dots and the last drawn method. The best methods are drawn last, and the emphasized one on top.
  const cells = Array.from({ length: HEIGHT }, () => Array.from({ length: columns }, () => ({ dots: 0, name: '' })));
  const drawingOrder = [...names].reverse().sort((a, b) => Number(styles.get(a)!.emphasized) - Number(styles.get(b)!.emphasized));
  for (const name of drawingOrder) {
    const means = methods[name].byEpisode.mean;
    for (let x = 0; x < columns * 2; x++) {
      const at = (x / (columns * 2 - 1)) * (means.length - 1);
      const next = ((x + 1) / (columns * 2 - 1)) * (means.length - 1);
      const [from, to] = [rowOf(valueAt(means, at)), rowOf(valueAt(means, Math.min(next, means.length - 1)))].map(Math.round);
      for (let y = Math.min(from, to); y <= Math.max(from, to); y++) {
        const cell = cells[y >> 2][x >> 1];
        if (cell.name !== name) Object.assign(cell, { dots: 0, name });
        cell.dots |= BRAILLE[y & 3][x & 1];
      }
    }
  }

  const levelRow = normalized ? Math.round(rowOf(1)) >> 2 : -1;
  const ends = spread(
    names.map(name => Math.round(rowOf(methods[name].byEpisode.mean.at(-1)!)) >> 2),
    1,
    0,
    Math.max(HEIGHT, names.length) - 1,
  ).map(Math.round);
  const decimals = high < 10 ? 2 : high < 100 ? 1 : 0;
  const ticks = new Map(
    [0, 0.25, 0.5, 0.75, 1]
      .map(share => (normalized ? share : share * high))
      .map(tick => [Math.round(rowOf(tick)) >> 2, tick.toFixed(decimals)]),
  );
  const lines = Array.from({ length: Math.max(HEIGHT, ...ends.map(end => end + 1)) }, (_, row) => {
    const drawn = cells[row] ?? Array.from({ length: columns }, () => ({ dots: 0, name: '' }));
    const curve = drawn.map(({ dots, name }) => {
      if (!name) return row === levelRow ? paint('gray', '┈') : ' ';
      const style = styles.get(name)!;
      return paint(style.terminal, color ? String.fromCharCode(0x2800 + dots) : letters.get(name)!);
    });
    const labeled = names[ends.indexOf(row)];
    const axis = `${(ticks.get(row) ?? '').padStart(4)} ${ticks.has(row) ? '┤' : '│'}`;
    return `${axis}${curve.join('')}${labeled ? ` ${paint(styles.get(labeled)!.terminal, clip(title(labeled), labelWidth))}` : ''}`.trimEnd();
  });
  const left = all.length - names.length;
  const more =
    left > 0 ? [wrap(`${left} more ${left === 1 ? 'method is' : 'methods are'} in the table below and in results.html.`, width)] : [];
  return [...lines, ...curveAxis(methods[names[0]].byEpisode.mean.length, columns, wordsFor(reference)), ...more].join('\n');
}

/** The methods to plot if there are many: CAD, the source, random and the best of the others, best first. */
function chosenCurves(ranked: readonly string[], styles: Styles): string[] {
  if (ranked.length <= MOST_CURVES + 1) return [...ranked];
  const marked = ranked.filter(name => styles.get(name)!.emphasized || ['source', 'random'].includes(name));
  const others = ranked.filter(name => !marked.includes(name)).slice(0, MOST_CURVES - marked.length);
  return ranked.filter(name => marked.includes(name) || others.includes(name));
}

/**
 * A unique letter for each name, for plots without color: its initial, else an initial of a later part, a capital, or any of its letters.
 * Names with values of a sweep, such as `cad 0.5`, get the next free letter from a, in the order of the values.
 */
export function initials(names: readonly string[]): Map<string, string> {
  const letters = new Map<string, string>();
  const taken = new Set<string>();
  // Short names first: "random" is r before "random-projection".
  const isValue = (name: string) => /(^|\s)[\d.+-]/.test(name);
  const [values, words] = [names.filter(isValue), names.filter(name => !isValue(name))];
  words.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  values.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  for (const name of [...words, ...values]) {
    const parts = isValue(name) ? [] : name.split(/[^\p{L}\p{N}]+/u).map(part => part[0] ?? '');
    const own = [...parts, ...parts.map(part => part.toUpperCase()), ...(isValue(name) ? '' : name.replace(/[^\p{L}\p{N}]/gu, ''))];
    const letter = [...own, ...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'].find(each => each && !taken.has(each)) ?? '*';
    taken.add(letter);
    letters.set(name, letter);
  }
  return letters;
}

/** The results table with one row per method, best first. */
export const formatTable = (methods: MethodTable, options: TerminalOptions = {}): string =>
  fittingTable(resultTable(methods), options).text;

/** A table with its legend. */
export function notedTable<T>(table: ReportTable<T>, options: TerminalOptions): string {
  const { text, shown } = fittingTable(table, options);
  return `${text}\n\n${wrap(table.note(shown), options.width ?? 80)}`;
}

/** The rate–return table, and the smallest Z of every line. */
function formatRate(
  name: string,
  rate: RateReturn,
  words: ReferenceWords,
  { width, color = wantsColor() }: TerminalOptions & { width: number },
): string[] {
  const { title, heads, rows, notes } = rateTable(rate, words);
  return [wrap(`${name}: ${title}`, width), table(heads, rows, painter(color)), ...notes.map(note => wrap(note, width))];
}

/**
 * A table with one row per name, and the ids of the shown columns. Drops the least important columns until a row fits, then shortens names.
 */
export function fittingTable<T>(
  { head, names, entries, columns: all }: Omit<ReportTable<T>, 'title' | 'note'>,
  { width = 80, color = wantsColor(), styles = methodStyles(names) }: TerminalOptions,
): { text: string; shown: string[] } {
  const paint = painter(color);
  // Names of combinations are long and get up to a third of the line.
  const nameWidth = Math.max(NAME_WIDTH, Math.floor(width / 3));
  const legends = (width: number) => names.map(name => clip(name, width));
  let first = legends(nameWidth);
  let columns = all.map(column => ({ ...column, cells: names.map(name => column.cell(entries[name], name)) }));
  const widthOf = (cells: string[]) => Math.max(...cells.map(cell => cell.length));
  const rest = () => columns.reduce((sum, { title, cells }) => sum + GAP + widthOf([title, ...cells]), 0);
  const total = () => widthOf([head, ...first]) + rest();
  while (total() > width && columns.some(column => column.expendable)) {
    const worst = Math.max(...columns.map(column => column.expendable ?? 0));
    columns = columns.filter(column => column.expendable !== worst);
  }
  if (total() > width) first = legends(Math.max(1, width - rest()));
  const rows = names.map((name, i) => [paint(styles.get(name)!.terminal, first[i]), ...columns.map(({ cells }) => cells[i])]);
  return { text: table([head, ...columns.map(({ title }) => title)], rows, paint), shown: columns.map(({ id }) => id) };
}

/** Final mean score of every method (columns) on every task (rows), with the raw return if scores are not fractions of the oracle's. */
export function formatTasks(methods: MethodTable, options: TerminalOptions = {}): string {
  const names = ranked(methods);
  const { width = 80, color = wantsColor(), styles = methodStyles(names) } = options;
  const paint = painter(color);
  const tasks = methods[names[0]].perTask.map(({ task }) => task);
  const raws = showsReturns(methods[names[0]]);
  const taskWidth = Math.min(Math.max(4, ...tasks.map(task => task.length)), Math.floor(width / 2));
  const heads = new Map(names.map(name => [name, folded(name)]));
  const cellWidth = Math.max(...names.flatMap(name => methods[name].perTask.map(entry => taskCell(entry, raws).length)));
  const headWidth = Math.max(4, cellWidth, ...[...heads.values()].flat().map(line => line.length));
  const perBlock = Math.max(1, Math.floor((width - taskWidth) / (headWidth + GAP)));
  const blocks: string[] = [];
  for (let from = 0; from < names.length; from += perBlock) {
    const block = names.slice(from, from + perBlock);
    const byTask = block.map(name => new Map(methods[name].perTask.map(entry => [entry.task, taskCell(entry, raws)])));
    const rows = tasks.slice(0, MOST_TASKS).map(task => [clip(task, taskWidth), ...byTask.map(cells => cells.get(task) ?? '–')]);
    const titles = block.map(name =>
      heads
        .get(name)!
        .map(line => paint(styles.get(name)!.terminal, line))
        .join('\n'),
    );
    blocks.push(table(['task', ...titles], rows, paint));
  }
  if (tasks.length > MOST_TASKS) blocks.push(wrap(`… and ${tasks.length - MOST_TASKS} more tasks in results.html`, width));
  return blocks.join('\n\n');
}

/** `0.94`, or with a raw return `0.94 (12.3)`. */
const taskCell = ({ mean, return: earned }: TaskScore, raws: boolean): string =>
  `${score(mean)}${earned === undefined || !raws ? '' : ` (${plainReturn(earned)})`}`;

export type Paint = (color: MethodStyle['terminal'] | 'bold', text: string) => string;

export function painter(color: boolean): Paint {
  const colors = pc.createColors(color);
  return (name, text) => colors[name](text);
}

/** Braille bit of the dot at [row][column] of a cell (Unicode block U+2800). */
const BRAILLE = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
];

function valueAt(values: readonly number[], at: number): number {
  const below = Math.floor(at);
  return values[below] + (at - below) * ((values[below + 1] ?? values[below]) - values[below]);
}

/** A name as the head of a narrow column, in lines of at most `HEAD_WIDTH` characters. */
function folded(name: string): string[] {
  const lines = [''];
  for (const part of name.split(/(?<=[ -])/)) {
    if (lines[lines.length - 1] && lines[lines.length - 1].length + part.trimEnd().length > HEAD_WIDTH) lines.push('');
    lines[lines.length - 1] += part;
  }
  return lines.map(line => clip(line.trimEnd(), HEAD_WIDTH));
}

function curveAxis(episodes: number, columns: number, { period }: Pick<ReferenceWords, 'period'>): string[] {
  const line = Array<string>(columns).fill('─');
  const labels = Array<string>(columns).fill(' ');
  for (const episode of new Set([1, Math.round((1 + episodes) / 2), episodes])) {
    const at = episodes > 1 ? Math.round(((episode - 1) / (episodes - 1)) * (columns - 1)) : 0;
    const text = String(episode);
    line[at] = '┴';
    labels.splice(Math.min(at, columns - text.length), text.length, ...text);
  }
  return [`     └${line.join('')}`, `      ${labels.join('')}`, `      ${period}`].map(row => row.trimEnd());
}

const BORDERLESS = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid'].flatMap(edge => [edge, `${edge}-mid`, `${edge}-left`, `${edge}-right`]).map(edge => [edge, '']),
);

export function table(head: readonly string[], rows: readonly (readonly string[])[], paint: Paint): string {
  const view = new Table({
    head: head.map(title => paint('bold', title)),
    chars: { ...BORDERLESS, middle: ' '.repeat(GAP), 'mid-mid': '' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: head.map((_, i) => (i ? 'right' : 'left')),
  });
  view.push(...rows.map(row => [...row]));
  return view.toString();
}

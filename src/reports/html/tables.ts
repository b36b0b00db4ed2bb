/** @file Tables of a page. A table that is wider than the page is split: its most important columns are shown, the others are folded below it. */

import { type MethodTable, type Protocol, referenceIn, type TaskScore } from '../../records/index.ts';
import { methodStyles, type Styles } from '../figures/style.ts';
import { type Column, plainReturn, type ReportTable, scaleColumns, score, showsReturns, type TextTable } from '../tables/format.ts';
import { folded, html, type Markup, type Part, TABLE_WIDTH } from './page.ts';

/** Estimated pixels of a character, of the space around a cell, and of the line next to a method's name; the widest fonts are meant. */
const [CHARACTER, PADDING, SWATCH] = [7.8, 17, 30];
/** Characters after which the name of a row wraps. */
const LONGEST_NAME = 26;

const longest = (texts: readonly string[]): number => Math.max(0, ...texts.map(({ length }) => length));
const nameWidth = (names: readonly string[]): number => PADDING + SWATCH + CHARACTER * Math.min(longest(names), LONGEST_NAME);

/** Estimated pixels of a column: headers wrap between words, cells do not wrap. */
const widthOf = (header: string, cells: readonly string[]): number =>
  PADDING + CHARACTER * Math.max(1.15 * longest(header.split(/[\s-]/)), longest(cells));

/** Items in their order, cut into groups whose widths sum to at most `room`; each group has at least one. */
function chunks<T>(items: readonly T[], width: (item: T) => number, room: number): T[][] {
  const groups: T[][] = [];
  let left = 0;
  for (const item of items) {
    const own = width(item);
    if (groups.length === 0 || own > left) {
      groups.push([]);
      left = room;
    }
    groups[groups.length - 1].push(item);
    left -= own;
  }
  return groups;
}

/** The columns that the page has room for, the least important left out first, and the others in groups that fit. */
function split<T>({ head, names, entries, columns }: ReportTable<T>): { main: Column<T>[]; others: Column<T>[][] } {
  const width = (column: Column<T>) =>
    widthOf(
      headerOf(column),
      names.map(name => column.cell(entries[name], name)),
    );
  const room = TABLE_WIDTH - nameWidth([head, ...names]);
  let main = [...columns];
  while (main.reduce((sum, column) => sum + width(column), 0) > room && main.some(({ expendable }) => expendable)) {
    const worst = Math.max(...main.map(({ expendable }) => expendable ?? 0));
    main = main.filter(({ expendable }) => expendable !== worst);
  }
  const [first, ...rest] = chunks(main, width, room);
  const left = columns.filter(column => !main.includes(column));
  return { main: first, others: [...rest, ...chunks(left, width, room)] };
}

const headerOf = <T>({ title, header = title }: Column<T>): string => header;

const boxed = (table: Part): Markup => html`<div class="scroll" tabindex="0">${table}</div>`;

/** A table of texts, cut into several where the page has no room for its columns. */
export function dataTable({ heads: [first, ...heads], rows }: TextTable): Markup[] {
  const room = TABLE_WIDTH - nameWidth([first, ...rows.map(([name]) => name)]);
  const columns = heads.map((head, c) => ({ head, cells: rows.map(row => row[c + 1]) }));
  return chunks(columns, ({ head, cells }) => widthOf(head, cells), room).map(group =>
    boxed(html`<table>
<thead><tr>${[first, ...group.map(({ head }) => head)].map(head => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>
${rows.map(([name], r) => html`<tr><th scope="row">${name}</th>${group.map(({ cells }) => html`<td>${cells[r]}</td>`)}</tr>\n`)}</tbody>
</table>`),
  );
}

/**
 * A table, and folded below it the columns that the page has no room for, what each column is (for where tooltips do not show: on phones and in
 * print), what the `rows` are, and `more`.
 */
export function legendTable<T>(
  table: ReportTable<T>,
  styles?: Styles,
  more: readonly string[] = [],
  rows: readonly (readonly [string, string])[] = [],
): Markup {
  const { main, others } = split(table);
  const summary = others.length > 0 ? 'More columns, and how to read them' : 'How to read this table';
  const meanings = html`<dl>${[...main, ...others.flat()].map(column => html`<dt>${headerOf(column)}</dt><dd>${column.meaning}</dd>\n`)}</dl>
${rows.length > 0 ? html`<dl class="rows">${rows.map(([name, meaning]) => html`<dt>${name}</dt><dd>${meaning}</dd>\n`)}</dl>` : ''}
${more.filter(Boolean).map(note => html`<p class="note">${note}</p>\n`)}`;
  const tables = others.map(columns => html`${boxed(rowsTable({ ...table, columns }, styles))}\n`);
  return html`${boxed(rowsTable({ ...table, columns: main }, styles))}
${folded(summary, [...tables, meanings], 'more legend')}`;
}

/** A table without explanations, in as many pieces as the page has room for. */
export function plainTable<T>(table: ReportTable<T>, styles?: Styles): Markup[] {
  const { main, others } = split(table);
  return [main, ...others].map(columns => html`${boxed(rowsTable({ ...table, columns }, styles))}\n`);
}

const rowsTable = <T>(
  { head, names, entries, columns }: ReportTable<T>,
  styles = methodStyles(names),
): Markup => html`<table style="--name:${Math.round(nameWidth(names))}px">
<thead><tr><th scope="col">${head}</th>${columns.map(column => html`<th scope="col" data-column="${column.id}" title="${column.meaning}">${headerOf(column)}</th>`)}</tr></thead>
<tbody>
${names.map(
  name =>
    html`<tr><th scope="row">${swatch(name, styles)}</th>${columns.map(column => html`<td>${column.cell(entries[name], name)}</td>`)}</tr>\n`,
)}</tbody>
</table>`;

/** Scores of methods on every task, darker cells for higher scores; cut into several tables where there are many methods. */
export function taskTables(methods: MethodTable, names: readonly string[], styles: Styles, side?: Protocol['side']): Markup[] {
  const byTask = new Map(names.map(name => [name, new Map(methods[name].perTask.map(entry => [entry.task, entry]))]));
  const scales = scaleColumns(methods);
  const tasks = methods[names[0]].perTask;
  const raws = showsReturns(methods[names[0]]);
  // Scores that are not normalized are shaded by the largest one.
  const full = referenceIn(methods).kind === 'raw' ? Math.max(...names.flatMap(name => methods[name].perTask.map(({ mean }) => mean))) : 1;
  const cell = (entry: TaskScore | undefined) => {
    if (entry === undefined) return html`<td>–</td>`;
    const { mean: value, return: earned } = entry;
    const share = Math.min(1, Math.max(0, value / full));
    return html`<td class="${share > 0.84 ? 'heat full' : 'heat'}" style="--share:${share.toFixed(3)}">${score(value)}${earned === undefined || !raws ? '' : html` <small>${plainReturn(earned)}</small>`}</td>`;
  };
  const cellText = (entry?: TaskScore) => (entry?.return === undefined || !raws ? '0.00' : `0.00 ${plainReturn(entry.return)}`);
  const width = (name: string) =>
    Math.max(
      78,
      widthOf(
        name,
        methods[name].perTask.map(entry => cellText(entry)),
      ),
    );
  const scaleWidths = scales.map(column =>
    widthOf(
      headerOf(column),
      tasks.map(entry => column.cell(entry, '')),
    ),
  );
  const room = TABLE_WIDTH - nameWidth(tasks.map(({ task }) => task)) - scaleWidths.reduce((a, b) => a + b, 0);
  return chunks(names, width, room).map(group =>
    boxed(html`<table class="tasks"${side && html` data-side="${side}"`}>
<thead><tr><th scope="col">task</th>${scales.map(column => html`<th scope="col" data-column="${column.id}" title="${column.meaning}">${headerOf(column)}</th>`)}${group.map(
      name => html`<th scope="col">${swatch(name, styles)}</th>`,
    )}</tr></thead>
<tbody>
${tasks.map(
  entry =>
    html`<tr><th scope="row" title="${entry.task}">${entry.task}</th>${scales.map(column => html`<td>${column.cell(entry, '')}</td>`)}${group.map(name => cell(byTask.get(name)!.get(entry.task)))}</tr>\n`,
)}</tbody>
</table>`),
  );
}

/** A method's name next to a piece of its line. */
export function swatch(name: string, styles: Styles): Markup {
  const { color, dash, emphasized } = styles.get(name) ?? methodStyles([name]).get(name)!;
  return html`<span class="${emphasized ? 'method own' : 'method'}"><svg class="line" width="22" height="8" viewBox="0 0 22 8" aria-hidden="true"><path d="M0 4H22" stroke="${color}" stroke-width="${emphasized ? 4 : 2.5}" stroke-dasharray="${dash}"/></svg>${name}</span>`;
}

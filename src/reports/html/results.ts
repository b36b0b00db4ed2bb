/** @file The report as one HTML file: no scripts, nothing loaded, legible on a phone, in the dark and in print. */

import { stringify } from 'yaml';
import type {
  MethodTable,
  MethodTimes,
  Protocol,
  RateReturn,
  ReferenceWords,
  Results,
  RunRecord,
  TaskScore,
  Versus,
} from '../../records/index.ts';
import { finalEpisodes, wordsOf } from '../../records/index.ts';
import type { ImitationScore } from '../../statistics/index.ts';
import { printable } from '../../util/text.ts';
import { drawnOf } from '../figures/draw.ts';
import type { Figure, FigureOptions, FigureSubjects } from '../figures/figure.ts';
import { figuresOf, pipelineFigure, rateReturn } from '../figures/index.ts';
import { panelsNote } from '../figures/small-multiples.ts';
import { methodStyles, type Styles, stylesOf } from '../figures/style.ts';
import { rowInQuestion } from '../summary.ts';
import type { ReportTable, TextTable } from '../tables/format.ts';
import {
  duration,
  givenNotes,
  iqmInterval,
  meanInterval,
  meanScoreInterval,
  noIntervalNote,
  plainReturn,
  rateTable,
  resultTable,
  returnInterval,
  returnTable,
  scaleColumns,
  score,
} from '../tables/format.ts';
import { imitationTable, reliabilityColumns } from '../tables/imitation.ts';
import { budgetNotes, integrityNote, refusals } from '../tables/integrity.ts';
import { timeTable } from '../tables/times.ts';
import { versusTable } from '../tables/versus.ts';

/** Text that is markup already. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Part = Markup | string | number | undefined | readonly Part[];

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function render(part: Part = ''): string {
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(render).join('');
  return printable(String(part)).replace(/[&<>"']/g, character => ENTITIES[character]);
}

/** Builds markup; whatever is put in is escaped unless it is markup. */
export const html = (strings: TemplateStringsArray, ...parts: Part[]): Markup =>
  new Markup(strings.reduce((text, string, i) => text + render(parts[i - 1]) + string));

/** A whole HTML document around what its body holds. */
export const page = (name: string, body: Markup): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${name} · cadenza</title>
<style>${new Markup(CSS)}</style>
</head>
<body>
${body}</body>
</html>
`.text;

/** The report of a run as a whole HTML document. */
export function htmlReport(results: Results): string {
  const { name, episodes, streams, seeds, sampling } = results;
  const styles = stylesOf(results);
  const own = rowInQuestion(results, styles);
  const { final, regret, return: earned } = results.methods[own];
  const words = wordsOf(results.methods);
  const over = finalEpisodes(episodes);
  const comparable = refusals(results, name).length === 0;
  const headline = html` Over ${over} <strong>${own}</strong> reaches ${meanScoreInterval(final)} on average; IQM
${iqmInterval(final)}.${earned ? ` Its mean return is ${returnInterval(earned)}.` : ''}${regret ? ` Its cumulative regret is ${meanInterval(regret)} in units of reward.` : ''}`;
  const tables = [
    tableSection(results, name, styles, 'Results'),
    ...Object.keys(results.tables ?? {}).map(title => tableSection(results, title, styles)),
  ];
  return page(
    name,
    html`<header>
<h1>${name}</h1>
<p>Return in context, ${words.scale}.${comparable && !results.rate ? headline : ''}</p>
</header>
<main>
${results.rate && comparable ? rateSection(results, results.rate, words, styles) : ''}
${tables}
${Object.entries(results.returns ?? {}).map(([title, returns]) => furtherSection(title, returnTable(returns, wordsOf(methodsOf(results, title))), styles))}
${Object.entries(results.imitation ?? {}).map(([title, imitation]) => {
  const table = imitationTable(imitation);
  return furtherSection(title, table, styles, reliability(table, styles));
})}
${figuresOf('results')
  .filter(each => each !== rateReturn && (comparable || each === pipelineFigure))
  .map(each => figureSection(each, results, styles))}
${lastSections(
  html`<p>${results.intervalNote} ${noIntervalNote(tables.map(({ text }) => text).join())}</p>
<p>Every run lasts ${episodes} ${episodes === 1 ? 'episode' : 'episodes'} in context, on ${streams} streams for each of ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}; actions are
${sampling === 'greedy' ? 'the most likely ones' : 'drawn from the policy’s distribution'}. A run’s final score is its mean over ${over}. The interquartile mean (IQM) drops the lowest and the highest quarter of runs. The figure shows means, its bands are intervals of the
mean; brackets in the table are intervals of the number before them.${regret ? ' Cumulative regret is what the actions gave up in expectation against the best one at every scored step, summed over a run.' : ''}</p>`,
  results,
  styles,
)}
</main>
`,
  );
}

const methodsOf = ({ name, methods, tables }: Results, table: string): MethodTable => (table === name ? methods : tables![table]);

/** Figure, table and heat table of one set of methods, or the reasons why they may not be shown. */
function tableSection(results: Results, table: string, styles: Styles, title = table): Markup {
  const methods = methodsOf(results, table);
  const refused = refusals(results, table);
  if (refused.length > 0)
    return html`<section>
<h2>${title}</h2>
${refused.map(reason => html`<p>Not shown: ${reason} The numbers are in results.json.</p>\n`)}</section>`;
  const notes = [...givenNotes(methods), ...budgetNotes(methods), integrityNote(results, table)];
  const [side, times, versus] = [results.protocols?.[table]?.side, results.run.times?.[table], results.versus?.[table]];
  return methodsSection(title, methods, notes, { styles, side, times, versus });
}

/** Figure, table with notes, and heat table of methods that may stand side by side; `styles` are those of all names on the page, `side` says which tasks were played. */
export function methodsSection(
  title: string,
  methods: MethodTable,
  notes: readonly string[],
  {
    styles = methodStyles(Object.keys(methods)),
    side,
    times,
    versus,
  }: { styles?: Styles; side?: Protocol['side']; times?: Record<string, MethodTimes>; versus?: Versus } = {},
): Markup {
  const table = resultTable(methods, times);
  const { names } = table;
  const returns = methods[names[0]].return !== undefined;
  const against = versus && versusTable(versus, methods);
  const [curves, ...others] = figuresOf('methods');
  return html`<section>
<h2>${title}</h2>
${shown(curves, methods, styles)}
${legendTable(table, styles)}
${[table.note([]), ...notes].filter(Boolean).map(note => html`<p class="note">${note}</p>\n`)}${against && html`<h3>${against.title}</h3>\n${legendTable(against, styles)}\n${noteOf(against)}\n`}${others.map(each => underHeading(each, methods, styles))}<h3>By task</h3>
<p class="note">Mean over ${finalEpisodes(methods[names[0]].byEpisode.mean.length)} on each ${side ?? 'evaluated'} task, ${wordsOf(methods).scale}${returns ? ', with the mean raw return' : ''}; the darker, the higher.</p>
<div class="scroll" tabindex="0">${heatTable(methods, names, styles, side)}</div>
</section>`;
}

const noteOf = <T>({ note, columns }: ReportTable<T>): Markup => html`<p class="note">${note(columns.map(({ id }) => id))}</p>`;

/** A figure in two sizes, for wide and for narrow pages. */
export function figure(draw: (options: FigureOptions) => string, caption: string): Markup {
  const [wide, narrow] = [{}, { width: 360, height: 320 }].map(size => draw({ ground: 'inherit', ...size }));
  return html`<figure>
<div class="wide">${new Markup(wide)}</div>
<div class="narrow">${new Markup(narrow)}</div>
<figcaption>${caption}</figcaption>
</figure>`;
}

/** What a figure shows of its subject, with its caption; nothing where there is nothing to draw. An SVG of its own size is scrolled on narrow pages. */
export function shown<K extends keyof FigureSubjects>(each: Figure<K>, subject: FigureSubjects[K], styles: Styles): Markup | undefined {
  const drawn = drawnOf(each, subject);
  if (!drawn) return undefined;
  const caption = `${each.caption?.(subject) ?? ''}${panelsNote(drawn.drawing, styles)}`;
  if (typeof drawn.drawing !== 'string') return figure(options => drawn.svg({ styles, ...options }), caption);
  return html`<div class="scroll drawing">${new Markup(drawn.svg())}</div>${caption && html`\n<p class="note">${caption}</p>`}`;
}

/** The same below its title. */
export function underHeading<K extends keyof FigureSubjects>(each: Figure<K>, subject: FigureSubjects[K], styles: Styles): Part {
  const drawn = shown(each, subject, styles);
  return drawn && html`<h3>${each.title}</h3>\n${drawn}\n`;
}

/** The same as a section of the page. */
export function figureSection<K extends keyof FigureSubjects>(each: Figure<K>, subject: FigureSubjects[K], styles: Styles): Part {
  const drawn = shown(each, subject, styles);
  return (
    drawn &&
    html`<section>
<h2>${each.title}</h2>
${drawn}
</section>
`
  );
}

/** A table of something that models were also asked for, with what its title and note say, and more below it. */
const furtherSection = <T>(name: string, table: ReportTable<T>, styles: Styles, more?: Markup): Markup => html`<section>
<h2>${name}: ${table.title}</h2>
${noteOf(table)}
${legendTable(table, styles)}
${more}</section>`;

const reliability = (table: ReportTable<ImitationScore>, styles: Styles): Markup => html`<details><summary>Reliability</summary>
<p class="note">Steps by the probability of the likeliest action: how often the source takes it, of how often it was expected to, and the share of such steps.</p>
<div class="scroll" tabindex="0">${rowsTable({ ...table, columns: reliabilityColumns(table.entries[table.names[0]]) }, styles)}</div>
</details>
`;

function rateSection(results: Results, rate: RateReturn, words: ReferenceWords, styles: Styles): Markup {
  const table = rateTable(rate, words);
  return html`<section>
<h2>${table.title}</h2>
<figure><div class="scroll" tabindex="0">${new Markup(drawnOf(rateReturn, results)!.svg({ ground: 'inherit', styles }))}</div></figure>
${dataTable(table)}
${table.notes.map(note => html`<p class="note">${note}</p>\n`)}</section>`;
}

/** Who and what made the results, how long it took, and the hashes of what they were made from. */
/** The end of the page of a run: how its numbers were made, its split, and the run itself. */
export const lastSections = (
  how: Part,
  { split, run }: { readonly split: unknown; readonly run: RunRecord },
  styles?: Styles,
): Markup => html`<section>
<h2>How the numbers were made</h2>
${how}
</section>
<section>
<h2>Split</h2>
${yamlBlock(split)}
</section>
${runSection(run, styles)}`;

export const runSection = (run: RunRecord, styles?: Styles): Markup => html`<section>
<h2>Run</h2>
${facts({ command: run.command, version: run.version, commit: run.commit, node: run.node })}
${facts(typeof run.machine === 'string' ? { machine: run.machine } : run.machine)}
<h3>Time</h3>
${facts(Object.fromEntries(Object.entries(run.seconds).map(([stage, seconds]) => [stage, duration(seconds)])))}
${Object.entries(run.times ?? {}).map(([name, times]) => {
  const table = timeTable(times);
  return html`<h3>${table.title}: ${name}</h3>\n${legendTable(table, styles)}\n${noteOf(table)}\n`;
})}<h3>Data</h3>
${facts(run.dataHashes)}
${run.imported && yamlBlock({ imported: run.imported })}
<details><summary>Configuration</summary>${yamlBlock(run.config)}</details>
</section>`;

/** A table of texts in a box of its own. */
export const dataTable = ({ heads, rows }: TextTable): Markup => html`<div class="scroll" tabindex="0"><table>
<thead><tr>${heads.map(head => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>
${rows.map(([first, ...cells]) => html`<tr><th scope="row">${first}</th>${cells.map(cell => html`<td>${cell}</td>`)}</tr>\n`)}</tbody>
</table></div>`;

/** A table in a box of its own, and below it what its columns are, for where tooltips do not show: on phones and in print. */
export const legendTable = <T>(
  table: ReportTable<T>,
  styles?: Styles,
): Markup => html`<div class="scroll" tabindex="0">${rowsTable(table, styles)}</div>
<details class="legend"><summary>What the columns are</summary>
<dl>${table.columns.map(({ title, meaning }) => html`<dt>${title}</dt><dd>${meaning}</dd>\n`)}</dl>
</details>`;

const rowsTable = <T>({ head, names, entries, columns }: ReportTable<T>, styles = methodStyles(names)): Markup => html`<table>
<thead><tr><th scope="col">${head}</th>${columns.map(column => html`<th scope="col" data-column="${column.id}" title="${column.meaning}">${column.title}</th>`)}</tr></thead>
<tbody>
${names.map(
  name =>
    html`<tr><th scope="row">${swatch(name, styles)}</th>${columns.map(column => html`<td>${column.cell(entries[name], name)}</td>`)}</tr>\n`,
)}</tbody>
</table>`;

function heatTable(methods: MethodTable, names: readonly string[], styles: Styles, side?: Protocol['side']): Markup {
  const byTask = new Map(names.map(name => [name, new Map(methods[name].perTask.map(entry => [entry.task, entry]))]));
  const scales = scaleColumns(methods);
  const cell = (entry: TaskScore | undefined) => {
    if (entry === undefined) return html`<td>–</td>`;
    const { mean: value, return: earned } = entry;
    const share = Math.min(1, Math.max(0, value));
    return html`<td class="${share > 0.84 ? 'heat full' : 'heat'}" style="--share:${share.toFixed(3)}">${score(value)}${earned === undefined ? '' : html` <small>${plainReturn(earned)}</small>`}</td>`;
  };
  return html`<table class="tasks"${side && html` data-side="${side}"`}>
<thead><tr><th scope="col">task</th>${scales.map(({ id, title, meaning }) => html`<th scope="col" data-column="${id}" title="${meaning}">${title}</th>`)}${names.map(
    name => html`<th scope="col">${swatch(name, styles)}</th>`,
  )}</tr></thead>
<tbody>
${methods[names[0]].perTask.map(
  entry =>
    html`<tr><th scope="row" title="${entry.task}">${entry.task}</th>${scales.map(column => html`<td>${column.cell(entry, '')}</td>`)}${names.map(name => cell(byTask.get(name)!.get(entry.task)))}</tr>\n`,
)}</tbody>
</table>`;
}

/** A name behind a piece of its line. */
export function swatch(name: string, styles: Styles): Markup {
  const { color, dash, emphasized } = styles.get(name) ?? methodStyles([name]).get(name)!;
  return html`<span class="${emphasized ? 'method own' : 'method'}"><svg class="line" width="22" height="8" viewBox="0 0 22 8" aria-hidden="true"><path d="M0 4H22" stroke="${color}" stroke-width="${emphasized ? 4 : 2.5}" stroke-dasharray="${dash}"/></svg>${name}</span>`;
}

const facts = (entries: Readonly<Record<string, string | number>>): Markup =>
  html`<dl>${Object.entries(entries).map(([term, value]) => html`<dt>${term}</dt><dd>${value}</dd>`)}</dl>`;

export const yamlBlock = (value: unknown): Markup => html`<pre>${stringify(value, { lineWidth: 100, aliasDuplicateObjects: false })}</pre>`;

const CSS = `
:root { color-scheme: light dark; --ink: #1b1d21; --paper: #ffffff; --faint: #6a6f78; --rule: #d9dce1; --full: #ffffff; --shade: #00000038; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7e9ec; --paper: #15171b; --faint: #9aa1ab; --rule: #343840; --full: #e7e9ec; --shade: #ffffff48; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 80rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, 'DejaVu Sans', sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-bottom: .25rem; border-bottom: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p { margin: .5rem 0; max-width: 46rem; }
.note, figcaption { color: var(--faint); font-size: .875rem; }
figure { margin: 1rem 0; max-width: 60rem; }
figure svg { display: block; width: 100%; height: auto; }
.narrow { display: none; }
@media (max-width: 40rem) { .wide { display: none; } .narrow { display: block; } }
.scroll { overflow-x: auto; max-width: max-content; background: linear-gradient(to right, var(--paper) 30%, transparent) 0 0, linear-gradient(to left, var(--paper) 30%, transparent) 100% 0,
  linear-gradient(to right, var(--shade), transparent) 0 0, linear-gradient(to left, var(--shade), transparent) 100% 0; background-size: 3rem 100%, 3rem 100%, 1rem 100%, 1rem 100%;
  background-repeat: no-repeat; background-attachment: local, local, scroll, scroll; scrollbar-width: thin; }
.drawing svg { display: block; margin: 0 auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
thead th { vertical-align: bottom; font-weight: 600; }
tr > :first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
tbody th { font-weight: 400; }
.method .line { display: inline-block; margin-right: .45em; vertical-align: middle; }
.own { font-weight: 700; }
/* A task may be named by many numbers. */
.tasks tbody th { max-width: 16rem; overflow: hidden; text-overflow: ellipsis; }
.tasks thead th { white-space: normal; min-width: 4.5rem; }
.tasks .method .line { display: block; margin: 0 0 .25em auto; }
.tasks td, .tasks th { border: 1px solid var(--rule); }
.heat { background: rgb(0 90 143 / calc(var(--share) * .9)); }
.full { color: var(--full); }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .15rem 1rem; margin: .5rem 0; font-size: .875rem; }
dt { color: var(--faint); }
dd { margin: 0; font-family: ui-monospace, 'DejaVu Sans Mono', monospace; overflow-wrap: anywhere; min-width: 0; }
pre { overflow-x: auto; max-width: 60rem; padding: .75rem 1rem; border: 1px solid var(--rule); border-radius: .4rem; font-size: .8125rem; line-height: 1.45; }
summary { cursor: pointer; margin: 1rem 0 .5rem; }
.legend summary { margin: .25rem 0; color: var(--faint); font-size: .875rem; }
.legend dd { font-family: inherit; }
@media print { .legend::details-content { content-visibility: visible; height: auto; } .scroll { overflow: visible; } table { font-size: .6rem; } th, td { padding: .1rem .25rem; } }
`;

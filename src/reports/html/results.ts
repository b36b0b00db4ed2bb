/** @file The report of a run as one HTML file: it loads nothing, fits a phone, and is complete without its script and in print. */

import { stringify } from 'yaml';
import type { MethodTable, MethodTimes, Protocol, RateReturn, ReferenceWords, Results, RunRecord, Versus } from '../../records/index.ts';
import { finalEpisodes, KEPT, wordsOf } from '../../records/index.ts';
import type { ImitationScore } from '../../statistics/index.ts';
import { drawnOf } from '../figures/draw.ts';
import type { Figure, FigureOptions, FigureSubjects, Panels } from '../figures/figure.ts';
import { figuresOf, pipelineFigure, rateReturn } from '../figures/index.ts';
import { panelsNote } from '../figures/small-multiples.ts';
import { methodStyles, type Styles, stylesOf } from '../figures/style.ts';
import { mainMethod, summarize } from '../summary.ts';
import type { ReportTable } from '../tables/format.ts';
import {
  bits,
  capitalized,
  duration,
  givenNotes,
  noIntervalNote,
  rateTable,
  resultTable,
  returnTable,
  showsReturns,
} from '../tables/format.ts';
import { imitationTable, reliabilityColumns } from '../tables/imitation.ts';
import { budgetNotes, integrityNote, refusals } from '../tables/integrity.ts';
import { meaningsOf } from '../tables/methods.ts';
import { timeTable } from '../tables/times.ts';
import { versusTable } from '../tables/versus.ts';
import { folded, foldedSection, html, Markup, type Part, page } from './page.ts';
import { dataTable, legendTable, plainTable, taskTables } from './tables.ts';

/** The report of a run as a complete HTML document. */
export function htmlReport(results: Results): string {
  const { name, episodes, streams, seeds, sampling } = results;
  const styles = stylesOf(results);
  const comparable = refusals(results, name).length === 0;
  const words = wordsOf(results.methods);
  const tables = [
    tableSection(results, name, styles, 'Results'),
    ...Object.keys(results.tables ?? {}).map(title => tableSection(results, title, styles)),
  ];
  return page(
    name,
    html`<header>
<h1>${name}</h1>
${comparable ? headline(results, styles) : html`<p>${scoresBy(words)}.</p>`}
</header>
<main>
${results.rate && comparable ? rateSection(results, results.rate, words) : ''}
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
  html`<p>${count(streams, 'stream')} ${seeds === 1 ? 'with one training seed' : `for each of ${seeds} training seeds`}, ${episodes} ${episodes === 1 ? words.place : words.places} each. Actions are
${sampling === 'greedy' ? 'the most likely ones' : 'sampled from the policy'}. The final score of a stream is its mean over ${finalEpisodes(episodes, words)}.
The interquartile mean (IQM) drops the lowest and the highest quarter of the streams.${
    Object.values(results.methods).some(({ regret }) => regret)
      ? ' Cumulative regret is the expected reward of the best action minus that of the chosen action, summed over the scored steps.'
      : ''
  }</p>
<p>${results.intervalNote} ${noIntervalNote(tables.map(({ text }) => text).join())}</p>`,
  results,
  styles,
)}
</main>
`,
  );
}

/** `Return by in-context episode, as a fraction of the oracle's`. */
export const scoresBy = ({ quantity, place, scale }: ReferenceWords): string => `${capitalized(quantity)} by ${place}, ${scale}`;

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;

/** The main result in a sentence, and how it compares. */
function headline(results: Results, styles: Styles): Part {
  if (results.rate) return html`<p>${rateSentence(results.rate, wordsOf(results.methods))}</p>`;
  return sentences(mainMethod(results, styles), summarize(results));
}

/** Sentences that begin with the name of a method, one per paragraph, with the name emphasized. */
export const sentences = (name: string, texts: readonly string[]): Markup[] =>
  texts.map(text => html`<p><strong>${name}</strong>${text.slice(name.length)}</p>\n`);

/** `A Z of 2 Kibit (continuous) or 16 bit (codes) keeps 95% of the final return of teacher.` */
function rateSentence({ smallest, points, reference }: RateReturn, { noun }: ReferenceWords): string {
  const share = Math.min(...KEPT);
  const sizes = smallest.flatMap(({ method, group, ...point }) => {
    const found = point.share === share && point.by === 'mean' && points.find(each => each.group === group && each.method === method);
    return found ? [`${bits(found.bits)} (${group})`] : [];
  });
  const kept = `${100 * share}% of the final ${noun} of ${reference}`;
  return sizes.length > 0 ? `A Z of ${sizes.join(' or ')} keeps ${kept}.` : `No Z of this sweep keeps ${kept}.`;
}

const methodsOf = ({ name, methods, tables }: Results, table: string): MethodTable => (table === name ? methods : tables![table]);

/** Figures and tables of one set of methods, or the reasons why they may not be shown. */
function tableSection(results: Results, table: string, styles: Styles, title = table): Markup {
  const methods = methodsOf(results, table);
  const refused = refusals(results, table);
  if (refused.length > 0)
    return html`<section>
<h2>${title}</h2>
${refused.map(reason => html`<p>Not shown: ${reason} The numbers are in results.json.</p>\n`)}</section>`;
  const notes = [...budgetNotes(methods), integrityNote(results, table)];
  const [side, times, versus] = [results.protocols?.[table]?.side, results.run.times?.[table], results.versus?.[table]];
  return methodsSection(title, methods, notes, { styles, side, times, versus });
}

/**
 * Figure, table, comparison and scores by task of methods that may be compared. `styles` are those of all names on the page; `side` is the part of the
 * split that was evaluated; `notes` are folded below the table.
 */
export function methodsSection(
  title: string,
  methods: MethodTable,
  notes: readonly string[],
  {
    styles = methodStyles(Object.keys(methods)),
    panels,
    side,
    times,
    versus,
  }: { styles?: Styles; panels?: Panels; side?: Protocol['side']; times?: Record<string, MethodTimes>; versus?: Versus } = {},
): Markup {
  const table = resultTable(methods, times);
  const { names } = table;
  const { perTask, byEpisode } = methods[names[0]];
  const returns = showsReturns(methods[names[0]]);
  const compared = versus && versusTable(versus, methods);
  const [curves, ...others] = figuresOf('methods');
  const words = wordsOf(methods);
  const over = finalEpisodes(byEpisode.mean.length, words);
  return html`<section>
<h2>${title}</h2>
${shown(curves, methods, styles, panels)}
${legendTable(table, styles, [table.note([]), ...notes], meaningsOf(names))}
${givenNotes(methods).map(note => html`<p class="note">${note}</p>\n`)}${compared && html`<h3>${compared.title}</h3>\n${legendTable(compared, styles, noteOf(compared))}\n`}${others.map(each => underHeading(each, methods, styles, panels))}
<h3>Return by task</h3>
${folded(
  `${count(perTask.length, `${side ?? 'evaluated'} task`)}: mean over ${over}, ${words.scale}${returns ? ', next to the mean raw return' : ''}`,
  taskTables(methods, names, styles, side),
)}</section>`;
}

const noteOf = <T>({ note, columns }: ReportTable<T>): string[] => [note(columns.map(({ id }) => id))];

/** A figure in two sizes, for wide and for narrow pages. */
export function figure(draw: (options: FigureOptions) => string, caption: string): Markup {
  const [wide, narrow] = [
    { width: 960, height: 400 },
    { width: 360, height: 320 },
  ].map(size => draw({ ground: 'inherit', ...size }));
  return html`<figure>
<div class="wide">${new Markup(wide)}</div>
<div class="narrow">${new Markup(narrow)}</div>
<figcaption>${caption}</figcaption>
</figure>`;
}

/** What a figure shows of its subject, with its caption; undefined where there is nothing to draw. An SVG with a size of its own scrolls on narrow pages. */
export function shown<K extends keyof FigureSubjects>(
  each: Figure<K>,
  subject: FigureSubjects[K],
  styles: Styles,
  panels?: Panels,
): Markup | undefined {
  const drawn = drawnOf(each, subject);
  if (!drawn) return undefined;
  const caption = `${each.caption?.(subject) ?? ''}${panelsNote(drawn.drawing, styles, panels)}`;
  if (typeof drawn.drawing !== 'string') return figure(options => drawn.svg({ styles, panels, ...options }), caption);
  return html`<div class="scroll drawing">${new Markup(drawn.svg())}</div>${caption && html`\n<p class="note">${caption}</p>`}`;
}

/** The same below its title. */
export function underHeading<K extends keyof FigureSubjects>(
  each: Figure<K>,
  subject: FigureSubjects[K],
  styles: Styles,
  panels?: Panels,
): Part {
  const drawn = shown(each, subject, styles, panels);
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

/** A table of a further measurement, with its title and note, and more below it. */
const furtherSection = <T>(name: string, table: ReportTable<T>, styles: Styles, more?: Markup): Markup => html`<section>
<h2>${name}: ${table.title}</h2>
${legendTable(table, styles, noteOf(table))}
${more}</section>`;

const reliability = (table: ReportTable<ImitationScore>, styles: Styles): Markup =>
  folded('Reliability diagram as a table', [
    html`<p class="note">Steps grouped by the probability of the model's most likely action: how often the source takes that action, out of how often the model expects it to, and the share of the steps that are in the group.</p>`,
    ...plainTable({ ...table, columns: reliabilityColumns(table.entries[table.names[0]]) }, styles),
  ]);

function rateSection(results: Results, rate: RateReturn, words: ReferenceWords): Markup {
  const table = rateTable(rate, words);
  const drawn = drawnOf(rateReturn, results)!;
  return html`<section>
<h2>${table.title}</h2>
<figure><div class="scroll" tabindex="0">${new Markup(drawn.svg({ ground: 'inherit' }))}</div></figure>
${table.notes.map(note => html`<p class="note">${note}</p>\n`)}${dataTable(table)}
</section>`;
}

/** The end of the page of a run, folded: how its numbers were made, its split, and the run itself. */
export const lastSections = (
  how: Part,
  { split, run }: { readonly split: unknown; readonly run: RunRecord },
  styles?: Styles,
): Markup => html`${foldedSection('Evaluation protocol', how)}
${foldedSection('Split of the tasks', yamlBlock(split))}
${runSection(run, styles)}`;

/** Command, version and machine of a run, its times, and the hashes of its data; folded. */
export const runSection = (run: RunRecord, styles?: Styles): Markup =>
  foldedSection(
    'Reproducing this run',
    html`${facts({ command: run.command, version: run.version, commit: run.commit, node: run.node })}
${facts(typeof run.machine === 'string' ? { machine: run.machine } : run.machine)}
<h3>Time by stage</h3>
${facts(Object.fromEntries(Object.entries(run.seconds).map(([stage, seconds]) => [stage, duration(seconds)])))}
${Object.entries(run.times ?? {}).map(([name, times]) => {
  const table = timeTable(times);
  return html`<h3>${table.title}: ${name}</h3>\n${legendTable(table, styles, noteOf(table))}\n`;
})}<h3>Hashes of the data (SHA-256)</h3>
${facts(run.dataHashes)}
${run.imported && yamlBlock({ imported: run.imported })}
${folded('Configuration', yamlBlock(run.config))}`,
  );

const facts = (entries: Readonly<Record<string, string | number>>): Markup =>
  html`<dl>${Object.entries(entries).map(([term, value]) => html`<dt>${term}</dt><dd>${value}</dd>`)}</dl>`;

/** A value as YAML in a box. */
export const yamlBlock = (value: unknown): Markup => html`<pre>${stringify(value, { lineWidth: 100, aliasDuplicateObjects: false })}</pre>`;

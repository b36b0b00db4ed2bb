/** @file The reports of an evaluation on recordings: tables, terminal and page. */

import { measuresIn, RECORDED_MEASURES, type RecordedMethodResult, type RecordedResults } from '../records/index.ts';
import { terminalWidth, wrap } from '../util/text.ts';
import { figuresOf } from './figures/index.ts';
import { rankedByLikelihood } from './figures/recorded.ts';
import { methodStyles, type Styles } from './figures/style.ts';
import { html, page } from './html/page.ts';
import { lastSections, shown, underHeading } from './html/results.ts';
import { legendTable } from './html/tables.ts';
import { type Column, column, noIntervalNote, type ReportTable, withInterval } from './tables/format.ts';
import { fittingTable, GAP, NAME_WIDTH, type TerminalOptions } from './terminal/results.ts';

type Methods = RecordedResults['methods'];

const interval = ({ mean, low, high }: NonNullable<RecordedMethodResult['accuracy']>, digits: number) =>
  withInterval(mean, [low, high], value => value.toFixed(digits));

/** Largest number of columns of the table by episode, and characters of its cells: `ep 100`, `0.912`. */
const EPISODES = 8;
const CELL_WIDTH = 6;

const CAUTION =
  'These scores are not returns, because there is no environment to act in. `frequencies` predicts how often each label occurs in the training histories, whatever the observation.';

/** The two measures over all recorded steps. */
function recordedTable(methods: Methods): ReportTable<RecordedMethodResult> {
  const names = rankedByLikelihood(methods);
  const columns = measuresIn(methods[names[0]]).map(measure =>
    column<RecordedMethodResult>(measure, `${RECORDED_MEASURES[measure]} [95% CI]`, 'mean over held-out tasks, with its interval', row =>
      interval(row[measure]!, 3),
    ),
  );
  return { title: 'Results', head: 'method', names, entries: methods, columns, note: () => '' };
}

/** The complete report, ready to print: two tables for the experiment and for each of its further tables, the best likelihood of the labels first. */
export function formatRecorded(results: RecordedResults, options: TerminalOptions = {}): string {
  const { width = terminalWidth() } = options;
  const { name, environment, labels, tables = {}, methods, intervalNote } = results;
  const sections = Object.entries({ [name]: methods, ...tables }).flatMap(([title, rows]) => {
    const table = recordedTable(rows);
    const [, nearness] = measuresIn(rows[table.names[0]]);
    const shown = (columns: readonly Column<RecordedMethodResult>[]) => fittingTable({ ...table, columns }, { ...options, width }).text;
    const { episode } = rows[table.names[0]].byEpisode;
    const room = Math.floor((width - NAME_WIDTH - GAP) / (CELL_WIDTH + GAP));
    const places = evenly(episode.length, Math.max(1, Math.min(EPISODES, room)));
    return [
      wrap(`${title}: prediction of the labels (${labels}) in recordings of held-out tasks of ${environment}`, width),
      shown(table.columns),
      wrap(`${title}: ${RECORDED_MEASURES[nearness]} by the episode of the recorded history`, width),
      shown(
        places.map(place => {
          const at = Math.round(episode[place]);
          return column(`episode-${at}`, `ep ${at}`, '', ({ byEpisode }) => byEpisode[nearness]!.mean[place].toFixed(3));
        }),
      ),
    ];
  });
  const note = noIntervalNote(sections.join());
  return `${[...sections, wrap(CAUTION, width), wrap(`${intervalNote} ${note}`.trim(), width)].join('\n\n')}\n`;
}

/** The report as a complete HTML document. */
export function recordedHtml(results: RecordedResults): string {
  const { name, environment, labels, tables = {}, methods, intervalNote } = results;
  const all = { [name]: methods, ...tables };
  const styles: Styles = methodStyles(Object.values(all).flatMap(Object.keys));
  const sections = Object.entries(all).map(([title, rows]) => {
    const table = recordedTable(rows);
    const [curves, ...others] = figuresOf('recorded');
    return html`<section>
<h2>${title}</h2>
${shown(curves, rows, styles)}
${legendTable(table, styles)}
${others.map(each => underHeading(each, rows, styles))}</section>
`;
  });
  return page(
    name,
    html`<header>
<h1>${name}</h1>
<p>Prediction of the labels (${labels}) in recordings of held-out tasks of ${environment}.</p>
<p class="note">${CAUTION}</p>
</header>
<main>
${sections}
${lastSections(html`<p>${intervalNote} ${noIntervalNote(sections.map(({ text }) => text).join())}</p>`, results, styles)}
</main>
`,
  );
}

/** At most `most` of the numbers below `count`, evenly spaced, with the first and (if there is room for two) the last. */
const evenly = (count: number, most: number): number[] => {
  const n = Math.min(count, most);
  return Array.from({ length: n }, (_, i) => (n === 1 ? 0 : Math.round((i * (count - 1)) / (n - 1))));
};

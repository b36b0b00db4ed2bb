/** @file Several runs in one table and on one page, where their results are comparable. */

import { comparableTable, describeSelection, expectComparable, type Results, wordsOf } from '../../records/index.ts';
import { figuresOf } from '../figures/index.ts';
import { sideBySide } from '../runs.ts';
import { budgetNotes, describeSplit } from '../tables/integrity.ts';
import { folded, foldedSection, html, page } from './page.ts';
import { methodsSection, runSection, scoresBy, yamlBlock } from './results.ts';

/** Throws `E_SPLIT` or `E_DATA`, with the reason, where these runs are not comparable. */
export const expectSideBySide = (runs: ReadonlyMap<string, Results>): void =>
  expectComparable([...runs].map(([name, results]) => comparableTable(results, results.name, name)));

/** A complete HTML document about several runs, by their names. Throws as `expectSideBySide` does. */
export function sideBySideHtml(runs: ReadonlyMap<string, Results>): string {
  expectSideBySide(runs);
  const names = [...runs.keys()];
  const { methods, styles, panels } = sideBySide(runs);
  const merged = Object.keys(methods).length < [...runs.values()].flatMap(({ methods }) => Object.keys(methods)).length;
  // Equal in all: the tasks are the same.
  const { side } = comparableTable([...runs.values()][0]).protocol;
  return page(
    names.join(', '),
    html`<header>
<h1>${names.join(', ')}</h1>
<p>${scoresBy(wordsOf(methods))}, on the same tasks with the same protocol.${
      merged ? ' Methods with equal results in several runs are listed once.' : ''
    } Names of runs are in parentheses.</p>
</header>
<main>
${methodsSection('Results', methods, budgetNotes(methods), { side, styles, panels })}
<p class="note">${leftOut([...runs.values()])}</p>
${foldedSection(
  'Evaluation protocol',
  [...runs].map(([name, results]) => html`<p><strong>${name}</strong>: ${audit(results)} ${results.intervalNote}</p>\n`),
)}
${[...runs].map(([name, results]) =>
  folded(
    name,
    html`<h3>Split of the tasks</h3>
${yamlBlock(results.split)}
${runSection(results.run)}`,
    'section',
  ),
)}</main>
`,
  );
}

function audit(results: Results): string {
  const { protocol } = comparableTable(results);
  const seeds = `${results.seeds} training ${results.seeds === 1 ? 'seed' : 'seeds'}`;
  return `${seeds}; ${describeSplit(protocol)}; ${describeSelection(protocol.selection)}.`;
}

/** What only the page of a single run shows, by its name. */
const leftOutParts = (): Readonly<Record<string, (results: Results) => unknown>> => ({
  'further tables': ({ tables }) => tables,
  'paired comparisons': ({ versus }) => versus,
  'errors of predicted returns': ({ returns }) => returns,
  'imitation of the source': ({ imitation }) => imitation,
  ...Object.fromEntries(figuresOf('results').map(figure => [`"${figure.title}"`, (results: Results) => figure.draw(results)])),
});

function leftOut(runs: readonly Results[]): string {
  const parts = Object.entries(leftOutParts()).filter(([, of]) => runs.some(results => Object.keys(of(results) ?? {}).length > 0));
  const names = parts.map(([name]) => name).join('; ');
  const where = names ? `Only on the page of a single run (cadenza report RUN): ${names}. ` : '';
  return `${where}For paired differences between two runs, with intervals, use cadenza compare.`;
}

/** @file Several runs as one table and on one page, where their rows may stand side by side. */

import { describeSelection, expectComparable, type MethodTable, type Results, rowsOf, wordsOf } from '../../records/index.ts';
import { figuresOf } from '../figures/index.ts';
import { budgetNotes, describeSplit } from '../tables/integrity.ts';
import { html, methodsSection, page, runSection, yamlBlock } from './results.ts';

/** What a row is called beside those of other runs. */
export const rowBeside = (method: string, run: string): string => `${method} (${run})`;

/** Throws `E_SPLIT` or `E_DATA`, with the reason, where the rows of these runs may not stand side by side. */
export const expectSideBySide = (runs: ReadonlyMap<string, Results>): void =>
  expectComparable([...runs].map(([name, results]) => rowsOf(results, results.name, name)));

/** The rows of all runs. */
export const sideBySide = (runs: ReadonlyMap<string, Results>): MethodTable =>
  Object.fromEntries(
    [...runs].flatMap(([run, { methods }]) => Object.entries(methods).map(([method, result]) => [rowBeside(method, run), result])),
  );

/** A whole HTML document about several runs by their names. Throws as `expectSideBySide` does. */
export function sideBySideHtml(runs: ReadonlyMap<string, Results>): string {
  expectSideBySide(runs);
  const names = [...runs.keys()];
  const methods = sideBySide(runs);
  // Equal in all: the tasks are the same.
  const { side } = rowsOf([...runs.values()][0]).protocol;
  return page(
    names.join(', '),
    html`<header>
<h1>${names.join(', ')}</h1>
<p>Return in context, ${wordsOf(methods).scale}, on the same tasks by the same protocol. A row is named by its method and, in
brackets, by its run.</p>
</header>
<main>
${methodsSection('Results', methods, [...budgetNotes(methods), leftOut([...runs.values()])], { side })}
<section>
<h2>How the numbers were made</h2>
${[...runs].map(([name, results]) => html`<p><strong>${name}</strong>: ${audit(results)} ${results.intervalNote}</p>\n`)}</section>
${[...runs].map(
  ([name, results]) => html`<details><summary>${name}</summary>
<h3>Split</h3>
${yamlBlock(results.split)}
${runSection(results.run)}</details>\n`,
)}</main>
`,
  );
}

function audit(results: Results): string {
  const { protocol } = rowsOf(results);
  const seeds = `${results.seeds} training ${results.seeds === 1 ? 'seed' : 'seeds'}`;
  return `${seeds}; ${describeSplit(protocol)}; ${describeSelection(protocol.selection)}.`;
}

/** What a page of one run shows and that of several does not, by what it is called. */
const leftOutParts = (): Readonly<Record<string, (results: Results) => unknown>> => ({
  'further tables': ({ tables }) => tables,
  'differences between rows': ({ versus }) => versus,
  'errors of predicted returns': ({ returns }) => returns,
  "action probabilities beside the source's": ({ imitation }) => imitation,
  ...Object.fromEntries(figuresOf('results').map(figure => [`"${figure.title}"`, (results: Results) => figure.draw(results)])),
});

function leftOut(runs: readonly Results[]): string {
  const parts = Object.entries(leftOutParts()).filter(([, of]) => runs.some(results => Object.keys(of(results) ?? {}).length > 0));
  const names = parts.map(([name]) => name).join('; ');
  const where = names ? `Left out here, and on the page of each run by itself (cadenza report RUN) where it has them: ${names}. ` : '';
  return `${where}Rows of two runs are held against each other, with intervals, by cadenza compare.`;
}

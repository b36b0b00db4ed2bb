/** @file The reports of a supervised experiment: figures, the table, the terminal, and the page. */

import type { SupervisedMethodResult, SupervisedResults } from '../records/index.ts';
import { wrap } from '../util/text.ts';
import { figuresOf } from './figures/index.ts';
import { methodStyles } from './figures/style.ts';
import { rankedBySupervised } from './figures/supervised.ts';
import { figureSection, html, lastSections, legendTable, page, shown } from './html/results.ts';
import { bytes, type Column, column, count, orNone, type ReportTable, withInterval } from './tables/format.ts';
import { fittingTable, type TerminalOptions } from './terminal/results.ts';

/** Scores with few, some, the headline and the most examples, then the ratio to the reference with its interval, then sizes. */
function supervisedTable(results: SupervisedResults): ReportTable<SupervisedMethodResult> {
  const { examples, headline, reference, score, methods } = results;
  const wanted = [examples[0], Math.round(headline / 2), headline, examples.at(-1)!];
  const at = examples.indexOf(headline);
  const ratioInterval = ({ byExamples: { ratio, ratioLow, ratioHigh } }: SupervisedMethodResult) =>
    withInterval(ratio[at], [ratioLow[at], ratioHigh[at]], value => value.toFixed(2));
  const columns: Column<SupervisedMethodResult>[] = [
    ...examples
      .filter(n => wanted.includes(n))
      .map(n => {
        const meaning = `mean ${score.name} with ${n} ${n === 1 ? 'example' : 'examples'}`;
        const cell = ({ byExamples }: SupervisedMethodResult) => byExamples.mean[examples.indexOf(n)].toPrecision(3);
        return column(`examples-${n}`, `n = ${n}`, meaning, cell, n === headline ? undefined : 1);
      }),
    column(
      'ratio',
      `÷ ${reference.name}, n = ${headline}`,
      `the same with ${headline} examples, divided by that of ${reference.name}, with its interval`,
      ratioInterval,
    ),
    column('parameters', 'parameters', 'trained numbers', ({ parameters }) => orNone(parameters, count), 3),
    column('steps', 'steps', 'training steps', ({ steps }) => orNone(steps, count), 4),
    column('state', 'state', 'bytes that reach the predictor for one context', ({ stateBytes }) => orNone(stateBytes, bytes), 2),
  ];
  return { title: 'Results', head: 'method', names: rankedBySupervised(results), entries: methods, columns, note: () => '' };
}

/** The report on a terminal, ready to print. */
export function formatSupervised(results: SupervisedResults, options: TerminalOptions = {}): string {
  const { name, problem, score, reference, tasks, queries, intervalNote } = results;
  const { width = process.stdout.columns ?? 80 } = options;
  const sections = [
    wrap(`${name}: ${score.name} by number of examples n (${score.better} is better); ${problem.description}`, width),
    fittingTable(supervisedTable(results), { ...options, width }).text,
    wrap(`Reference: ${reference.about}.`, width),
    wrap(`${tasks} test tasks with ${queries} test inputs each. ${intervalNote}`, width),
  ];
  return `${sections.join('\n\n')}\n`;
}

/** The report as a whole HTML document, in the look of the others. */
export function supervisedHtml(results: SupervisedResults): string {
  const { name, problem, score, reference, queries, intervalNote, methods } = results;
  const styles = methodStyles(Object.keys(methods));
  const [scores, ...others] = figuresOf('supervised');
  return page(
    name,
    html`<header>
<h1>${name}</h1>
<p>Learning in context from examples: ${problem.description}. The ${score.name} on new tasks, by the number of examples (${score.better} is
better). Reference: ${reference.about}.</p>
</header>
<main>
<section>
<h2>Results</h2>
${shown(scores, results, styles)}
${legendTable(supervisedTable(results), styles)}
</section>
${others.map(each => figureSection(each, results, styles))}
${lastSections(
  html`<p>${intervalNote} Each task has ${queries} test inputs, and the contexts of fewer examples are the beginnings of those of more.</p>`,
  results,
  styles,
)}
</main>
`,
  );
}

/** @file The reports of a supervised experiment: table, terminal and page. */

import type { SupervisedMethodResult, SupervisedResults } from '../records/index.ts';
import { terminalWidth, wrap } from '../util/text.ts';
import { figuresOf } from './figures/index.ts';
import { methodStyles } from './figures/style.ts';
import { rankedBySupervised } from './figures/supervised.ts';
import { html, page } from './html/page.ts';
import { figureSection, lastSections, sentences, shown } from './html/results.ts';
import { legendTable } from './html/tables.ts';
import { mainSupervised, summarizeSupervised } from './summary.ts';
import { bytes, type Column, column, count, orNone, type ReportTable, withInterval } from './tables/format.ts';
import { fittingTable, type TerminalOptions } from './terminal/results.ts';

/** Scores with few, some, the main and the largest number of examples, then the ratio to the reference with its interval, then sizes. */
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
        return column(
          `examples-${n}`,
          [`n = ${n}`, `${score.name}, ${n} ${n === 1 ? 'example' : 'examples'}`],
          meaning,
          cell,
          n === headline ? undefined : 1,
        );
      }),
    column(
      'ratio',
      [`÷ ${reference.name}, n = ${headline}`, `÷ ${reference.name}, ${headline} examples [95% CI]`],
      `mean ${score.name} with ${headline} examples, divided by that of ${reference.name}, with its interval`,
      ratioInterval,
    ),
    column('parameters', 'parameters', 'trained parameters', ({ parameters }) => orNone(parameters, count), 3),
    column('steps', ['steps', 'training steps'], 'training steps', ({ steps }) => orNone(steps, count), 4),
    column(
      'state',
      ['state', 'state of the predictor'],
      'bytes that reach the predictor for one context',
      ({ stateBytes }) => orNone(stateBytes, bytes),
      2,
    ),
  ];
  return { title: 'Results', head: 'method', names: rankedBySupervised(results), entries: methods, columns, note: () => '' };
}

/** The report for a terminal, ready to print. */
export function formatSupervised(results: SupervisedResults, options: TerminalOptions = {}): string {
  const { name, problem, score, reference, tasks, queries, intervalNote } = results;
  const { width = terminalWidth() } = options;
  const sections = [
    wrap(`${name}: ${score.name} by number of examples n (${score.better} is better); ${problem.description}`, width),
    fittingTable(supervisedTable(results), { ...options, width }).text,
    wrap(`Reference: ${reference.about}.`, width),
    wrap(`${tasks} test tasks with ${queries} test inputs each. ${intervalNote}`, width),
  ];
  return `${sections.join('\n\n')}\n`;
}

/** The report as a complete HTML document. */
export function supervisedHtml(results: SupervisedResults): string {
  const { name, problem, reference, queries, intervalNote, methods } = results;
  const styles = methodStyles(Object.keys(methods));
  const [scores, ...others] = figuresOf('supervised');
  return page(
    name,
    html`<header>
<h1>${name}</h1>
${sentences(mainSupervised(results), summarizeSupervised(results))}
<p class="note">In-context learning from examples: ${problem.description}. Reference: ${reference.about}.</p>
</header>
<main>
<section>
<h2>Results</h2>
${shown(scores, results, styles)}
${legendTable(supervisedTable(results), styles)}
</section>
${others.map(each => figureSection(each, results, styles))}
${lastSections(
  html`<p>Each task has ${queries} test inputs. A context with fewer examples is the beginning of one with more.</p>\n<p>${intervalNote}</p>`,
  results,
  styles,
)}
</main>
`,
  );
}

/** @file The reports of a supervised experiment: figures, the table, the terminal, and the page. */

import type { SupervisedMethodResult, SupervisedResults } from '../records/index.ts';
import { wrap } from '../util/text.ts';
import { lineFigure } from './figures/lines.ts';
import type { FigureOptions, Line } from './figures/plot.ts';
import { methodStyles } from './figures/style.ts';
import { figure, html, lastSections, legendTable, page } from './html/results.ts';
import { bytes, type Column, column, count, orNone, type ReportTable, withInterval } from './tables/format.ts';
import { fittingTable, type TerminalOptions } from './terminal/results.ts';

/** Methods by their score at the headline number of examples, best first. */
export function rankedBySupervised({ methods, examples, headline, score }: SupervisedResults): string[] {
  const at = examples.indexOf(headline);
  const sign = score.better === 'lower' ? 1 : -1;
  const value = (name: string) => sign * methods[name].byExamples.mean[at];
  return Object.keys(methods).sort((a, b) => value(a) - value(b) || (a < b ? -1 : 1));
}

/** Mean score on test tasks by number of examples, with the intervals as bands. Errors are on a logarithmic scale. */
export function scoreCurves(results: SupervisedResults, options: FigureOptions = {}): string {
  const { examples, methods } = results;
  const lines = rankedBySupervised(results).map(name => {
    const { mean, low, high } = methods[name].byExamples;
    return { name, points: examples.map((x, i) => ({ x, y: mean[i], low: low[i], high: high[i] })) };
  });
  return scoreFigure(lines, results, { ...options, x: 'examples in the context' });
}

/** Mean score on validation tasks with the headline number of examples by training step; the reference, which is not trained, is level. */
export function trainingCurves(results: SupervisedResults, options: FigureOptions = {}): string {
  const { examples, methods, headline, reference, validation } = results;
  const trained = rankedBySupervised(results).flatMap(name => {
    const { curve } = methods[name];
    return curve ? [{ name, points: curve.step.map((x, i) => ({ x, y: curve.byExamples[headline][i] })) }] : [];
  });
  const steps = trained.flatMap(({ points }) => points.map(({ x }) => x));
  const level = validation.reference[examples.indexOf(headline)];
  const flat = [Math.min(...steps), Math.max(...steps)].map(x => ({ x, y: level }));
  return scoreFigure([...trained, { name: reference.name, points: flat }], results, { ...options, x: 'training step' });
}

/** Lines by name, in the scale that the score asks for: errors are on a logarithmic one. */
function scoreFigure(
  lines: readonly Line[],
  { methods, score }: SupervisedResults,
  { x, ...options }: FigureOptions & { x: string },
): string {
  const logarithmic = score.better === 'lower';
  const points = lines.flatMap(({ points }) => points);
  const values = points.flatMap(({ y, low = y, high = y }) => [low, y, high]).filter(y => !logarithmic || y > 0);
  const domain = logarithmic
    ? ([Math.min(...values) / 1.1, Math.max(...values) * 1.1] as const)
    : ([Math.min(0, ...values), Math.max(1, ...values)] as const);
  const styles = methodStyles(Object.keys(methods));
  return lineFigure({ lines, styles, ariaLabel: `${score.name} by ${x}`, x, y: { label: score.name, domain, logarithmic } }, options);
}

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
  const { name, problem, score, reference, tasks, queries, headline, intervalNote, methods, validation } = results;
  const styles = methodStyles(Object.keys(methods));
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
${figure(options => scoreCurves(results, options), `Mean ${score.name} on ${tasks} test tasks; the bands are explained below.`)}
${legendTable(supervisedTable(results), styles)}
</section>
${
  Object.values(methods).some(({ curve }) => curve)
    ? html`<section>
<h2>Training</h2>
${figure(
  options => trainingCurves(results, options),
  `Mean ${score.name} on ${validation.tasks} validation tasks with ${headline} examples.`,
)}
</section>`
    : ''
}
${lastSections(
  html`<p>${intervalNote} Each task has ${queries} test inputs, and the contexts of fewer examples are the beginnings of those of more.</p>`,
  results,
  styles,
)}
</main>
`,
  );
}

/** @file The report of a supervised experiment on a terminal, and the columns of its table, which the HTML page shares. */

import type { SupervisedMethodResult, SupervisedResults } from '../../records/index.ts';
import { wantsColor } from '../../util/color.ts';
import { wrap } from '../../util/text.ts';
import { methodStyles } from '../figures/style.ts';
import { rankedBySupervised } from '../figures/supervised.ts';
import { bytes, count, withInterval } from '../tables/format.ts';
import { legend, NAME_WIDTH, painter, type TerminalOptions, table } from './results.ts';

interface Column {
  readonly title: string;
  readonly cell: (method: SupervisedMethodResult) => string;
}

const orNone = (value: number, format: (value: number) => string) => (value === 0 ? '–' : format(value));
const three = (value: number) => value.toPrecision(3);

/** Scores with few, some, the headline and the most examples, then the ratio to the reference with its interval, then sizes. */
export function supervisedColumns({ examples, headline, reference }: SupervisedResults): Column[] {
  const wanted = [examples[0], Math.round(headline / 2), headline, examples.at(-1)!];
  const shown = examples.filter(n => wanted.includes(n));
  const at = examples.indexOf(headline);
  return [
    ...shown.map(n => ({
      title: `n = ${n}`,
      cell: ({ byExamples }: SupervisedMethodResult) => three(byExamples.mean[examples.indexOf(n)]),
    })),
    {
      title: `÷ ${reference.name}, n = ${headline}`,
      cell: ({ byExamples: { ratio, ratioLow, ratioHigh } }) =>
        withInterval(ratio[at], [ratioLow[at], ratioHigh[at]], value => value.toFixed(2)),
    },
    { title: 'parameters', cell: ({ parameters }) => orNone(parameters, count) },
    { title: 'steps', cell: ({ steps }) => orNone(steps, count) },
    { title: 'state', cell: ({ stateBytes }) => orNone(stateBytes, bytes) },
  ];
}

/** The whole report, ready to print. */
export function formatSupervised(results: SupervisedResults, { width, color = wantsColor() }: TerminalOptions = {}): string {
  const { name, problem, score, reference, tasks, queries, bars, methods } = results;
  const columns = width ?? process.stdout.columns ?? 80;
  const paint = painter(color);
  const styles = methodStyles(Object.keys(methods));
  const shown = supervisedColumns(results);
  const rows = rankedBySupervised(results).map(method => [
    legend(method, styles.get(method)!, paint, NAME_WIDTH),
    ...shown.map(({ cell }) => cell(methods[method])),
  ]);
  const sections = [
    wrap(`${name}: ${score.name} by number of examples n (${score.better} is better); ${problem.description}`, columns),
    table(['method', ...shown.map(({ title }) => title)], rows, paint),
    wrap(`Reference: ${reference.about}.`, columns),
    wrap(`${tasks} test tasks with ${queries} test inputs each. ${bars}`, columns),
  ];
  return `${sections.join('\n\n')}\n`;
}

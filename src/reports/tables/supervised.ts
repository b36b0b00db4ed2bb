/** @file Columns of the table of a supervised experiment, for the terminal and the HTML report. */

import type { SupervisedMethodResult, SupervisedResults } from '../../records/index.ts';
import { bytes, type Column, column, count, orNone, withInterval } from './format.ts';

/** Scores with few, some, the headline and the most examples, then the ratio to the reference with its interval, then sizes. */
export function supervisedColumns({ examples, headline, reference, score }: SupervisedResults): Column<SupervisedMethodResult>[] {
  const wanted = [examples[0], Math.round(headline / 2), headline, examples.at(-1)!];
  const at = examples.indexOf(headline);
  const ratioInterval = ({ byExamples: { ratio, ratioLow, ratioHigh } }: SupervisedMethodResult) =>
    withInterval(ratio[at], [ratioLow[at], ratioHigh[at]], value => value.toFixed(2));
  return [
    ...examples
      .filter(n => wanted.includes(n))
      .map(n => {
        const meaning = `mean ${score.name} with ${n} ${n === 1 ? 'example' : 'examples'}`;
        const cell = ({ byExamples }: SupervisedMethodResult) => byExamples.mean[examples.indexOf(n)].toPrecision(3);
        return column(`n = ${n}`, meaning, cell, n === headline ? undefined : 1);
      }),
    column(
      `÷ ${reference.name}, n = ${headline}`,
      `the same with ${headline} examples, divided by that of ${reference.name}, with its interval`,
      ratioInterval,
    ),
    column('parameters', 'trained numbers', ({ parameters }) => orNone(parameters, count), 3),
    column('steps', 'training steps', ({ steps }) => orNone(steps, count), 4),
    column('state', 'bytes that reach the predictor for one context', ({ stateBytes }) => orNone(stateBytes, bytes), 2),
  ];
}

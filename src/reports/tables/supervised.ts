/** @file Columns of the table of a supervised experiment, for the terminal and the HTML report. */

import type { SupervisedMethodResult, SupervisedResults } from '../../records/index.ts';
import { bytes, type Column, count, orNone, withInterval } from './format.ts';

/** Scores with few, some, the headline and the most examples, then the ratio to the reference with its interval, then sizes. */
export function supervisedColumns({ examples, headline, reference, score }: SupervisedResults): Column<SupervisedMethodResult>[] {
  const wanted = [examples[0], Math.round(headline / 2), headline, examples.at(-1)!];
  const at = examples.indexOf(headline);
  return [
    ...examples
      .filter(n => wanted.includes(n))
      .map(n => ({
        title: `n = ${n}`,
        meaning: `mean ${score.name} with ${n} ${n === 1 ? 'example' : 'examples'}`,
        cell: ({ byExamples }: SupervisedMethodResult) => byExamples.mean[examples.indexOf(n)].toPrecision(3),
        ...(n === headline ? {} : { expendable: 1 }),
      })),
    {
      title: `÷ ${reference.name}, n = ${headline}`,
      meaning: `the same with ${headline} examples, divided by that of ${reference.name}, with its interval`,
      cell: ({ byExamples: { ratio, ratioLow, ratioHigh } }) =>
        withInterval(ratio[at], [ratioLow[at], ratioHigh[at]], value => value.toFixed(2)),
    },
    { title: 'parameters', meaning: 'trained numbers', cell: ({ parameters }) => orNone(parameters, count), expendable: 3 },
    { title: 'steps', meaning: 'training steps', cell: ({ steps }) => orNone(steps, count), expendable: 4 },
    {
      title: 'state',
      meaning: 'bytes that reach the predictor for one context',
      cell: ({ stateBytes }) => orNone(stateBytes, bytes),
      expendable: 2,
    },
  ];
}

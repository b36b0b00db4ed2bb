/** @file The report of an evaluation on recordings, on a terminal. */

import type { RecordedMethodResult, RecordedResults } from '../evaluation/index.ts';
import { wantsColor } from '../util/color.ts';
import { methodStyles } from './style.ts';
import { legend, NAME_WIDTH, painter, type TerminalOptions, table, wrap } from './terminal.ts';

const interval = ({ mean, low, high }: RecordedMethodResult['accuracy'], digits: number) =>
  `${mean.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;

/** The whole report, ready to print: one table for the experiment and for each of its further tables, the best cross-entropy first. */
export function formatRecorded(results: RecordedResults, { width, color = wantsColor() }: TerminalOptions = {}): string {
  const columns = width ?? process.stdout.columns ?? 80;
  const paint = painter(color);
  const { name, environment, labels, tables = {}, methods, bars } = results;
  const sections = Object.entries({ [name]: methods, ...tables }).flatMap(([title, rows]) => {
    const styles = methodStyles(Object.keys(rows));
    const ranked = Object.entries(rows).sort(([, a], [, b]) => a.crossEntropy.mean - b.crossEntropy.mean);
    const cells = ranked.map(([method, { crossEntropy, accuracy }]) => [
      legend(method, styles.get(method)!, paint, NAME_WIDTH),
      interval(crossEntropy, 3),
      interval(accuracy, 3),
    ]);
    return [
      wrap(`${title}: labels (${labels}) foretold in recordings of held-out tasks of ${environment}`, columns),
      table(['method', 'cross-entropy (nats)', 'accuracy'], cells, paint),
    ];
  });
  const caution =
    'These are no returns: there is no environment to play in. `frequencies` is the mean label of the training histories, whatever is seen.';
  return `${[...sections, wrap(caution, columns), wrap(bars, columns)].join('\n\n')}\n`;
}

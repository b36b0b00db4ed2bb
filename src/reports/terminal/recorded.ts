/** @file The report of an evaluation on recordings, on a terminal. */

import { measuresIn, RECORDED_MEASURES, type RecordedMethodResult, type RecordedResults } from '../../records/index.ts';
import { wantsColor } from '../../util/color.ts';
import { wrap } from '../../util/text.ts';
import { methodStyles } from '../figures/style.ts';
import { noIntervalNote, withInterval } from '../tables/format.ts';
import { GAP, legend, NAME_WIDTH, painter, type TerminalOptions, table } from './results.ts';

const interval = ({ mean, low, high }: NonNullable<RecordedMethodResult['accuracy']>, digits: number) =>
  withInterval(mean, [low, high], value => value.toFixed(digits));

/** Columns of the table by episode at most, a cell of it: `ep 100`, `0.912`. */
const EPISODES = 8;
const CELL_WIDTH = 6;

/** The whole report, ready to print: two tables for the experiment and for each of its further tables, the best likelihood of the labels first. */
export function formatRecorded(results: RecordedResults, { width, color = wantsColor() }: TerminalOptions = {}): string {
  const columns = width ?? process.stdout.columns ?? 80;
  const paint = painter(color);
  const { name, environment, labels, tables = {}, methods, bars } = results;
  const sections = Object.entries({ [name]: methods, ...tables }).flatMap(([title, rows]) => {
    const styles = methodStyles(Object.keys(rows));
    const [likelihood, nearness] = measuresIn(Object.values(rows)[0]);
    const ranked = Object.entries(rows).sort(([, a], [, b]) => a[likelihood]!.mean - b[likelihood]!.mean);
    const named = (cells: (result: RecordedMethodResult) => string[]) =>
      ranked.map(([method, result]) => [legend(method, styles.get(method)!, paint, NAME_WIDTH), ...cells(result)]);
    const { episode } = ranked[0][1].byEpisode;
    const room = Math.floor((columns - NAME_WIDTH - GAP) / (CELL_WIDTH + GAP));
    const shown = evenly(episode.length, Math.max(1, Math.min(EPISODES, room)));
    return [
      wrap(`${title}: labels (${labels}) foretold in recordings of held-out tasks of ${environment}`, columns),
      table(
        ['method', RECORDED_MEASURES[likelihood], RECORDED_MEASURES[nearness]],
        named(result => [interval(result[likelihood]!, 3), interval(result[nearness]!, 3)]),
        paint,
      ),
      wrap(`${title}: ${RECORDED_MEASURES[nearness]} by the episode of the recorded history`, columns),
      table(
        ['method', ...shown.map(place => `ep ${Math.round(episode[place])}`)],
        named(({ byEpisode }) => shown.map(place => byEpisode[nearness]!.mean[place].toFixed(3))),
        paint,
      ),
    ];
  });
  const caution =
    'These are no returns: there is no environment to play in. `frequencies` is what the labels of the training histories are on average, whatever is seen.';
  const note = noIntervalNote(sections.join());
  return `${[...sections, wrap(caution, columns), wrap(`${bars} ${note}`.trim(), columns)].join('\n\n')}\n`;
}

/** At most `most` of the numbers below `count`, evenly spread, the first and (where there is room for two) the last among them. */
const evenly = (count: number, most: number): number[] => {
  const n = Math.min(count, most);
  return Array.from({ length: n }, (_, i) => (n === 1 ? 0 : Math.round((i * (count - 1)) / (n - 1))));
};

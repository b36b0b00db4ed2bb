/** @file The report of an evaluation on recordings, on a terminal. */

import { measuresIn, RECORDED_MEASURES, type RecordedMethodResult, type RecordedResults } from '../../records/index.ts';
import { wrap } from '../../util/text.ts';
import { type Column, column, noIntervalNote, withInterval } from '../tables/format.ts';
import { fittingTable, GAP, NAME_WIDTH, type TerminalOptions } from './results.ts';

const interval = ({ mean, low, high }: NonNullable<RecordedMethodResult['accuracy']>, digits: number) =>
  withInterval(mean, [low, high], value => value.toFixed(digits));

/** Columns of the table by episode at most, a cell of it: `ep 100`, `0.912`. */
const EPISODES = 8;
const CELL_WIDTH = 6;

/** The whole report, ready to print: two tables for the experiment and for each of its further tables, the best likelihood of the labels first. */
export function formatRecorded(results: RecordedResults, options: TerminalOptions = {}): string {
  const { width = process.stdout.columns ?? 80 } = options;
  const { name, environment, labels, tables = {}, methods, intervalNote } = results;
  const sections = Object.entries({ [name]: methods, ...tables }).flatMap(([title, rows]) => {
    const measures = measuresIn(Object.values(rows)[0]);
    const [likelihood, nearness] = measures;
    const ranked = Object.keys(rows).sort((a, b) => rows[a][likelihood]!.mean - rows[b][likelihood]!.mean);
    const shown = (columns: Column<RecordedMethodResult>[]) =>
      fittingTable({ head: 'method', names: ranked, entries: rows, columns }, { ...options, width });
    const { episode } = rows[ranked[0]].byEpisode;
    const room = Math.floor((width - NAME_WIDTH - GAP) / (CELL_WIDTH + GAP));
    const places = evenly(episode.length, Math.max(1, Math.min(EPISODES, room)));
    return [
      wrap(`${title}: labels (${labels}) foretold in recordings of held-out tasks of ${environment}`, width),
      shown(measures.map(measure => column(RECORDED_MEASURES[measure], '', result => interval(result[measure]!, 3)))),
      wrap(`${title}: ${RECORDED_MEASURES[nearness]} by the episode of the recorded history`, width),
      shown(
        places.map(place => column(`ep ${Math.round(episode[place])}`, '', ({ byEpisode }) => byEpisode[nearness]!.mean[place].toFixed(3))),
      ),
    ];
  });
  const caution =
    'These are no returns: there is no environment to play in. `frequencies` is what the labels of the training histories are on average, whatever is seen.';
  const note = noIntervalNote(sections.join());
  return `${[...sections, wrap(caution, width), wrap(`${intervalNote} ${note}`.trim(), width)].join('\n\n')}\n`;
}

/** At most `most` of the numbers below `count`, evenly spread, the first and (where there is room for two) the last among them. */
const evenly = (count: number, most: number): number[] => {
  const n = Math.min(count, most);
  return Array.from({ length: n }, (_, i) => (n === 1 ? 0 : Math.round((i * (count - 1)) / (n - 1))));
};

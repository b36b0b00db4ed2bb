/** @file Curves of an experiment on recordings. */

import { measuresIn, RECORDED_MEASURES, type RecordedResults } from '../../records/index.ts';
import type { Figure, LineFigure } from './figure.ts';

/** Methods by the likelihood of the labels, best first. */
export function rankedByLikelihood(methods: RecordedResults['methods']): string[] {
  const [likelihood] = measuresIn(Object.values(methods)[0]);
  return Object.keys(methods).sort((a, b) => methods[a][likelihood]!.mean - methods[b][likelihood]!.mean);
}

/** Accuracy, or squared error, by the episode of the recorded history, with the intervals as bands. */
export const recordedCurves = {
  id: 'recorded-curves',
  of: 'recorded',
  title: 'Curves',
  caption: () => 'Means over held-out tasks by the episode of the recorded history. Bands are 95% intervals.',
  draw(rows): LineFigure {
    const names = rankedByLikelihood(rows);
    const [, nearness] = measuresIn(rows[names[0]]);
    const lines = names.map(name => {
      const { episode, [nearness]: along } = rows[name].byEpisode;
      return { name, points: episode.map((x, i) => ({ x, y: along!.mean[i], low: along!.low[i], high: along!.high[i] })) };
    });
    const highest = Math.max(...lines.flatMap(({ points }) => points.map(({ high }) => high)));
    const label = RECORDED_MEASURES[nearness];
    const y = { label, domain: [0, nearness === 'accuracy' ? 1 : 1.05 * highest] } as const;
    return { lines, ariaLabel: `${label} by episode`, x: 'episode of the recorded history', y };
  },
} satisfies Figure<'recorded'>;

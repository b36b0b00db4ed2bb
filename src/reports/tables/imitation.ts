/** @file What reports show of accuracy and calibration: columns, words, and the order of rows. */

import type { Estimate, ImitationScore, ImitationTable, ReliabilityBin } from '../../statistics/index.ts';
import { type Column, withInterval } from './format.ts';

/** What the table shows, for its heading. */
export const IMITATION_TITLE = "action probabilities beside the source's";
export const IMITATION_NOTE =
  'Models look on as the source learns anew on these tasks. “source” is its own distribution over actions, the best that can be foretold; “random” is uniform choice. ' +
  'A model that was trained on other labels, or by returns, need not do as the source does.';

/** Names by excess cross-entropy, the least first. */
export const rankedImitators = ({ methods }: ImitationTable): string[] =>
  Object.keys(methods).sort((a, b) => methods[a].excess.value - methods[b].excess.value || (a < b ? -1 : 1));

const three = (value: number) => value.toFixed(3);
const interval = ({ value, low, high }: Estimate) => withInterval(value, [low, high], three);

/** Columns for models that all looked on as `like` did. */
export function imitationColumns(like: ImitationScore): Column<ImitationScore>[] {
  const episodes = like.byEpisode.accuracy.value.length;
  return [
    {
      title: 'accuracy [interval]',
      meaning: "share of the steps whose likeliest action is (one of) the source's likeliest",
      cell: ({ accuracy }) => interval(accuracy),
    },
    {
      title: 'excess [interval]',
      meaning: "cross-entropy with the source's distribution beyond that distribution's own entropy, in nats",
      cell: ({ excess }) => interval(excess),
      expendable: 1,
    },
    {
      title: 'nats',
      meaning: "cross-entropy with the source's distribution",
      cell: ({ crossEntropy }) => three(crossEntropy.value),
      expendable: 3,
    },
    {
      title: 'ECE [interval]',
      meaning: "expected calibration error: by how much the likeliest action's probability misses how often the source takes that action",
      cell: ({ calibrationError }) => interval(calibrationError),
      expendable: 2,
    },
    {
      title: 'Brier',
      meaning: "Brier score against actions drawn from the source's distribution",
      cell: ({ brier }) => three(brier.value),
      expendable: 4,
    },
    ...[1, 2, 5, 10]
      .filter(episode => episodes > 1 && episode <= episodes)
      .map(episode => ({
        title: `ep ${episode}`,
        meaning: `accuracy in episode ${episode}`,
        cell: ({ byEpisode }: ImitationScore) => three(byEpisode.accuracy.value[episode - 1]),
        expendable: 5,
      })),
  ];
}

/** Columns of the reliability table: one a bin. */
export function reliabilityColumns({ reliability }: ImitationScore): Column<ImitationScore>[] {
  const edge = (bin: number) => (bin / reliability.length).toFixed(1);
  return reliability.map((_, b) => ({
    title: `${edge(b)}–${edge(b + 1)}`,
    meaning: `steps at which the likeliest action's probability is from ${edge(b)} to ${edge(b + 1)}`,
    cell: (score: ImitationScore) => reliabilityCell(score.reliability[b]),
  }));
}

/** `0.93 of 0.95 (41%)`: how often the source takes the likeliest action, its mean probability, and the share of such steps. */
const reliabilityCell = ({ share, confidence, agreement }: ReliabilityBin): string =>
  confidence === null || agreement === null ? '–' : `${agreement.toFixed(2)} of ${confidence.toFixed(2)} (${(100 * share).toFixed(0)}%)`;

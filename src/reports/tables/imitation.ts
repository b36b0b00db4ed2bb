/** @file What reports show of accuracy and calibration: columns, words, and the order of rows. */

import type { Estimate, ImitationScore, ImitationTable, ReliabilityBin } from '../../statistics/index.ts';
import { type Column, column, type ReportTable, withInterval } from './format.ts';

const NOTE =
  'Models look on as the source learns anew on these tasks. “source” is its own distribution over actions, the best that can be foretold; “random” is uniform choice. ' +
  'A model that was trained on other labels, or by returns, need not do as the source does.';

/** Accuracy and calibration, the least excess cross-entropy first. */
export function imitationTable({ methods }: ImitationTable): ReportTable<ImitationScore> {
  const names = Object.keys(methods).sort((a, b) => methods[a].excess.value - methods[b].excess.value || (a < b ? -1 : 1));
  const title = "action probabilities beside the source's";
  return { title, head: 'method', names, entries: methods, columns: imitationColumns(methods[names[0]]), note: () => NOTE };
}

const three = (value: number) => value.toFixed(3);
const interval = ({ value, low, high }: Estimate) => withInterval(value, [low, high], three);

/** Columns for models that all looked on as `like` did. */
function imitationColumns(like: ImitationScore): Column<ImitationScore>[] {
  const episodes = like.byEpisode.accuracy.value.length;
  return [
    column('accuracy', 'accuracy [interval]', "share of the steps whose likeliest action is (one of) the source's likeliest", of =>
      interval(of.accuracy),
    ),
    column(
      'excess',
      'excess [interval]',
      "cross-entropy with the source's distribution beyond that distribution's own entropy, in nats",
      of => interval(of.excess),
      1,
    ),
    column('nats', 'nats', "cross-entropy with the source's distribution", of => three(of.crossEntropy.value), 3),
    column(
      'calibration-error',
      'ECE [interval]',
      "expected calibration error: by how much the likeliest action's probability misses how often the source takes that action",
      of => interval(of.calibrationError),
      2,
    ),
    column('brier', 'Brier', "Brier score against actions drawn from the source's distribution", of => three(of.brier.value), 4),
    ...[1, 2, 5, 10]
      .filter(episode => episodes > 1 && episode <= episodes)
      .map(episode => {
        const cell = ({ byEpisode }: ImitationScore) => three(byEpisode.accuracy.value[episode - 1]);
        return column(`episode-${episode}`, `ep ${episode}`, `accuracy in episode ${episode}`, cell, 5);
      }),
  ];
}

/** Columns of the reliability table: one a bin. */
export function reliabilityColumns({ reliability }: ImitationScore): Column<ImitationScore>[] {
  const edge = (bin: number) => (bin / reliability.length).toFixed(1);
  return reliability.map((_, b) => {
    const [from, to] = [edge(b), edge(b + 1)];
    const meaning = `steps at which the likeliest action's probability is from ${from} to ${to}`;
    return column(`from-${from}`, `${from}–${to}`, meaning, score => reliabilityCell(score.reliability[b]));
  });
}

/** `0.93 of 0.95 (41%)`: how often the source takes the likeliest action, its mean probability, and the share of such steps. */
const reliabilityCell = ({ share, confidence, agreement }: ReliabilityBin): string =>
  confidence === null || agreement === null ? '–' : `${agreement.toFixed(2)} of ${confidence.toFixed(2)} (${(100 * share).toFixed(0)}%)`;

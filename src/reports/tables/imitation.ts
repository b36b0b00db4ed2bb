/** @file How closely models imitate the source: columns, texts, and the order of methods. */

import type { Estimate, ImitationScore, ImitationTable, ReliabilityBin } from '../../statistics/index.ts';
import { type Column, column, type ReportTable, withInterval } from './format.ts';

const NOTE =
  'The models observe the source while it learns these tasks again. “source” is its own action distribution, the best possible prediction; “random” is uniform choice. ' +
  'A model that was trained on other labels, or on returns, is not expected to imitate the source.';

/** Accuracy and calibration, the smallest excess cross-entropy first. */
export function imitationTable({ methods }: ImitationTable): ReportTable<ImitationScore> {
  const names = Object.keys(methods).sort((a, b) => methods[a].excess.value - methods[b].excess.value || (a < b ? -1 : 1));
  const title = 'imitation of the source';
  return { title, head: 'method', names, entries: methods, columns: imitationColumns(methods[names[0]]), note: () => NOTE };
}

const three = (value: number) => value.toFixed(3);
const interval = ({ value, low, high }: Estimate) => withInterval(value, [low, high], three);

/** Columns for models that were all evaluated as `like` was. */
function imitationColumns(like: ImitationScore): Column<ImitationScore>[] {
  const episodes = like.byEpisode.accuracy.value.length;
  return [
    column('accuracy', 'accuracy [95% CI]', "probability that the most likely action is (one of) the source's most likely actions", of =>
      interval(of.accuracy),
    ),
    column(
      'excess',
      ['excess [95% CI]', 'excess cross-entropy, nats [95% CI]'],
      "cross-entropy with the source's distribution minus the entropy of that distribution, in nats",
      of => interval(of.excess),
      1,
    ),
    column(
      'nats',
      ['nats', 'cross-entropy, nats'],
      "cross-entropy with the source's distribution, in nats",
      of => three(of.crossEntropy.value),
      3,
    ),
    column(
      'calibration-error',
      ['ECE [95% CI]', 'calibration error [95% CI]'],
      'expected calibration error: distance between the probability of the most likely action and how often the source takes it',
      of => interval(of.calibrationError),
      2,
    ),
    column(
      'brier',
      ['Brier', 'Brier score'],
      "Brier score against actions drawn from the source's distribution",
      of => three(of.brier.value),
      4,
    ),
    ...[1, 2, 5, 10]
      .filter(episode => episodes > 1 && episode <= episodes)
      .map(episode => {
        const cell = ({ byEpisode }: ImitationScore) => three(byEpisode.accuracy.value[episode - 1]);
        return column(
          `episode-${episode}`,
          [`ep ${episode}`, `accuracy, source episode ${episode}`],
          `accuracy in episode ${episode} of the source's histories`,
          cell,
          5,
        );
      }),
  ];
}

/** Columns of the reliability table, one for each bin. */
export function reliabilityColumns({ reliability }: ImitationScore): Column<ImitationScore>[] {
  const edge = (bin: number) => (bin / reliability.length).toFixed(1);
  return reliability.map((_, b) => {
    const [from, to] = [edge(b), edge(b + 1)];
    const meaning = `steps where the probability of the most likely action is from ${from} to ${to}`;
    return column(`from-${from}`, `${from}–${to}`, meaning, score => reliabilityCell(score.reliability[b]));
  });
}

/** `0.93 of 0.95 (41%)`: how often the source takes the most likely action, its mean probability, and the share of such steps. */
const reliabilityCell = ({ share, confidence, agreement }: ReliabilityBin): string =>
  confidence === null || agreement === null ? '–' : `${agreement.toFixed(2)} of ${confidence.toFixed(2)} (${(100 * share).toFixed(0)}%)`;

/** @file The numbers of a look inside as tables and sentences, for every report of it. */

import type { TransplantTable } from '../../play/index.ts';
import {
  type AttentionReport,
  type FactorProbes,
  type FieldReconstruction,
  type Inspection,
  PROBED,
  type Probed,
  type ProbeReport,
  SIDES,
} from '../../records/index.ts';
import type { MeanScore } from '../../statistics/index.ts';
import { digits, measured, SIDE_TITLES } from '../figures/inspection.ts';
import { type TextTable, withInterval } from './format.ts';

const interval = ({ mean, low, high }: MeanScore): string => withInterval(mean, [low, high], digits);

/** What is measured of each field over all ages, beside the mean context in the decoder's place. */
export function reconstructionTable(fields: Readonly<Record<(typeof SIDES)[number], readonly FieldReconstruction[]>>): TextTable {
  return {
    heads: ['field', 'measure', 'training', 'without Z', 'held-out', 'without Z'],
    rows: fields.train.map((field, f) => [
      field.name,
      field.measure,
      ...SIDES.flatMap(side => [fields[side][f].decoder, fields[side][f].reference].map(({ all }) => measured(field, all))),
    ]),
  };
}

const PROBED_TITLES: Readonly<Record<Probed, string>> = { Z: 'Z', raw: 'raw', shuffled: 'shuffled' };

/** What probes read of a factor after some episodes: of no more than `most` moments, the first and the last among them. */
export function probeTable(
  { curves, chance, parts = [] }: FactorProbes,
  { episodes, rewarded }: ProbeReport,
  most = Number.POSITIVE_INFINITY,
): TextTable {
  const count = Math.min(most, episodes.length);
  const shown = Array.from({ length: count }, (_, k) => Math.round((k * (episodes.length - 1)) / Math.max(1, count - 1)));
  const row = (name: string, values: readonly number[]) => [name, ...shown.map(at => digits(values[at]))];
  return {
    heads: ['after episodes', ...shown.map(at => String(episodes[at]))],
    rows: [
      ...PROBED.map(probed => row(`${PROBED_TITLES[probed]}, held-out`, curves[probed].heldOut.mean)),
      ...PROBED.map(probed => row(`${PROBED_TITLES[probed]}, training`, curves[probed].train.mean)),
      // Many numbers of one kind are told together.
      ...(parts.length <= 4 ? parts.map(({ name, mean }) => row(`Z: ${name}, held-out`, mean.heldOut)) : []),
      row('chance, held-out', chance.heldOut),
      row('found a reward, held-out', rewarded.heldOut),
    ],
  };
}

/** What memories do on each side. */
export function transplantTableText(tables: Readonly<Record<(typeof SIDES)[number], TransplantTable>>): TextTable {
  const row = (name: string, of: (table: TransplantTable) => MeanScore) => [name, ...SIDES.map(side => interval(of(tables[side])))];
  return {
    heads: ['memory', ...SIDES.map(side => SIDE_TITLES[side])],
    rows: [
      row('own: return', ({ own }) => own.return),
      row("other's: return by its task", ({ transplanted }) => transplanted.byOther),
      row("other's: return by the task acted in", ({ transplanted }) => transplanted.byOwn),
      row('empty: return', ({ empty }) => empty.return),
      row('own: acts for its task', ({ own }) => own.pursues),
      row("other's: acts for its task", ({ transplanted }) => transplanted.pursues),
      row('empty: acts for another task', ({ empty }) => empty.pursues),
    ],
  };
}

export const TRANSPLANT_NOTE =
  'Returns of one episode as a share of the oracle of the task that scores. An agent that acts in one task with the memory of another sees the rewards of the one ' +
  'that it acts in; what it does is also replayed in the other. It acts for a task where the same actions earn something there or, where the best action of every step is known, as often as it takes that.';

export const PROBE_NOTE = ({ numbers, transitions, fittedStreams }: ProbeReport): string =>
  `Linear probes on the ${numbers.Z} numbers of Z, beside probes on the ${numbers.raw} numbers of the latest ${transitions} raw transitions (raw) and on Z with the labels of ` +
  `training tasks exchanged (shuffled). Fitted on ${fittedStreams} streams of every training task, their regularisation chosen by cross-validation over training tasks; scored on the other streams and on held-out tasks.`;

/** Where heads look, in a sentence a layer: how evenly, and at what most. */
export function attentionLines({ layers, heldOut, latents }: AttentionReport): string[] {
  const { episode, weights, entropy } = heldOut[heldOut.length - 1];
  return layers.map((layer, l) => {
    const heads = weights[l].map((row, j) => {
      const most = row.indexOf(Math.max(...row));
      return `head ${j + 1} ${most < latents ? `z${most + 1}` : `p${most + 1 - latents}`} ${digits(row[most])} (entropy ${digits(entropy[l][j])})`;
    });
    return `layer ${layer + 1}, episode ${episode}: ${heads.join(', ')}`;
  });
}

/** What was looked into, in a sentence. */
export function subjectLine({ model, sides, episodes }: Inspection): string {
  const [m, width] = model.latentShape;
  return `The student of ${model.stage} (${model.compressor}, Z of ${m} × ${width} numbers) on ${sides.train.tasks} training and ${sides.heldOut.tasks} ${sides.heldOut.side} tasks, ${episodes} episodes a stream.`;
}

/** @file The reports of a look inside: its numbers as tables and sentences, on a terminal and as one HTML file. */

import type { TransplantTable } from '../play/index.ts';
import type { AttentionReport, FactorProbes, FieldReconstruction, Inspection, Missing, Probed, ProbeReport } from '../records/index.ts';
import { isMissing, PROBED, SIDES, scaleWords } from '../records/index.ts';
import type { MeanScore } from '../statistics/index.ts';
import { wantsColor } from '../util/color.ts';
import { wrap } from '../util/text.ts';
import {
  attentionMap,
  digits,
  measured,
  probeCurves,
  reconstructionCurves,
  reconstructionMap,
  SIDE_TITLES,
  shownEpisodes,
  transplantMap,
} from './figures/inspection.ts';
import { dataTable, figure, html, type Markup, type Part, page, runSection } from './html/results.ts';
import { type TextTable, withInterval } from './tables/format.ts';
import { painter, type TerminalOptions, table } from './terminal/results.ts';

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

const transplantNote = ({ reference }: Inspection) =>
  `Returns of one episode, ${scaleWords(reference)}, by the task that scores. ` +
  'An agent that acts in one task with the memory of another sees the rewards of the one ' +
  'that it acts in; what it does is also replayed in the other. It acts for a task where the same actions earn something there or, where the best action of every step is known, as often as it takes that.';

const PROBE_NOTE = ({ numbers, transitions, fittedStreams }: ProbeReport): string =>
  `Linear probes on the ${numbers.Z} numbers of Z, beside probes on the ${numbers.raw} numbers of the latest ${transitions} raw transitions (raw) and on Z with the labels of ` +
  `training tasks exchanged (shuffled). Fitted on ${fittedStreams} streams of every training task, their regularization chosen by cross-validation over training tasks; scored on the other streams and on held-out tasks.`;

/** Where heads look, in a sentence a layer: how evenly, and at what most. */
function attentionLines({ layers, heldOut, latents }: AttentionReport): string[] {
  const { episode, weights, entropy } = heldOut[heldOut.length - 1];
  return layers.map((layer, l) => {
    const heads = weights[l].map((row, j) => {
      const most = row.indexOf(Math.max(...row));
      return `head ${j + 1} ${most < latents ? `z${most + 1}` : `p${most + 1 - latents}`} ${digits(row[most])} (entropy ${digits(entropy[l][j])})`;
    });
    return `layer ${layer + 1}, episode ${episode}: ${heads.join(', ')}`;
  });
}

function subjectLine({ model, sides, episodes }: Inspection): string {
  const [m, width] = model.latentShape;
  return `The agent of ${model.stage} (${model.compressor}, Z of ${m} × ${width} numbers) on ${sides.train.tasks} training and ${sides.heldOut.tasks} ${sides.heldOut.side} tasks, ${episodes} episodes a stream.`;
}

/** Columns that the names of a table of probes take, and each moment beside them. */
const [NAMES, MOMENT] = [26, 6];

/** The whole summary on a terminal. */
export function formatInspection(
  inspection: Inspection,
  { width = process.stdout.columns ?? 80, color = wantsColor() }: TerminalOptions = {},
): string {
  const paint = painter(color);
  const { name, reconstruction, probes, transplants, attention, intervalNote } = inspection;
  const text = ({ heads, rows }: TextTable) => table(heads, rows, paint);
  const section = <T extends object>(title: string, found: T | Missing, parts: (found: T) => string[]): string[] => [
    paint('bold', title),
    ...(isMissing(found) ? [wrap(found.missing, width)] : parts(found as T)),
  ];
  const parts = [
    wrap(`${name}: ${subjectLine(inspection)}`, width),
    ...section('What can be given back of Z', reconstruction, found => [
      text(reconstructionTable(found.fields)),
      wrap(`After ${found.after} episodes, over all ages. ${found.decoder}`, width),
    ]),
    ...section('What can be read from Z of the hidden task', probes, found => [
      ...found.factors.flatMap(factor => [
        `${factor.name} (${factor.measure})`,
        text(probeTable(factor, found, Math.max(2, Math.floor((width - NAMES) / MOMENT)))),
      ]),
      wrap(PROBE_NOTE(found), width),
    ]),
    ...section('What another memory makes the agent do', transplants, found => [
      text(transplantTableText(found)),
      wrap(transplantNote(inspection), width),
    ]),
    ...section('Where its queries look', attention, found => attentionLines(found).map(line => wrap(line, width))),
    wrap(intervalNote, width),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** The look inside as a whole HTML document, in the look of the other reports. */
export function inspectionHtml(inspection: Inspection): string {
  const { name, reconstruction, probes, transplants, attention, intervalNote, run } = inspection;
  return page(
    `${name}: inside`,
    html`<header>
<h1>Inside ${name}</h1>
<p>What is in Z, all that the agent carries of its past, and what its policy does with it. ${subjectLine(inspection)}</p>
</header>
<main>
${htmlSection('Reconstruction', reconstruction, found => [
  html`<p>How much of the past transitions a decoder gives back of Z, after ${found.after} in-context episodes, always against the raw values. ${found.decoder}
“Without Z” is the mean context of the training streams in the decoder’s place.</p>`,
  dataTable(reconstructionTable(found.fields)),
  figure(
    reconstructionMap(found),
    `By age, in episodes of ${found.horizon} steps: accuracy, recall of rewarded transitions (events), and of numbers the share of the squared error without Z that the decoder explains (expl.).`,
  ),
  figure(reconstructionCurves(found), 'On held-out tasks by steps back; dotted: without Z.'),
])}
${htmlSection('What Z says of the hidden task', probes, found => [
  html`<p>${PROBE_NOTE(found)}</p>`,
  ...found.factors.flatMap(factor => [
    html`<h3>${factor.name}</h3>`,
    figure(probeCurves(factor, found), `${factor.measure} by in-context episode; the band is the interval of the blue line.`),
    dataTable(probeTable(factor, found)),
  ]),
])}
${htmlSection('Exchanged memories', transplants, found => [
  html`<p>${transplantNote(inspection)}</p>`,
  dataTable(transplantTableText(found)),
  ...[...SIDES]
    .reverse()
    .map(side => figure(transplantMap(found[side]), `On ${SIDE_TITLES[side]}; on the diagonals with memories of the own task.`)),
])}
${htmlSection('Attention', attention, found => [
  html`<p>Mean weights with which queries attend to Z by layer and head, over streams on held-out tasks and the steps of episodes
${shownEpisodes(found)
  .map(({ episode }) => episode)
  .join(', ')}; the largest weight of all is darkest. Entropy is a share of the largest possible.</p>`,
  figure(attentionMap(found), 'Each row sums to 1.'),
  attentionLines(found).map(line => html`<p class="note">${line}</p>`),
])}
<section>
<h2>How the numbers were made</h2>
<p>${intervalNote}</p>
</section>
${runSection(run)}
</main>
`,
  );
}

function htmlSection<T extends object>(title: string, found: T | Missing, parts: (found: T) => Part): Markup {
  return html`<section>
<h2>${title}</h2>
${isMissing(found) ? html`<p>${found.missing}</p>` : parts(found as T)}
</section>`;
}

/** @file The reports of `cadenza inspect`: tables and sentences, on a terminal and as one HTML file. */

import type { TransplantTable } from '../play/index.ts';
import type { AttentionReport, FactorProbes, FieldReconstruction, Inspection, Missing, Probed, ProbeReport } from '../records/index.ts';
import { factorTitle, isMissing, momentsOf, PROBED, SIDES, scaleWords } from '../records/index.ts';
import type { MeanScore } from '../statistics/index.ts';
import { wantsColor } from '../util/color.ts';
import { terminalWidth, wrap } from '../util/text.ts';
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
import { foldedSection, html, type Markup, type Part, page } from './html/page.ts';
import { figure, runSection } from './html/results.ts';
import { dataTable } from './html/tables.ts';
import { type TextTable, withInterval } from './tables/format.ts';
import { painter, type TerminalOptions, table } from './terminal/results.ts';

const interval = ({ mean, low, high }: MeanScore): string => withInterval(mean, [low, high], digits);

/** Reconstruction of each field over all ages, next to that of the mean context (without Z). */
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

/** Scores of the probes for a factor by moment; at most `most` moments, with the first and the last. */
export function probeTable({ curves, chance, parts = [] }: FactorProbes, report: ProbeReport, most = Number.POSITIVE_INFINITY): TextTable {
  const { unit, at } = momentsOf(report);
  const count = Math.min(most, at.length);
  const shown = Array.from({ length: count }, (_, k) => Math.round((k * (at.length - 1)) / Math.max(1, count - 1)));
  const row = (name: string, values: readonly number[]) => [name, ...shown.map(e => digits(values[e]))];
  return {
    heads: [`after ${unit}`, ...shown.map(e => String(at[e]))],
    rows: [
      ...PROBED.map(probed => row(`${PROBED_TITLES[probed]}, held-out`, curves[probed].heldOut.mean)),
      ...PROBED.map(probed => row(`${PROBED_TITLES[probed]}, training`, curves[probed].train.mean)),
      // Factors with many components are shown as a whole only.
      ...(parts.length <= 4 ? parts.map(({ name, mean }) => row(`Z: ${name}, held-out`, mean.heldOut)) : []),
      row('chance, held-out', chance.heldOut),
      row('found a reward, held-out', report.rewarded.heldOut),
    ],
  };
}

/** Effect of the agent's own, exchanged and empty memories on training and on held-out tasks. */
export function transplantTableText(tables: Readonly<Record<(typeof SIDES)[number], TransplantTable>>): TextTable {
  const row = (name: string, of: (table: TransplantTable) => MeanScore) => [name, ...SIDES.map(side => interval(of(tables[side])))];
  return {
    heads: ['memory', ...SIDES.map(side => SIDE_TITLES[side])],
    rows: [
      row('own: return', ({ own }) => own.return),
      row("other's: return in its task", ({ transplanted }) => transplanted.byOther),
      row("other's: return in the own task", ({ transplanted }) => transplanted.byOwn),
      row('empty: return', ({ empty }) => empty.return),
      row('own: pursues its task', ({ own }) => own.pursues),
      row("other's: pursues its task", ({ transplanted }) => transplanted.pursues),
      row('empty: pursues another task', ({ empty }) => empty.pursues),
    ],
  };
}

const transplantNote = ({ reference }: Inspection) =>
  `Returns of one episode, ${scaleWords(reference)}. ` +
  'The agent acts in one task with the memory (Z) from another and sees the rewards of the task it acts in; the same actions are also replayed in the other task. ' +
  'It pursues a task if its actions earn a reward there or, where the best action of every step is known, to the extent that it takes these actions.';

function probeNote({ numbers, transitions, fittedStreams, calls, factors }: ProbeReport): string {
  const source = factors.find(({ source }) => source)?.source;
  const sentences = [
    `Linear probes on the ${numbers.Z} numbers of Z, compared with probes on the ${numbers.raw} numbers of the last ${transitions} raw transitions (raw) and on Z with permuted labels of training tasks (shuffled).`,
    `Probes are fitted on ${fittedStreams} streams of every training task, with regularization chosen by cross-validation over training tasks, and scored on the other streams and on held-out tasks.`,
    calls && 'Moments are calls since the start of the episode, where segments end; streams that ended before are left out.',
    source &&
      `“${source}” marks beliefs: what a new learner of this source knows after observing the same steps. Their chance is the accuracy of the most frequent value.`,
  ];
  return sentences.filter(Boolean).join(' ');
}

/** The largest attention weight and the entropy of every head, one sentence per layer. */
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

/** A number of in-context episodes, or the only one. */
const episodesOf = ({ episodes }: Inspection, count: number): string =>
  episodes === 1 ? 'the whole episode' : `${count} in-context episodes`;

function subjectLine({ model, sides, episodes }: Inspection): string {
  const [m, width] = model.latentShape;
  return `The agent after ${model.stage} (${model.compressor}, Z of ${m} × ${width} numbers) on ${sides.train.tasks} training and ${sides.heldOut.tasks} ${sides.heldOut.side} tasks, ${episodes === 1 ? 'one episode' : `${episodes} episodes`} per stream.`;
}

/** Characters of the names in a table of probes, and of each further column. */
const [NAMES, MOMENT] = [26, 6];
/** Columns of that table on a page; inspect.json has all of them. */
const MOST_MOMENTS = 14;

/** The complete summary for a terminal. */
export function formatInspection(inspection: Inspection, { width = terminalWidth(), color = wantsColor() }: TerminalOptions = {}): string {
  const paint = painter(color);
  const { name, reconstruction, probes, transplants, attention, intervalNote } = inspection;
  const text = ({ heads, rows }: TextTable) => table(heads, rows, paint);
  const section = <T extends object>(title: string, found: T | Missing, parts: (found: T) => string[]): string[] => [
    paint('bold', title),
    ...(isMissing(found) ? [wrap(found.missing, width)] : parts(found as T)),
  ];
  const parts = [
    wrap(`${name}: ${subjectLine(inspection)}`, width),
    ...section('Reconstruction: what Z preserves of the context', reconstruction, found => [
      text(reconstructionTable(found.fields)),
      wrap(`After ${episodesOf(inspection, found.after)}, over all ages. ${found.decoder}`, width),
    ]),
    ...section('Probes: what Z encodes about the hidden task', probes, found => [
      ...found.factors.flatMap(factor => [
        `${factorTitle(factor)} (${factor.measure})`,
        text(probeTable(factor, found, Math.max(2, Math.floor((width - NAMES) / MOMENT)))),
      ]),
      wrap(probeNote(found), width),
    ]),
    ...section('Exchanged memories: what the agent does with another Z', transplants, found => [
      text(transplantTableText(found)),
      wrap(transplantNote(inspection), width),
    ]),
    ...section('Attention: which latents the policy uses', attention, found => attentionLines(found).map(line => wrap(line, width))),
    wrap(intervalNote, width),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** The inspection as a complete HTML document. */
export function inspectionHtml(inspection: Inspection): string {
  const { name, reconstruction, probes, transplants, attention, intervalNote, run } = inspection;
  return page(
    `${name}: inside`,
    html`<header>
<h1>Inside ${name}</h1>
<p>What Z encodes, which is all that the agent remembers of its past, and how the policy uses it. ${subjectLine(inspection)}</p>
</header>
<main>
${htmlSection('Reconstruction', reconstruction, found => [
  html`<p>How well a decoder reconstructs past transitions from Z after ${episodesOf(inspection, found.after)}, compared with the raw values. ${found.decoder}
“Without Z” uses the mean context of the training streams instead of the decoder.</p>`,
  dataTable(reconstructionTable(found.fields)),
  figure(
    reconstructionMap(found, inspection),
    `By age, in ${inspection.episodes === 1 ? 'steps' : `episodes of ${found.horizon} steps`}: accuracy, recall of rewarded transitions (events), and for real numbers the fraction of the squared error without Z that the decoder removes (expl.).`,
  ),
  figure(reconstructionCurves(found), 'Held-out tasks, by steps back. Dotted: without Z.'),
])}
${htmlSection('Probes of the hidden task', probes, found => [
  html`<p>${probeNote(found)}</p>`,
  ...found.factors.flatMap(factor => [
    html`<h3>${factorTitle(factor)}</h3>`,
    figure(
      probeCurves(factor, found),
      `${factor.measure} by ${found.calls ? 'calls since the start' : 'in-context episode'}. The band is the interval of the blue line.`,
    ),
    dataTable(probeTable(factor, found, MOST_MOMENTS)),
  ]),
])}
${htmlSection('Exchanged memories', transplants, found => [
  html`<p>${transplantNote(inspection)}</p>`,
  dataTable(transplantTableText(found)),
  ...[...SIDES]
    .reverse()
    .map(side =>
      figure(
        transplantMap(found[side]),
        `${capital(SIDE_TITLES[side])}. On the diagonals, the memory is from the task that the agent acts in.`,
      ),
    ),
])}
${htmlSection('Attention', attention, found => [
  html`<p>Mean attention weights from queries to Z by layer and head, over streams on held-out tasks and the steps of episodes
${shownEpisodes(found)
  .map(({ episode }) => episode)
  .join(', ')}. Darker cells are larger weights. Entropy is a fraction of its maximum.</p>`,
  figure(attentionMap(found), 'Each row sums to 1.'),
  attentionLines(found).map(line => html`<p class="note">${line}</p>`),
])}
${foldedSection('Intervals', html`<p>${intervalNote}</p>`)}
${runSection(run)}
</main>
`,
  );
}

const capital = (text: string): string => text[0].toUpperCase() + text.slice(1);

function htmlSection<T extends object>(title: string, found: T | Missing, parts: (found: T) => Part): Markup {
  return html`<section>
<h2>${title}</h2>
${isMissing(found) ? html`<p>${found.missing}</p>` : parts(found as T)}
</section>`;
}

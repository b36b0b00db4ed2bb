/** @file A look inside as one HTML file, in the look of the other reports. */

import { type Inspection, isMissing, type Missing, SIDES } from '../../records/index.ts';
import {
  attentionMap,
  probeCurves,
  reconstructionCurves,
  reconstructionMap,
  SIDE_TITLES,
  shownEpisodes,
  transplantMap,
} from '../figures/inspection.ts';
import {
  attentionLines,
  PROBE_NOTE,
  probeTable,
  reconstructionTable,
  subjectLine,
  TRANSPLANT_NOTE,
  transplantTableText,
} from '../tables/inspection.ts';
import { dataTable, figure, html, type Markup, type Part, page, runSection } from './results.ts';

/** The whole HTML document. */
export function inspectionHtml(inspection: Inspection): string {
  const { name, reconstruction, probes, transplants, attention, bars, run } = inspection;
  return page(
    `${name}: inside`,
    html`<header>
<h1>Inside ${name}</h1>
<p>What is in Z, all that the student carries of its past, and what its policy does with it. ${subjectLine(inspection)}</p>
</header>
<main>
${section('Reconstruction', reconstruction, found => [
  html`<p>How much of the past transitions a decoder gives back of Z, after ${found.after} in-context episodes, always against the raw values. ${found.decoder}
“Without Z” is the mean context of the training streams in the decoder’s place.</p>`,
  dataTable(reconstructionTable(found.fields)),
  figure(
    reconstructionMap(found),
    `By age, in episodes of ${found.horizon} steps: accuracy, recall of rewarded transitions (events), and of numbers the share of the squared error without Z that the decoder explains (expl.).`,
  ),
  figure(reconstructionCurves(found), 'On held-out tasks by steps back; dotted: without Z.'),
])}
${section('What Z says of the hidden task', probes, found => [
  html`<p>${PROBE_NOTE(found)}</p>`,
  ...found.factors.flatMap(factor => [
    html`<h3>${factor.name}</h3>`,
    figure(probeCurves(factor, found), `${factor.measure} by in-context episode; the band is the interval of the blue line.`),
    dataTable(probeTable(factor, found)),
  ]),
])}
${section('Exchanged memories', transplants, found => [
  html`<p>${TRANSPLANT_NOTE}</p>`,
  dataTable(transplantTableText(found)),
  ...[...SIDES]
    .reverse()
    .map(side => figure(transplantMap(found[side]), `On ${SIDE_TITLES[side]}; on the diagonals with memories of the own task.`)),
])}
${section('Attention', attention, found => [
  html`<p>Mean weights with which queries attend to Z by layer and head, over streams on held-out tasks and the steps of episodes
${shownEpisodes(found)
  .map(({ episode }) => episode)
  .join(', ')}; the largest weight of all is darkest. Entropy is a share of the largest possible.</p>`,
  figure(attentionMap(found), 'Each row sums to 1.'),
  attentionLines(found).map(line => html`<p class="note">${line}</p>`),
])}
<section>
<h2>How the numbers were made</h2>
<p>${bars}</p>
</section>
${runSection(run)}
</main>
`,
  );
}

function section<T extends object>(title: string, found: T | Missing, parts: (found: T) => Part): Markup {
  return html`<section>
<h2>${title}</h2>
${isMissing(found) ? html`<p>${found.missing}</p>` : parts(found as T)}
</section>`;
}

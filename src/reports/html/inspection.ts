/** @file A look inside as one HTML file, in the look of the other reports. */

import { type Inspection, isMissing, type Missing, SIDES } from '../../records/index.ts';
import {
  attentionMap,
  type Draw,
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
  type TextTable,
  TRANSPLANT_NOTE,
  transplantTableText,
} from '../tables/inspection.ts';
import { html, Markup, page, runSection } from './results.ts';

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
  textTable(reconstructionTable(found.fields)),
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
    textTable(probeTable(factor, found)),
  ]),
])}
${section('Exchanged memories', transplants, found => [
  html`<p>${TRANSPLANT_NOTE}</p>`,
  textTable(transplantTableText(found)),
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

function section<T extends object>(title: string, found: T | Missing, parts: (found: T) => readonly (Markup | Markup[])[]): Markup {
  return html`<section>
<h2>${title}</h2>
${isMissing(found) ? html`<p>${found.missing}</p>` : parts(found as T)}
</section>`;
}

const figure = (draw: Draw, caption: string): Markup => html`<figure>
<div class="wide">${new Markup(draw({ ground: 'inherit' }))}</div>
<div class="narrow">${new Markup(draw({ ground: 'inherit', width: 360, height: 320 }))}</div>
<figcaption>${caption}</figcaption>
</figure>`;

const textTable = ({ heads, rows }: TextTable): Markup => html`<div class="scroll" tabindex="0"><table>
<thead><tr>${heads.map(head => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>
${rows.map(([first, ...cells]) => html`<tr><th scope="row">${first}</th>${cells.map(cell => html`<td>${cell}</td>`)}</tr>\n`)}</tbody>
</table></div>`;

/** @file The report of a supervised experiment as one HTML file, in the look of the others. */

import type { SupervisedResults } from '../../records/index.ts';
import { methodStyles } from '../figures/style.ts';
import { rankedBySupervised, scoreCurves, trainingCurves } from '../figures/supervised.ts';
import { supervisedColumns } from '../terminal/supervised.ts';
import { html, Markup, page, runSection, swatch, yamlBlock } from './results.ts';

/** The whole HTML document. */
export function supervisedHtml(results: SupervisedResults): string {
  const { name, problem, score, reference, tasks, queries, headline, bars, methods, run, split, validation } = results;
  const styles = methodStyles(Object.keys(methods));
  const names = rankedBySupervised(results);
  const columns = supervisedColumns(results);
  const figure = (draw: typeof scoreCurves, caption: string) => html`<figure>
<div class="wide">${new Markup(draw(results, { ground: 'inherit' }))}</div>
<div class="narrow">${new Markup(draw(results, { ground: 'inherit', width: 360, height: 320 }))}</div>
<figcaption>${caption}</figcaption>
</figure>`;
  return page(
    name,
    html`<header>
<h1>${name}</h1>
<p>Learning in context from examples: ${problem.description}. The ${score.name} on new tasks, by the number of examples (${score.better} is
better). Reference: ${reference.about}.</p>
</header>
<main>
<section>
<h2>Results</h2>
${figure(scoreCurves, `Mean ${score.name} on ${tasks} test tasks; the bands are explained below.`)}
<div class="scroll" tabindex="0"><table>
<thead><tr><th scope="col">method</th>${columns.map(({ title }) => html`<th scope="col">${title}</th>`)}</tr></thead>
<tbody>
${names.map(method => html`<tr><th scope="row">${swatch(method, styles)}</th>${columns.map(({ cell }) => html`<td>${cell(methods[method])}</td>`)}</tr>\n`)}</tbody>
</table></div>
</section>
<section>
<h2>Training</h2>
${figure(trainingCurves, `Mean ${score.name} on ${validation.tasks} validation tasks with ${headline} examples.`)}
</section>
<section>
<h2>How the numbers were made</h2>
<p>${bars} Each task has ${queries} test inputs, and the contexts of fewer examples are the beginnings of those of more.</p>
</section>
<section>
<h2>Split</h2>
${yamlBlock(split)}
</section>
${runSection(run)}
</main>
`,
  );
}

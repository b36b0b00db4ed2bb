/** @file The report of a supervised experiment as one HTML file, in the look of the others. */

import type { SupervisedResults } from '../../records/index.ts';
import { methodStyles } from '../figures/style.ts';
import { rankedBySupervised, scoreCurves, trainingCurves } from '../figures/supervised.ts';
import { supervisedColumns } from '../tables/supervised.ts';
import { figure, html, legendTable, page, runSection, yamlBlock } from './results.ts';

/** The whole HTML document. */
export function supervisedHtml(results: SupervisedResults): string {
  const { name, problem, score, reference, tasks, queries, headline, bars, methods, validation } = results;
  const styles = methodStyles(Object.keys(methods));
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
${figure(options => scoreCurves(results, options), `Mean ${score.name} on ${tasks} test tasks; the bands are explained below.`)}
${legendTable('method', rankedBySupervised(results), methods, supervisedColumns(results), styles)}
</section>
<section>
<h2>Training</h2>
${figure(
  options => trainingCurves(results, options),
  `Mean ${score.name} on ${validation.tasks} validation tasks with ${headline} examples.`,
)}
</section>
<section>
<h2>How the numbers were made</h2>
<p>${bars} Each task has ${queries} test inputs, and the contexts of fewer examples are the beginnings of those of more.</p>
</section>
<section>
<h2>Split</h2>
${yamlBlock(results.split)}
</section>
${runSection(results.run, styles)}
</main>
`,
  );
}

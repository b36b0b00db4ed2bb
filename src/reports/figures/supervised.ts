/** @file Curves of a supervised experiment. */

import type { SupervisedResults } from '../../records/index.ts';
import type { Figure, Line, LineFigure } from './figure.ts';
import { methodStyles } from './style.ts';

/** Methods by their score with the main number of examples, best first. */
export function rankedBySupervised({ methods, examples, headline, score }: SupervisedResults): string[] {
  const at = examples.indexOf(headline);
  const sign = score.better === 'lower' ? 1 : -1;
  const value = (name: string) => sign * methods[name].byExamples.mean[at];
  return Object.keys(methods).sort((a, b) => value(a) - value(b) || (a < b ? -1 : 1));
}

/** Mean score on test tasks by number of examples, with intervals as bands. Errors are on a logarithmic scale. */
export const scoreCurves = {
  id: 'scores',
  of: 'supervised',
  title: 'Scores',
  caption: ({ score, tasks }) => `Mean ${score.name} on ${tasks} test tasks. Bands are 95% intervals.`,
  draw(results): LineFigure {
    const { examples, methods } = results;
    const lines = rankedBySupervised(results).map(name => {
      const { mean, low, high } = methods[name].byExamples;
      return { name, points: examples.map((x, i) => ({ x, y: mean[i], low: low[i], high: high[i] })) };
    });
    return scoreFigure(lines, results, 'examples in the context');
  },
} satisfies Figure<'supervised'>;

/** Mean score on validation tasks with the main number of examples by training step; the reference, which is not trained, is a horizontal line. */
export const trainingCurves = {
  id: 'training',
  of: 'supervised',
  title: 'Training',
  caption: ({ score, headline, validation }) => `Mean ${score.name} on ${validation.tasks} validation tasks with ${headline} examples.`,
  draw(results): LineFigure | undefined {
    const { examples, methods, headline, reference, validation } = results;
    const trained = rankedBySupervised(results).flatMap(name => {
      const { curve } = methods[name];
      return curve ? [{ name, points: curve.step.map((x, i) => ({ x, y: curve.byExamples[headline][i] })) }] : [];
    });
    if (trained.length === 0) return undefined;
    const steps = trained.flatMap(({ points }) => points.map(({ x }) => x));
    const level = validation.reference[examples.indexOf(headline)];
    const flat = [Math.min(...steps), Math.max(...steps)].map(x => ({ x, y: level }));
    return scoreFigure([...trained, { name: reference.name, points: flat }], results, 'training step');
  },
} satisfies Figure<'supervised'>;

/** Lines in the scale of the score: errors are on a logarithmic one. */
function scoreFigure(lines: readonly Line[], { methods, score }: SupervisedResults, x: string): LineFigure {
  const logarithmic = score.better === 'lower';
  const points = lines.flatMap(({ points }) => points);
  const values = points.flatMap(({ y, low = y, high = y }) => [low, y, high]).filter(y => !logarithmic || y > 0);
  const domain = logarithmic
    ? ([Math.min(...values) / 1.1, Math.max(...values) * 1.1] as const)
    : ([Math.min(0, ...values), Math.max(1, ...values)] as const);
  const styles = methodStyles(Object.keys(methods));
  return { lines, styles, ariaLabel: `${score.name} by ${x}`, x, y: { label: score.name, domain, logarithmic } };
}

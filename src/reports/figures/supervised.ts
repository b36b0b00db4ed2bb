/** @file Figures of supervised experiments: score by number of examples, and validation score by training step. */

import type { SupervisedResults } from '../../records/index.ts';
import { lineFigure } from './lines.ts';
import type { FigureOptions, Line } from './plot.ts';
import { methodStyles } from './style.ts';

/** Methods by their score at the headline number of examples, best first. */
export function rankedBySupervised({ methods, examples, headline, score }: SupervisedResults): string[] {
  const at = examples.indexOf(headline);
  const sign = score.better === 'lower' ? 1 : -1;
  const value = (name: string) => sign * methods[name].byExamples.mean[at];
  return Object.keys(methods).sort((a, b) => value(a) - value(b) || (a < b ? -1 : 1));
}

/** Mean score on test tasks by number of examples, with the intervals as bands. Errors are on a logarithmic scale. */
export function scoreCurves(results: SupervisedResults, options: FigureOptions = {}): string {
  const { examples, methods } = results;
  const lines = rankedBySupervised(results).map(name => {
    const { mean, low, high } = methods[name].byExamples;
    return { name, points: examples.map((x, i) => ({ x, y: mean[i], low: low[i], high: high[i] })) };
  });
  return scoreFigure(lines, results, { ...options, x: 'examples in the context' });
}

/** Mean score on validation tasks with the headline number of examples by training step; the reference, which is not trained, is level. */
export function trainingCurves(results: SupervisedResults, options: FigureOptions = {}): string {
  const { examples, methods, headline, reference, validation } = results;
  const trained = rankedBySupervised(results).flatMap(name => {
    const { curve } = methods[name];
    return curve ? [{ name, points: curve.step.map((x, i) => ({ x, y: curve.byExamples[headline][i] })) }] : [];
  });
  const steps = trained.flatMap(({ points }) => points.map(({ x }) => x));
  const level = validation.reference[examples.indexOf(headline)];
  const flat = [Math.min(...steps), Math.max(...steps)].map(x => ({ x, y: level }));
  return scoreFigure([...trained, { name: reference.name, points: flat }], results, { ...options, x: 'training step' });
}

/** Lines by name, in the scale that the score asks for: errors are on a logarithmic one. */
function scoreFigure(
  lines: readonly Line[],
  { methods, score }: SupervisedResults,
  { x, ...options }: FigureOptions & { x: string },
): string {
  const logarithmic = score.better === 'lower';
  const points = lines.flatMap(({ points }) => points);
  const values = points.flatMap(({ y, low = y, high = y }) => [low, y, high]).filter(y => !logarithmic || y > 0);
  const domain = logarithmic
    ? ([Math.min(...values) / 1.1, Math.max(...values) * 1.1] as const)
    : ([Math.min(0, ...values), Math.max(1, ...values)] as const);
  const styles = methodStyles(Object.keys(methods));
  return lineFigure({ lines, styles, ariaLabel: `${score.name} by ${x}`, x, y: { label: score.name, domain, logarithmic } }, options);
}

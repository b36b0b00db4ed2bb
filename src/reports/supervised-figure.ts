/** @file Figures of supervised experiments: score by number of examples, and validation score by training step. */

import * as Plot from '@observablehq/plot';
import type { SupervisedResults } from '../evaluation/index.ts';
import { drawPlot, type FigureOptions, LABEL_GAP, LETTER_WIDTH } from './figure.ts';
import { methodStyles, spread } from './style.ts';

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
  return lineFigure(lines, results, { ...options, x: 'examples in the context' });
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
  return lineFigure([...trained, { name: reference.name, points: flat }], results, { ...options, x: 'training step' });
}

interface Line {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly low?: number; readonly high?: number }[];
}

/** Lines by name, each named where it ends. */
function lineFigure(
  lines: readonly Line[],
  { methods, score }: SupervisedResults,
  { width = 880, height = 460, ground = 'paper', x: label }: FigureOptions & { x: string },
): string {
  const styles = methodStyles(Object.keys(methods));
  const logarithmic = score.better === 'lower';
  const all = lines.flatMap(({ points }) => points);
  const values = all.flatMap(({ y, low = y, high = y }) => [low, y, high]).filter(y => !logarithmic || y > 0);
  const [low, high] = logarithmic
    ? [Math.min(...values) / 1.1, Math.max(...values) * 1.1]
    : [Math.min(0, ...values), Math.max(1, ...values)];
  const [first, last] = [Math.min(...all.map(({ x }) => x)), Math.max(...all.map(({ x }) => x), 1 + Math.min(...all.map(({ x }) => x)))];
  const marginRight = 26 + LETTER_WIDTH * Math.max(...lines.map(({ name }) => name.length));
  const margins = { marginTop: 30, marginBottom: 42, marginLeft: 52, marginRight };

  // Labels are pushed apart on the paper, so in the scale that it has.
  const [into, out] = logarithmic ? [Math.log, Math.exp] : [(y: number) => y, (y: number) => y];
  const perPixel = (into(high) - into(low)) / (height - margins.marginTop - margins.marginBottom);
  const perPixelX = (last - first) / (width - margins.marginLeft - marginRight);
  const ends = lines.map(({ points }) => points.at(-1)!.y);
  const places = spread(ends.map(into), LABEL_GAP * perPixel, into(low), into(high)).map(out);
  const labels = lines.map(({ name }, i) => ({ name, end: ends[i], place: places[i] }));
  const order = [...lines].reverse().sort((a, b) => Number(styles.get(a.name)!.emphasised) - Number(styles.get(b.name)!.emphasised));

  const marks = [
    Plot.gridY({ strokeOpacity: 0.1 }),
    ...order.map(({ name, points }) =>
      Plot.areaY(
        points.filter(point => point.low !== undefined),
        { x: 'x', y1: 'low', y2: 'high', fill: styles.get(name)!.color, fillOpacity: 0.14 },
      ),
    ),
    ...order.map(({ name, points }) => {
      const { color, dash, emphasised } = styles.get(name)!;
      const strokeLinecap = dash ? 'butt' : 'round';
      return Plot.lineY(points, {
        x: 'x',
        y: 'y',
        stroke: color,
        strokeWidth: emphasised ? 3.2 : 1.7,
        strokeDasharray: dash,
        strokeLinecap,
      });
    }),
    ...labels.flatMap(entry => {
      const { color, emphasised } = styles.get(entry.name)!;
      const [from, to] = [last + 3 * perPixelX, last + 13 * perPixelX];
      return [
        Plot.link([entry], { x1: from, y1: 'end', x2: to, y2: 'place', stroke: color, strokeOpacity: 0.7 }),
        Plot.text([entry], {
          x: last + 16 * perPixelX,
          y: 'place',
          text: 'name',
          textAnchor: 'start',
          fill: color,
          fontWeight: emphasised ? 'bold' : 'normal',
        }),
      ];
    }),
  ];
  return drawPlot(
    {
      width,
      height,
      ...margins,
      ariaLabel: `${score.name} by ${label}`,
      x: { domain: [first, last], label, labelAnchor: 'center', labelArrow: 'none', ticks: 8 },
      y: { type: logarithmic ? 'log' : 'linear', domain: [low, high], label: score.name, labelArrow: 'none', ticks: 6, tickFormat: '~g' },
      marks,
    },
    ground,
  );
}

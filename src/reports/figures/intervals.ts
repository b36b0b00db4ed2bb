/** @file Lines of a single point each, as rows: a dot for the value, a bar for its interval. */

import * as Plot from '@observablehq/plot';
import type { FigureOptions, LineFigure } from './figure.ts';
import { drawPlot, inSeries, LETTER_WIDTH, tickLabels } from './plot.ts';

const ROW_HEIGHT = 30;

/** One row for every line, in their order; returns an SVG document as high as its rows need. */
export function intervalRows(
  { lines, styles, ariaLabel, y, level }: LineFigure & Required<Pick<LineFigure, 'styles'>>,
  { width = 880, ground = 'paper' }: FigureOptions = {},
): string {
  const names = lines.map(({ name }) => name);
  const marks = lines.flatMap(({ name, points }) => {
    const [{ y: value, low = value, high = value }] = points;
    const row = [{ name, value, low, high }];
    const { color, emphasized } = styles.get(name)!;
    return [
      Plot.ruleY(row, {
        y: 'name',
        x1: 'low',
        x2: 'high',
        stroke: color,
        strokeWidth: 3,
        strokeOpacity: 0.45,
        ...inSeries(ground, { series: name }),
      }),
      Plot.dot(row, { y: 'name', x: 'value', fill: color, r: 5, ...inSeries(ground, { series: name }) }),
      Plot.text(row, {
        y: 'name',
        text: 'name',
        frameAnchor: 'left',
        textAnchor: 'end',
        dx: -10,
        fill: color,
        fontWeight: emphasized ? 'bold' : 'normal',
      }),
    ];
  });
  return drawPlot(
    {
      width,
      height: 76 + ROW_HEIGHT * names.length,
      marginTop: 30,
      marginBottom: 46,
      marginLeft: 26 + LETTER_WIDTH * Math.max(...names.map(({ length }) => length)),
      marginRight: 24,
      ariaLabel,
      x: { type: y.logarithmic ? 'log' : 'linear', domain: [...y.domain], label: y.label, ticks: 6, tickFormat: tickLabels(y.logarithmic) },
      y: { domain: names, axis: null },
      marks: [
        Plot.gridX({ strokeOpacity: 0.1 }),
        ...(level ? [Plot.ruleX([level.at], { stroke: 'currentColor', strokeDasharray: '1 3', strokeWidth: 1.25 })] : []),
        ...(level?.name ? [Plot.text([level.at], { x: d => d, frameAnchor: 'top', dy: -12, text: () => level.name! })] : []),
        ...marks,
      ],
    },
    ground,
  );
}

/** @file Return versus rate: the share of the teacher's return that agents keep, by the bits of their Z, with a line for each group. */

import * as Plot from '@observablehq/plot';
import { KEPT } from '../../records/index.ts';
import { bits, rateScores } from '../tables/format.ts';
import type { FigureOptions, RateFigure } from './figure.ts';
import { drawPlot, inSeries, LABEL_GAP, LETTER_WIDTH } from './plot.ts';
import { spread } from './style.ts';

/** Colors of the lines, in their order. */
const COLORS = ['#1f77c9', '#d55e00', '#009e73', '#cc79a7', '#a08a00', '#8e6bc9', '#8c8c8c'];

/** A panel for the last and one for all episodes, if these differ; whiskers are the intervals. Returns an SVG document. */
export function rateCurves({ rate, words: { noun } }: RateFigure, options: FigureOptions = {}): string {
  const groups = [...new Set(rate.points.map(({ group }) => group))];
  const { width = 880, height = 400, ground = 'paper' } = options;
  const panels = rateScores(rate);
  const points = panels.flatMap(({ score, title }) =>
    rate.points.map(({ group, bits, ...of }) => ({ group, bits, panel: title, ...of[score] })),
  );
  const sizes = [...new Set(points.map(({ bits }) => bits))].sort((a, b) => a - b);
  const low = Math.min(0.9, ...points.map(point => point.low));
  const high = Math.max(1.02, ...points.map(point => point.high));
  const margins = {
    marginTop: 40,
    marginBottom: 42,
    marginLeft: 52,
    marginRight: 26 + LETTER_WIDTH * Math.max(...groups.map(({ length }) => length)),
  };
  const [first, last] = [sizes[0] / 1.3, sizes[sizes.length - 1] * 1.3];

  // Each line is labeled where it ends in the last panel, without overlaps.
  const perPixel = (high - low) / (height - margins.marginTop - margins.marginBottom);
  const ends = groups.map(group => points.filter(point => point.group === group && point.panel === panels.at(-1)!.title).at(-1)!);
  const places = spread(
    ends.map(({ mean }) => mean),
    LABEL_GAP * perPixel,
    low,
    high,
  );
  const labels = ends.map((end, i) => ({ ...end, place: places[i], last }));
  const color = ({ group }: { group: string }) => COLORS[groups.indexOf(group) % COLORS.length];

  const marks = [
    Plot.gridY({ ticks: 6, strokeOpacity: 0.1 }),
    Plot.ruleY([1], { stroke: 'currentColor', strokeDasharray: '1 3', strokeWidth: 1.25 }),
    Plot.ruleY(KEPT, { stroke: 'currentColor', strokeDasharray: '4 4', strokeOpacity: 0.35 }),
    ...groups.flatMap(group => {
      const own = points.filter(point => point.group === group);
      const of = { series: group };
      const values = own.map(({ bits, mean, low, high }) => ({ x: bits, y: mean, low, high }));
      const place = { fx: 'panel', x: 'bits', y: 'mean' };
      return [
        Plot.ruleX(own, {
          fx: 'panel',
          x: 'bits',
          y1: 'low',
          y2: 'high',
          stroke: color,
          strokeOpacity: 0.5,
          strokeWidth: 2,
          ...inSeries(ground, of),
        }),
        Plot.lineY(own, { ...place, stroke: color, strokeWidth: 2, ...inSeries(ground, of, values) }),
        Plot.dot(own, { ...place, fill: color, r: 3.5, ...inSeries(ground, of) }),
      ];
    }),
    ...labels.map(label =>
      Plot.text([label], {
        fx: 'panel',
        x: 'last',
        y: 'place',
        text: 'group',
        textAnchor: 'start',
        dx: 8,
        fill: color,
        clip: false,
        ...inSeries(ground, { series: label.group }),
      }),
    ),
  ];
  return drawPlot(
    {
      width,
      height,
      ...margins,
      ariaLabel: 'Return versus rate',
      fx: { domain: panels.map(({ title }) => title), label: null },
      x: { type: 'log', base: 2, domain: [first, last], label: 'bits of Z', ticks: rateTicks(sizes), tickFormat: bits },
      y: { domain: [low, high], label: `${noun} ÷ that of ${rate.reference}`, ticks: 6 },
      marks,
    },
    ground,
  );
}

/** Powers of two among the rates, about five at most. */
function rateTicks(sizes: readonly number[]): number[] {
  const [first, last] = [Math.ceil(Math.log2(sizes[0])), Math.floor(Math.log2(sizes[sizes.length - 1]))];
  const step = Math.max(1, Math.ceil((last - first) / 4));
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => 2 ** (first + i * step));
}

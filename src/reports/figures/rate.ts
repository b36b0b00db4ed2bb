/** @file Rate against return: the share of the teacher's return that agents keep, by the bits of their Z, a line for each group. */

import * as Plot from '@observablehq/plot';
import { KEPT } from '../../records/index.ts';
import { bits } from '../tables/format.ts';
import type { FigureOptions, RateFigure } from './figure.ts';
import { drawPlot, LABEL_GAP, LETTER_WIDTH } from './plot.ts';
import { methodStyles, spread } from './style.ts';

const PANELS = [
  { score: 'final', title: 'last episodes' },
  { score: 'area', title: 'all episodes' },
] as const;

/** Two panels side by side, the last episodes and all of them; whiskers are the intervals. Gives an SVG document. */
export function rateCurves({ rate, words: { noun } }: RateFigure, options: FigureOptions = {}): string {
  const groups = [...new Set(rate.points.map(({ group }) => group))];
  const { width = 880, height = 400, ground = 'paper', styles = methodStyles(groups) } = options;
  const points = PANELS.flatMap(({ score, title }) =>
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

  // Each line is named where it ends in the last panel, apart from the others.
  const perPixel = (high - low) / (height - margins.marginTop - margins.marginBottom);
  const ends = groups.map(group => points.filter(point => point.group === group && point.panel === PANELS[1].title).at(-1)!);
  const places = spread(
    ends.map(({ mean }) => mean),
    LABEL_GAP * perPixel,
    low,
    high,
  );
  const labels = ends.map((end, i) => ({ ...end, place: places[i], last }));
  const color = ({ group }: { group: string }) => styles.get(group)!.color;

  const marks = [
    Plot.gridY({ ticks: 6, strokeOpacity: 0.1 }),
    Plot.ruleY([1], { stroke: 'currentColor', strokeDasharray: '1 3', strokeWidth: 1.25 }),
    Plot.ruleY(KEPT, { stroke: 'currentColor', strokeDasharray: '4 4', strokeOpacity: 0.35 }),
    ...groups.flatMap(group => {
      const own = points.filter(point => point.group === group);
      const { dash } = styles.get(group)!;
      return [
        Plot.ruleX(own, { fx: 'panel', x: 'bits', y1: 'low', y2: 'high', stroke: color, strokeOpacity: 0.5, strokeWidth: 2 }),
        Plot.lineY(own, { fx: 'panel', x: 'bits', y: 'mean', stroke: color, strokeWidth: 2, strokeDasharray: dash }),
        Plot.dot(own, { fx: 'panel', x: 'bits', y: 'mean', fill: color, r: 3.5 }),
      ];
    }),
    Plot.text(labels, { fx: 'panel', x: 'last', y: 'place', text: 'group', textAnchor: 'start', dx: 8, fill: color, clip: false }),
  ];
  return drawPlot(
    {
      width,
      height,
      ...margins,
      ariaLabel: 'Rate against return',
      fx: { domain: PANELS.map(({ title }) => title), label: null },
      x: { type: 'log', base: 2, domain: [first, last], label: 'bits of Z', ticks: rateTicks(sizes), tickFormat: bits },
      y: { domain: [low, high], label: `${noun} ÷ that of ${rate.reference}`, ticks: 6 },
      marks,
    },
    ground,
  );
}

/** Powers of two among the rates, at most five or so. */
function rateTicks(sizes: readonly number[]): number[] {
  const [first, last] = [Math.ceil(Math.log2(sizes[0])), Math.floor(Math.log2(sizes[sizes.length - 1]))];
  const step = Math.max(1, Math.ceil((last - first) / 4));
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => 2 ** (first + i * step));
}

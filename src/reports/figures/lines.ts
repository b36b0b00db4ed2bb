/** @file Lines with bands, each labeled where it ends. */

import * as Plot from '@observablehq/plot';
import { type FigureOptions, inPanels, type LineFigure } from './figure.ts';
import { intervalRows } from './intervals.ts';
import { drawPlot, inSeries, LABEL_GAP, LETTER_WIDTH, tickLabels } from './plot.ts';
import { smallMultiples } from './small-multiples.ts';
import { methodStyles, spread } from './style.ts';

/** Draws lines, or a panel for each if there are many; returns an SVG document. */
export function lineFigure(figure: LineFigure, options: FigureOptions = {}): string {
  const { lines, ariaLabel, x: label, y, level, unit } = figure;
  const styles = figure.styles ?? new Map([...methodStyles(lines.map(({ name }) => name)), ...(options.styles ?? [])]);
  if (inPanels(figure, options.panels)) return smallMultiples({ ...figure, styles }, options);
  if (lines.length > 0 && lines.every(({ points }) => points.length === 1)) return intervalRows({ ...figure, styles }, options);
  const { width = 880, height = figure.height ?? 460, ground = 'paper' } = options;
  const [low, high] = y.domain;
  const xs = lines.flatMap(({ points }) => points.map(({ x }) => x));
  const first = Math.min(...xs);
  const last = Math.max(...xs, first + 1);
  const named = lines.filter(({ unnamed }) => !unnamed);
  const marginRight = 26 + LETTER_WIDTH * Math.max(...named.map(({ name }) => name.length));
  const margins = { marginTop: 30, marginBottom: 42, marginLeft: 52, marginRight };

  // Labels are spaced in pixels, so in the scale of the axis.
  const [into, out] = y.logarithmic ? [Math.log, Math.exp] : [(y: number) => y, (y: number) => y];
  const perPixel = (into(high) - into(low)) / (height - margins.marginTop - margins.marginBottom);
  const [intoX, outX] = unit
    ? [(x: number) => Math.log1p(x / unit), (u: number) => unit * Math.expm1(u)]
    : [(x: number) => x, (u: number) => u];
  const perPixelX = (intoX(last) - intoX(first)) / (width - margins.marginLeft - marginRight);
  const after = (pixels: number) => outX(intoX(last) + pixels * perPixelX);
  const ticks = unit ? apart(figure.ticks ?? [], (a, b) => intoX(b) - intoX(a) >= LEAST_TICKS * perPixelX) : figure.ticks;
  const ends = named.map(({ points }) => points.at(-1)!.y);
  const places = spread(ends.map(into), LABEL_GAP * perPixel, into(low), into(high)).map(out);
  const labels = named.map(({ name }, i) => ({ name, end: ends[i], place: places[i] }));
  const order = [...lines].reverse().sort((a, b) => Number(styles.get(a.name)!.emphasized) - Number(styles.get(b.name)!.emphasized));

  const marks = [
    Plot.gridY({ strokeOpacity: 0.1 }),
    ...order.map(({ name, points }) =>
      Plot.areaY(
        points.filter(point => point.low !== undefined),
        { x: 'x', y1: 'low', y2: 'high', fill: styles.get(name)!.color, fillOpacity: 0.14, ...inSeries(ground, { series: name }) },
      ),
    ),
    ...(level ? levelMarks(level, first) : []),
    ...order.map(({ name, points }) => {
      const { color, dash, emphasized } = styles.get(name)!;
      const strokeLinecap = dash ? 'butt' : 'round';
      return Plot.lineY(points, {
        x: 'x',
        y: 'y',
        stroke: color,
        strokeWidth: emphasized ? 3.2 : 1.7,
        strokeDasharray: dash,
        strokeLinecap,
        ...inSeries(ground, { series: name }, points),
      });
    }),
    ...labels.flatMap(entry => {
      const { color, emphasized } = styles.get(entry.name)!;
      const [from, to] = [after(3), after(13)];
      const series = inSeries(ground, { series: entry.name });
      return [
        Plot.link([entry], { x1: from, y1: 'end', x2: to, y2: 'place', stroke: color, strokeOpacity: 0.7, ...series }),
        Plot.text([entry], {
          x: after(16),
          y: 'place',
          text: 'name',
          textAnchor: 'start',
          fill: color,
          fontWeight: emphasized ? 'bold' : 'normal',
          ...series,
        }),
      ];
    }),
  ];
  return drawPlot(
    {
      width,
      height,
      ...margins,
      ariaLabel,
      x: {
        type: unit ? 'symlog' : 'linear',
        constant: unit,
        domain: [first, last],
        label,
        ...(ticks ? { ticks, tickFormat: 'd' } : { ticks: Math.round(width / 110) }),
      },
      y: { type: y.logarithmic ? 'log' : 'linear', domain: [low, high], label: y.label, ticks: 6, tickFormat: tickLabels(y.logarithmic) },
      marks,
    },
    ground,
  );
}

/** Least distance of ticks in pixels. */
const LEAST_TICKS = 36;

/** The last of ascending ticks, and before it those that are far enough from the next one. */
function apart(ticks: readonly number[], fits: (a: number, b: number) => boolean): number[] {
  const chosen: number[] = [];
  for (const tick of ticks.toReversed()) if (chosen.length === 0 || fits(tick, chosen[chosen.length - 1])) chosen.push(tick);
  return chosen.reverse();
}

/** A dotted line across the figure, with its name at its left end. */
const levelMarks = ({ at, name }: NonNullable<LineFigure['level']>, first: number) => [
  Plot.ruleY([at], { stroke: 'currentColor', strokeDasharray: '1 3', strokeWidth: 1.25 }),
  Plot.text(name === undefined ? [] : [at], { x: first, y: at, text: () => name, textAnchor: 'start', dy: -7, fillOpacity: 0.75 }),
];

/** @file Many lines as many small panels: in one figure nobody can follow more than a few. */

import * as Plot from '@observablehq/plot';
import { type Drawing, type FigureOptions, inPanels, type LineFigure } from './figure.ts';
import { drawPlot, FONT_SIZE } from './plot.ts';
import type { Styles } from './style.ts';

const [PANEL_WIDTH, PANEL_HEIGHT, TITLE] = [176, 92, 34];

/** Lines that stand in every panel, in gray, for the eye to measure by. */
const REFERENCES = ['source', 'teacher', 'random', 'none'];

/** What a reader of such a figure has to know, as a sentence; empty of a drawing that has no panel for every line. */
export function panelsNote(drawing: Drawing, styles: Styles): string {
  if (typeof drawing === 'string' || !('lines' in drawing) || !inPanels(drawing)) return '';
  const names = drawing.lines.map(({ name }) => name);
  const own = names.filter(name => (drawing.styles ?? styles).get(name)?.emphasized).map(name => `${name} (blue)`);
  const gray = names.filter(name => REFERENCES.includes(name));
  const all = [...own, ...(gray.length > 0 ? [`${gray.join(', ')} (gray)`] : [])];
  return ` Every row has a panel${all.length > 0 ? `; in all of them: ${all.join('; ')}` : ''}.`;
}

/**
 * A panel for every line, in their order, with its band. The emphasized line is in all of them, and in gray the references; gives an SVG document
 * as high as its panels need.
 */
export function smallMultiples(
  { lines, styles, ariaLabel, x: label, y, level }: LineFigure & Required<Pick<LineFigure, 'styles'>>,
  { width = 880, ground = 'paper' }: FigureOptions = {},
): string {
  const across = Math.max(1, Math.floor(width / PANEL_WIDTH));
  const down = Math.ceil(lines.length / across);
  const margins = { marginTop: TITLE, marginBottom: 42, marginLeft: 48, marginRight: 10 };
  const panelWidth = (width - margins.marginLeft - margins.marginRight) / across;
  const panels = lines.map(({ name, points }, i) => {
    const place = { column: i % across, row: Math.floor(i / across) };
    return { name, ...place, points: points.map(point => ({ ...point, ...place })) };
  });
  const xs = lines.flatMap(({ points }) => points.map(({ x }) => x));
  const references = lines.filter(({ name }) => REFERENCES.includes(name));
  const emphasized = lines.filter(({ name }) => styles.get(name)!.emphasized);
  const facet = { fx: 'column', fy: 'row' };
  const marks = [
    Plot.gridY({ ticks: 3, strokeOpacity: 0.1 }),
    ...(level === undefined ? [] : [Plot.ruleY([level.at], { stroke: 'currentColor', strokeDasharray: '1 3' })]),
    ...references.map(({ points }) => Plot.lineY(points, { x: 'x', y: 'y', stroke: 'currentColor', strokeOpacity: 0.25 })),
    ...emphasized.map(({ name, points }) =>
      Plot.lineY(points, { x: 'x', y: 'y', stroke: styles.get(name)!.color, strokeWidth: 1.5, strokeOpacity: 0.7 }),
    ),
    ...panels.flatMap(({ name, points }) => {
      const { color, emphasized } = styles.get(name)!;
      return [
        Plot.areaY(
          points.filter(({ low }) => low !== undefined),
          { ...facet, x: 'x', y1: 'low', y2: 'high', fill: color, fillOpacity: 0.2 },
        ),
        Plot.lineY(points, { ...facet, x: 'x', y: 'y', stroke: color, strokeWidth: emphasized ? 3 : 2 }),
      ];
    }),
    Plot.text(panels, {
      ...facet,
      text: 'name',
      frameAnchor: 'top-left',
      lineAnchor: 'bottom',
      dy: -3,
      // Bold letters are wider than Plot reckons.
      lineWidth: (panelWidth - 16) / (1.2 * FONT_SIZE),
      fill: ({ name }: { name: string }) => styles.get(name)!.color,
      fontWeight: 'bold',
    }),
  ];
  return drawPlot(
    {
      width,
      height: margins.marginTop + margins.marginBottom + down * (PANEL_HEIGHT + TITLE) - TITLE,
      ...margins,
      ariaLabel,
      fx: { axis: null, padding: 12 / panelWidth },
      fy: { axis: null, padding: TITLE / (PANEL_HEIGHT + TITLE) },
      x: { domain: [Math.min(...xs), Math.max(...xs, Math.min(...xs) + 1)], label, ticks: 3 },
      y: { domain: [...y.domain], label: y.label, ticks: 3, tickFormat: '~g' },
      marks,
    },
    ground,
  );
}

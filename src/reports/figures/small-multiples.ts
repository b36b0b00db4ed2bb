/** @file Many lines as small panels, because one plot of all of them would be unreadable. */

import * as Plot from '@observablehq/plot';
import { type Drawing, type FigureOptions, inPanels, type LineFigure } from './figure.ts';
import { drawPlot, FONT_SIZE, inSeries, LETTER_WIDTH } from './plot.ts';
import type { Styles } from './style.ts';

const PANEL_HEIGHT = 84;
/** Pixels of a panel for short and for long names, and characters of a short name. */
const [NARROW_PANEL, WIDE_PANEL, SHORT_NAME] = [158, 190, 18];
/** Pixels of a bold letter, which is wider than Plot assumes, and of a line of a title. */
const [BOLD_LETTER, TITLE_LINE] = [1.2 * LETTER_WIDTH, 13];

/** Lines that are repeated in every panel, in gray, for comparison. */
const REFERENCES = ['source', 'teacher', 'random', 'none'];

/** Explains the panels in a sentence; empty for a drawing without panels. */
export function panelsNote(drawing: Drawing, styles: Styles): string {
  if (typeof drawing === 'string' || !('lines' in drawing) || !inPanels(drawing)) return '';
  const names = drawing.lines.map(({ name }) => name);
  const own = names.filter(name => (drawing.styles ?? styles).get(name)?.emphasized).map(name => `${name} (blue)`);
  const gray = names.filter(name => REFERENCES.includes(name));
  const all = [...own, ...(gray.length > 0 ? [`${gray.join(', ')} (gray)`] : [])];
  return ` One panel per method${all.length > 0 ? `; repeated in all panels: ${all.join('; ')}` : ''}.`;
}

/**
 * One panel for every line, in their order, with its band. Every panel repeats the emphasized line and, in gray, the references. Returns an SVG
 * document as high as its panels need.
 */
export function smallMultiples(
  { lines, styles, ariaLabel, x: label, y, level }: LineFigure & Required<Pick<LineFigure, 'styles'>>,
  { width = 880, ground = 'paper' }: FigureOptions = {},
): string {
  const longest = Math.max(...lines.map(({ name }) => name.length));
  const across = Math.max(1, Math.floor(width / (longest > SHORT_NAME ? WIDE_PANEL : NARROW_PANEL)));
  const down = Math.ceil(lines.length / across);
  const sides = { marginBottom: 42, marginLeft: 48, marginRight: 10 };
  const panelWidth = (width - sides.marginLeft - sides.marginRight) / across;
  const title = 21 + TITLE_LINE * Math.max(...lines.map(({ name }) => linesOf(name, (panelWidth - 16) / BOLD_LETTER)));
  const margins = { marginTop: title, ...sides };
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
        Plot.lineY(points, {
          ...facet,
          x: 'x',
          y: 'y',
          stroke: color,
          strokeWidth: emphasized ? 3 : 2,
          ...inSeries(ground, { panel: name }, points),
        }),
      ];
    }),
    Plot.text(panels, {
      ...facet,
      text: 'name',
      frameAnchor: 'top-left',
      lineAnchor: 'bottom',
      dy: -3,
      // Bold letters are wider than Plot assumes.
      lineWidth: (panelWidth - 16) / (1.2 * FONT_SIZE),
      fill: ({ name }: { name: string }) => styles.get(name)!.color,
      fontWeight: 'bold',
    }),
  ];
  return drawPlot(
    {
      width,
      height: margins.marginTop + margins.marginBottom + down * (PANEL_HEIGHT + title) - title,
      ...margins,
      ariaLabel,
      fx: { axis: null, padding: 12 / panelWidth },
      fy: { axis: null, padding: title / (PANEL_HEIGHT + title) },
      x: { domain: [Math.min(...xs), Math.max(...xs, Math.min(...xs) + 1)], label, ticks: 3 },
      y: { domain: [...y.domain], label: y.label, ticks: 3, tickFormat: '~g' },
      marks,
    },
    ground,
  );
}

/** Lines that a name takes where a line holds this many letters; names wrap after spaces and hyphens. */
function linesOf(name: string, letters: number): number {
  let [lines, used] = [1, 0];
  for (const part of name.split(/(?<=[ -])/)) {
    if (used > 0 && used + part.trimEnd().length > letters) [lines, used] = [lines + 1, 0];
    used += part.length;
  }
  return lines;
}

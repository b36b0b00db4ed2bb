/** @file Many lines as small panels, because one plot of all of them would be unreadable. */

import * as Plot from '@observablehq/plot';
import { groupBy } from '../../util/groups.ts';
import { type Drawing, type FigureOptions, inPanels, type Line, type LineFigure, type Panels } from './figure.ts';
import { drawPlot, FONT_SIZE, inSeries, LETTER_WIDTH, placeKey, tickLabels } from './plot.ts';
import type { Styles } from './style.ts';

/** Pixels of a panel; panels that are few have more room. */
const HEIGHT = { many: 84, few: 120 };
/** Pixels of the width of a panel for short and for long names, and characters of a short name. */
const WIDTH = { many: { short: 158, long: 190 }, few: { short: 230, long: 230 } };
const SHORT_NAME = 18;
/** Largest number of panels that are few, and smallest width of a figure in which they have more room. */
const [FEW, WIDE] = [8, 800];
/** Pixels of a bold letter, which is wider than Plot assumes, and of a line of a title. */
const [BOLD_LETTER, TITLE_LINE] = [1.2 * LETTER_WIDTH, 13];
/** Pixels between panels, and for a tick with its label. */
const [GAP, TICK] = [20, 34];

/** Lines that are repeated in every panel, in gray, for comparison. */
const REFERENCES = ['source', 'teacher', 'random', 'none'];

/** Explains the panels in a sentence; empty for a drawing without panels. */
export function panelsNote(drawing: Drawing, styles: Styles, panels?: Panels): string {
  if (typeof drawing === 'string' || !('lines' in drawing) || !inPanels(drawing, panels)) return '';
  if (panels) return ' One panel per method.';
  const names = drawing.lines.map(({ name }) => name);
  const own = names.filter(name => (drawing.styles ?? styles).get(name)?.emphasized).map(name => `${name} (blue)`);
  const gray = names.filter(name => REFERENCES.includes(name));
  const all = [...own, ...(gray.length > 0 ? [`${gray.join(', ')} (gray)`] : [])];
  return ` One panel per method${all.length > 0 ? `; repeated in all panels: ${all.join('; ')}` : ''}.`;
}

/**
 * One panel for every line, or for every title of `panels`, in their order, with bands. Panels of one line each repeat the emphasized line and, in
 * gray, the references. Returns an SVG document as high as its panels need.
 */
export function smallMultiples(
  { lines, styles, ariaLabel, x: label, y, ticks, level }: LineFigure & Required<Pick<LineFigure, 'styles'>>,
  { width = 880, ground = 'paper', panels: shared }: FigureOptions = {},
): string {
  const groups = [...groupBy(lines, ({ name }) => shared?.titles.get(name) ?? name)];
  const size = groups.length <= FEW && width >= WIDE ? 'few' : 'many';
  const longest = Math.max(...groups.map(([title]) => title.length));
  const across = Math.min(groups.length, Math.max(1, Math.floor(width / WIDTH[size][longest > SHORT_NAME ? 'long' : 'short'])));
  const down = Math.ceil(groups.length / across);
  const sides = { marginBottom: 46, marginLeft: 48, marginRight: 12 };
  const panelWidth = (width - sides.marginLeft - sides.marginRight) / across;
  const title = 21 + TITLE_LINE * Math.max(...groups.map(([title]) => linesOf(title, (panelWidth - 16) / BOLD_LETTER)));
  const { places, height: keyHeight } = placeKey(shared?.key ?? [], width - sides.marginLeft);
  const margins = { marginTop: keyHeight + title, ...sides };
  // Where lines are equal, both are seen.
  const dashedLast = (lines: readonly Line[]) =>
    lines.toSorted((a, b) => styles.get(a.name)!.dash.length - styles.get(b.name)!.dash.length);
  const panels = groups.map(([title, of], i) => {
    const place = { column: i % across, row: Math.floor(i / across) };
    // A title in the color of its line, if the panel has one.
    const color = shared ? 'currentColor' : styles.get(of[0].name)!.color;
    return {
      title,
      color,
      ...place,
      lines: dashedLast(of).map(({ name, points }) => ({ name, points: points.map(point => ({ ...point, ...place })) })),
    };
  });
  const xs = lines.flatMap(({ points }) => points.map(({ x }) => x));
  const repeated = shared ? [] : lines;
  const references = repeated.filter(({ name }) => REFERENCES.includes(name));
  const emphasized = repeated.filter(({ name }) => styles.get(name)!.emphasized);
  const facet = { fx: 'column', fy: 'row' };
  const marks = [
    Plot.gridY({ ticks: 3, strokeOpacity: 0.1 }),
    ...(level === undefined ? [] : [Plot.ruleY([level.at], { stroke: 'currentColor', strokeDasharray: '1 3' })]),
    ...references.map(({ points }) => Plot.lineY(points, { x: 'x', y: 'y', stroke: 'currentColor', strokeOpacity: 0.25 })),
    ...emphasized.map(({ name, points }) =>
      Plot.lineY(points, { x: 'x', y: 'y', stroke: styles.get(name)!.color, strokeWidth: 1.5, strokeOpacity: 0.7 }),
    ),
    ...panels.flatMap(({ lines }) =>
      lines.flatMap(({ name, points }) => {
        const { color, dash, emphasized } = styles.get(name)!;
        return [
          Plot.areaY(
            points.filter(({ low }) => low !== undefined),
            { ...facet, x: 'x', y1: 'low', y2: 'high', fill: color, fillOpacity: lines.length > 1 ? 0.14 : 0.2 },
          ),
          Plot.lineY(points, {
            ...facet,
            x: 'x',
            y: 'y',
            stroke: color,
            strokeWidth: emphasized ? 3 : 2,
            strokeDasharray: dash,
            ...inSeries(ground, { panel: name }, points),
          }),
        ];
      }),
    ),
    Plot.text(panels, {
      ...facet,
      text: 'title',
      frameAnchor: 'top-left',
      lineAnchor: 'bottom',
      dy: -3,
      // Bold letters are wider than Plot assumes.
      lineWidth: (panelWidth - 16) / (1.2 * FONT_SIZE),
      fill: ({ color }: { color: string }) => color,
      fontWeight: 'bold',
    }),
  ];
  return drawPlot(
    {
      width,
      height: margins.marginTop + margins.marginBottom + down * (HEIGHT[size] + title) - title,
      ...margins,
      ariaLabel,
      fx: { axis: null, padding: GAP / panelWidth },
      fy: { axis: null, padding: title / (HEIGHT[size] + title) },
      x: {
        domain: [Math.min(...xs), Math.max(...xs, Math.min(...xs) + 1)],
        label,
        ...(ticks ? { ticks: thinned(ticks, Math.floor(panelWidth / TICK)), tickFormat: 'd' } : { ticks: 3 }),
      },
      y: { domain: [...y.domain], label: y.label, ticks: 3, tickFormat: tickLabels() },
      marks,
    },
    ground,
    places,
  );
}

/** At most `most` of the ticks, evenly spaced, with the last one. */
function thinned(ticks: readonly number[], most: number): number[] {
  const step = Math.ceil((ticks.length - 1) / Math.max(1, most - 1));
  return ticks.filter((_, i) => (ticks.length - 1 - i) % step === 0);
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

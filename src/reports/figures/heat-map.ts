/** @file Heat maps: panels of cells, darker for larger shares, with their numbers if there is room. */

import * as Plot from '@observablehq/plot';
import type { FigureOptions, HeatMap } from './figure.ts';
import { drawPlot, LETTER_WIDTH } from './plot.ts';

/** The blue of the tables by task. */
const FULL = '#005a8f';
const ROW_HEIGHT = 26;
const SMALL_TEXT = 10.5;
/** Of letters at that size. */
const SMALL_LETTER = 6.6;
/** Pages narrower than this stack their panels. */
const NARROW = 600;

/** Draws a heat map; returns an SVG document as high as its rows need. */
export function heatMap(
  { rows, columns, panels, ariaLabel, x, y }: HeatMap,
  { width = 880, ground = 'paper' }: FigureOptions = {},
): string {
  const stacked = width < NARROW && panels.length > 1;
  const [across, down] = stacked ? [1, panels.length] : [panels.length, 1];
  const marginLeft = 30 + LETTER_WIDTH * Math.max(...rows.map(({ length }) => length));
  const margins = { marginTop: 34, marginBottom: 44, marginLeft, marginRight: 12 };
  // Plot leaves a tenth of each facet empty.
  const cell = (((width - marginLeft - margins.marginRight) / across) * 0.95) / columns.length;
  const cells = panels.flatMap(({ title, cells }) =>
    cells.flatMap((row, r) => row.map(({ share, text }, c) => ({ panel: title, row: rows[r], column: columns[c], share, text }))),
  );
  const there = cells.filter(({ share }) => share !== null);
  const fits = Math.max(...there.map(({ text }) => text.length)) * SMALL_LETTER <= cell;
  const facet = stacked ? { fy: 'panel' } : { fx: 'panel' };
  const place = { x: 'column', y: 'row', ...facet };
  const titles = panels.map(({ title }) => title);
  // As many column names as there is room for.
  const every = Math.ceil(((Math.max(...columns.map(({ length }) => length)) + 1) * LETTER_WIDTH) / cell);
  const marks = [
    Plot.cell(cells, { ...place, fill: 'none', stroke: 'currentColor', strokeOpacity: 0.12, inset: 0.5 }),
    Plot.cell(there, { ...place, fill: FULL, fillOpacity: ({ share }) => Math.min(1, Math.max(0, share!)), inset: 0.5 }),
    ...(fits
      ? [
          Plot.text(there, {
            ...place,
            text: 'text',
            fontSize: SMALL_TEXT,
            fill: ({ share }) => (share! > 0.5 ? '#ffffff' : 'currentColor'),
          }),
        ]
      : []),
    // Stacked panels have no room for titles next to them.
    ...(stacked ? [Plot.text(titles, { fy: d => d, text: d => d, frameAnchor: 'top-left', dy: -13, fontWeight: 'bold' })] : []),
  ];
  return drawPlot(
    {
      width,
      height: margins.marginTop + margins.marginBottom + down * (rows.length * ROW_HEIGHT + (stacked ? 26 : 0)),
      ...margins,
      ariaLabel,
      ...(stacked
        ? { fy: { domain: titles, axis: null, padding: 26 / (rows.length * ROW_HEIGHT) } }
        : { fx: { domain: titles, label: null, axis: panels.length > 1 ? 'top' : null } }),
      x: { domain: columns, label: x, tickSize: 0, ticks: columns.filter((_, c) => c % every === 0) },
      y: { domain: rows, label: y, tickSize: 0 },
      opacity: { type: 'identity' },
      color: { type: 'identity' },
      marks,
    },
    ground,
  );
}

/** @file What all figures share: their size and their look. */

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { printable } from '../../util/text.ts';
import type { FigureOptions } from './figure.ts';

export const FONT_SIZE = 12;
/** Mean advance of a letter of DejaVu Sans at that size, which is wider than the fonts of most systems. */
export const LETTER_WIDTH = 7.4;
export const LABEL_GAP = 15;

/** Draws a plot in the look of all figures, on a document without a browser; gives the SVG document. */
export function drawPlot({ x, y, ...options }: Plot.PlotOptions, ground: FigureOptions['ground'] = 'paper'): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const style = { fontFamily: "system-ui, 'DejaVu Sans', sans-serif", fontSize: `${FONT_SIZE}px` };
  const axes = { x: { labelAnchor: 'center', labelArrow: 'none', ...x }, y: { labelArrow: 'none', ...y } } as const;
  const svg = Plot.plot({ document, style, ...options, ...axes });
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  svg.setAttribute('role', 'img');
  if (ground === 'paper') {
    svg.setAttribute('color', '#1b1b1b');
    const page = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    for (const [name, value] of Object.entries({ width: '100%', height: '100%', fill: '#ffffff' })) page.setAttribute(name, value);
    svg.prepend(page);
  }
  // XML knows no control characters.
  return printable(svg.outerHTML);
}

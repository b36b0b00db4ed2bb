/** @file What all figures share: their size, their look, and the lines that some of them are of. */

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { printable } from '../../util/text.ts';
import type { MethodStyle, Styles } from './style.ts';

export interface FigureOptions {
  /** Pixels. */
  width?: number;
  height?: number;
  /** By the names of lines; where a page has several figures, of all names on it. */
  styles?: Styles;
  /** `paper` is a white page of its own; `inherit` takes the text color and background of the page it is set in. */
  ground?: 'paper' | 'inherit';
}

export const FONT_SIZE = 12;
/** Mean advance of a letter of DejaVu Sans at that size, which is wider than the fonts of most systems. */
export const LETTER_WIDTH = 7.4;
export const LABEL_GAP = 15;

export interface Line {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly low?: number; readonly high?: number }[];
  /** Drawn, but not named: its caption says what it is. */
  readonly unnamed?: boolean;
}

export interface LineFigure {
  readonly lines: readonly Line[];
  /** By the names of the lines; emphasized ones are drawn last and strongest. */
  readonly styles: ReadonlyMap<string, Pick<MethodStyle, 'color' | 'dash' | 'emphasized'>>;
  readonly ariaLabel: string;
  readonly x: string;
  /** Whole numbers that the axis of x is marked at; as many as there is room for when left out. */
  readonly ticks?: readonly number[];
  /** Where a dotted line is drawn across the figure, and what it is called. */
  readonly level?: { readonly at: number; readonly name?: string };
  readonly y: { readonly label: string; readonly domain: readonly [low: number, high: number]; readonly logarithmic?: boolean };
}

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

/** @file What all figures share: sizes, fonts, and the labels that pages read. */

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { printable } from '../../util/text.ts';
import type { FigureOptions, Panels } from './figure.ts';

export const FONT_SIZE = 12;
/** Mean width of a letter of DejaVu Sans at that size, which is wider than most system fonts. */
export const LETTER_WIDTH = 7.4;
export const LABEL_GAP = 15;

/** A point of a series, in units of the data. */
type Point = { readonly x: number; readonly y: number; readonly low?: number; readonly high?: number };

/**
 * Options of a mark that label it for the script of pages (html/page.ts): it belongs to a series, which the legend hides and shows, or to a panel. With
 * `points`, it also carries [pixel x, pixel y, x, y, low, high] of each point, which the page shows at the pointer. Empty unless `ground` is `inherit`.
 */
export function inSeries(
  ground: FigureOptions['ground'],
  of: { readonly series: string } | { readonly panel: string },
  points?: readonly Point[],
): { render?: Plot.RenderFunction } {
  if (ground !== 'inherit') return {};
  return {
    render(index, scales, values, dimensions, context, next) {
      const drawn = next!(index, scales, values, dimensions, context);
      for (const [key, name] of Object.entries(of)) drawn?.setAttribute(`data-${key}`, printable(name));
      const { x, y } = values as { x?: ArrayLike<number>; y?: ArrayLike<number> };
      const entries = x && y && points && Array.from(index, i => [pixel(x[i]), pixel(y[i]), ...numbersOf(points[i])]);
      if (entries) drawn?.setAttribute('data-points', JSON.stringify(entries));
      return drawn;
    },
  };
}

/** Labels of the ticks of an axis: plain numbers (50, not 5e+1), and few of them if it is logarithmic. */
export const tickLabels = (logarithmic = false): string | ((value: number) => string) =>
  logarithmic ? '~g' : value => String(+value.toPrecision(9));

const pixel = (value: number): number => +value.toFixed(1);
const numbersOf = ({ x, y, low, high }: Point): number[] =>
  [x, y, ...(low === undefined || high === undefined ? [] : [low, high])].map(value => +value.toPrecision(3));

/** Pixels of a line of a key, and of the label of the vertical axis above the key. */
const [KEY_LINE, AXIS_LABEL] = [18, 18];

/** Places the entries of a key in lines of at most this width; `height` is that of all lines. */
export function placeKey<T extends Panels['key'][number]>(key: readonly T[], width: number) {
  let [left, line] = [0, 0];
  const places = key.map(entry => {
    const own = 48 + LETTER_WIDTH * entry.name.length;
    if (left > 0 && left + own > width) [left, line] = [0, line + 1];
    left += own;
    return { ...entry, x: left - own, y: AXIS_LABEL + KEY_LINE * (line + 0.5) };
  });
  return { places, height: key.length > 0 ? KEY_LINE * (line + 1) + 6 : 0 };
}

/** Draws a plot in the common style, without a browser; returns the SVG document. A key is drawn in the top margin. */
export function drawPlot(
  { x, y, ...options }: Plot.PlotOptions,
  ground: FigureOptions['ground'] = 'paper',
  key: ReturnType<typeof placeKey>['places'] = [],
): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const style = { fontFamily: "system-ui, 'DejaVu Sans', sans-serif", fontSize: `${FONT_SIZE}px` };
  const axes = { x: { labelAnchor: 'center', labelArrow: 'none', ...x }, y: { labelArrow: 'none', ...y } } as const;
  const svg = Plot.plot({ document, style, ...options, ...axes });
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  svg.setAttribute('role', 'img');
  for (const { name, color, dash, x, y } of key) {
    const add = (tag: string, attributes: Readonly<Record<string, string | number>>) => {
      const made = svg.appendChild(document.createElementNS('http://www.w3.org/2000/svg', tag));
      for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
      return made;
    };
    const from = (options.marginLeft ?? 0) + x;
    add('path', { d: `M${from} ${y}h24`, fill: 'none', stroke: color, 'stroke-width': 2, 'stroke-dasharray': dash });
    add('text', { x: from + 30, y, dy: '0.32em', 'text-anchor': 'start', fill: color, 'font-weight': 'bold' }).textContent =
      printable(name);
  }
  if (ground === 'inherit' && typeof x?.label === 'string') svg.setAttribute('data-x', x.label);
  if (ground === 'paper') {
    svg.setAttribute('color', '#1b1b1b');
    const page = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    for (const [name, value] of Object.entries({ width: '100%', height: '100%', fill: '#ffffff' })) page.setAttribute(name, value);
    svg.prepend(page);
  }
  // XML knows no control characters.
  return printable(svg.outerHTML);
}

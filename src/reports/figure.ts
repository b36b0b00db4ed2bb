/** @file Learning curves as SVG (Observable Plot on a document without a browser) and as PNG. */

import { createRequire } from 'node:module';
import * as Plot from '@observablehq/plot';
import { Resvg } from '@resvg/resvg-js';
import { parseHTML } from 'linkedom';
import type { MethodTable } from '../evaluation/index.ts';
import { printable } from '../util/text.ts';
import { methodStyles, ranked, spread } from './style.ts';

export interface FigureOptions {
  /** Pixels. */
  width?: number;
  height?: number;
  /** `paper` is a white page of its own; `inherit` takes the text colour and background of the page it is set in. */
  ground?: 'paper' | 'inherit';
}

const FONT_SIZE = 12;
/** Mean advance of a letter of DejaVu Sans at that size, which is wider than the fonts of most systems. */
export const LETTER_WIDTH = 7.4;
export const LABEL_GAP = 15;

/**
 * Mean normalised return by episode with the interval of the mean as a band, the oracle as a line at 1, and each method named where its
 * line ends.
 *
 * @returns an SVG document.
 */
export function learningCurves(methods: MethodTable, { width = 880, height = 500, ground = 'paper' }: FigureOptions = {}): string {
  const names = ranked(methods);
  const styles = methodStyles(names);
  const episodes = methods[names[0]].byEpisode.mean.length;
  const points = new Map(
    names.map(name => {
      const { mean, meanLow, meanHigh } = methods[name].byEpisode;
      return [name, mean.map((value, e) => ({ episode: e + 1, mean: value, low: meanLow[e], high: meanHigh[e] }))];
    }),
  );
  const all = [...points.values()].flat();
  const low = Math.min(0, ...all.map(point => point.low));
  const high = Math.max(1.02, ...all.map(point => point.high));
  const marginRight = 26 + LETTER_WIDTH * Math.max(...names.map(name => name.length));
  const margins = { marginTop: 30, marginBottom: 42, marginLeft: 44, marginRight };

  // Labels stand beside the last points, pushed apart where lines end close together; all in units of the data.
  const perPixel = (high - low) / (height - margins.marginTop - margins.marginBottom);
  const perPixelX = Math.max(episodes - 1, 1) / (width - margins.marginLeft - marginRight);
  const ends = names.map(name => points.get(name)!.at(-1)!.mean);
  const places = spread(ends, LABEL_GAP * perPixel, low, high);
  const labels = names.map((name, i) => ({ name, end: ends[i], place: places[i] }));
  const edge = episodes + 16 * perPixelX;

  // The emphasised method is drawn last, on top of the others.
  const order = [...names].reverse().sort((a, b) => Number(styles.get(a)!.emphasised) - Number(styles.get(b)!.emphasised));
  const marks = [
    Plot.gridY({ ticks: 6, strokeOpacity: 0.1 }),
    ...order.map(name =>
      Plot.areaY(points.get(name)!, { x: 'episode', y1: 'low', y2: 'high', fill: styles.get(name)!.color, fillOpacity: 0.14 }),
    ),
    Plot.ruleY([1], { stroke: 'currentColor', strokeDasharray: '1 3', strokeWidth: 1.25 }),
    // Where the oracle is itself among the methods, its curve carries the name.
    Plot.text('oracle' in methods ? [] : [1], { x: 1, y: 1, text: () => 'oracle', textAnchor: 'start', dy: -7, fillOpacity: 0.75 }),
    ...order.map(name => {
      const { color, dash, emphasised } = styles.get(name)!;
      return Plot.lineY(points.get(name)!, {
        x: 'episode',
        y: 'mean',
        stroke: color,
        strokeWidth: emphasised ? 3.2 : 1.7,
        strokeDasharray: dash,
        strokeLinecap: dash ? 'butt' : 'round',
      });
    }),
    // One episode makes no line and no band.
    ...(episodes > 1
      ? []
      : order.flatMap(name => {
          const stroke = styles.get(name)!.color;
          return [
            Plot.ruleX(points.get(name)!, { x: 'episode', y1: 'low', y2: 'high', stroke, strokeWidth: 2, strokeOpacity: 0.5 }),
            Plot.dot(points.get(name)!, { x: 'episode', y: 'mean', fill: stroke, r: 4 }),
          ];
        })),
    ...labels.flatMap(label => {
      const { color, emphasised } = styles.get(label.name)!;
      return [
        Plot.link([label], {
          x1: episodes + 3 * perPixelX,
          y1: 'end',
          x2: edge - 3 * perPixelX,
          y2: 'place',
          stroke: color,
          strokeOpacity: 0.7,
        }),
        Plot.text([label], {
          x: edge,
          y: 'place',
          text: 'name',
          textAnchor: 'start',
          fill: color,
          fontWeight: emphasised ? 'bold' : 'normal',
        }),
      ];
    }),
  ];

  return drawPlot(
    {
      width,
      height,
      ...margins,
      ariaLabel: 'Learning curves',
      x: {
        domain: [1, Math.max(episodes, 2)],
        label: 'in-context episode',
        labelAnchor: 'center',
        labelArrow: 'none',
        ticks: episodeTicks(episodes),
        tickFormat: 'd',
      },
      y: { domain: [low, high], label: 'return ÷ oracle return', labelArrow: 'none', ticks: 6 },
      marks,
    },
    ground,
  );
}

/** Draws a plot in the look of all figures, on a document without a browser; gives the SVG document. */
export function drawPlot(options: Plot.PlotOptions, ground: FigureOptions['ground'] = 'paper'): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const style = { fontFamily: "system-ui, 'DejaVu Sans', sans-serif", fontSize: `${FONT_SIZE}px` };
  const svg = Plot.plot({ document, style, ...options });
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

/** The first episode and round numbers, at most seven or so. */
export function episodeTicks(episodes: number): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find(candidate => episodes / candidate <= 7) ?? Math.ceil(episodes / 5);
  const ticks = [1];
  for (let tick = step; tick <= episodes; tick += step) if (tick > 1) ticks.push(tick);
  return ticks;
}

/** Renders an SVG at `scale` times its size. resvg draws text only in fonts that it is given, so DejaVu comes along. */
export function toPNG(svg: string, scale = 2): Uint8Array {
  const require = createRequire(import.meta.url);
  const fontFiles = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map(name => require.resolve(`dejavu-fonts-ttf/ttf/${name}`));
  const image = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: scale },
    font: { loadSystemFonts: false, fontFiles, defaultFontFamily: 'DejaVu Sans', sansSerifFamily: 'DejaVu Sans' },
  });
  return image.render().asPng();
}

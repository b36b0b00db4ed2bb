/** @file Learning curves as SVG (Observable Plot on a document without a browser) and as PNG. */

import { createRequire } from 'node:module';
import * as Plot from '@observablehq/plot';
import { Resvg } from '@resvg/resvg-js';
import type { MethodTable } from '../../records/index.ts';
import { drawPlot, type FigureOptions, LABEL_GAP, LETTER_WIDTH } from './plot.ts';
import { MOST_TOGETHER, smallMultiples } from './small-multiples.ts';
import { methodStyles, ranked, spread } from './style.ts';

/**
 * Mean normalised return by episode with the interval of the mean as a band, the oracle as a line at 1, and each method named where its
 * line ends; where there are many, each in a panel of its own.
 *
 * @returns an SVG document.
 */
export function learningCurves(methods: MethodTable, options: FigureOptions = {}): string {
  const names = ranked(methods);
  const { width = 880, height = 500, ground = 'paper', styles = methodStyles(names) } = options;
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
  const axes = { ariaLabel: 'Learning curves', x: 'in-context episode', y: 'return ÷ oracle return' };
  if (names.length > MOST_TOGETHER && episodes > 1) {
    const lines = names.map(name => ({
      name,
      points: points.get(name)!.map(({ episode, mean, ...band }) => ({ x: episode, y: mean, ...band })),
    }));
    return smallMultiples({ ...axes, lines, styles, y: { label: axes.y, domain: [low, high] }, level: 1 }, options);
  }
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
      ariaLabel: axes.ariaLabel,
      x: {
        domain: [1, Math.max(episodes, 2)],
        label: axes.x,
        labelAnchor: 'center',
        labelArrow: 'none',
        ticks: episodeTicks(episodes),
        tickFormat: 'd',
      },
      y: { domain: [low, high], label: axes.y, labelArrow: 'none', ticks: 6 },
      marks,
    },
    ground,
  );
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

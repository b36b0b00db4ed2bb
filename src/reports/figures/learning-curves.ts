/** @file Learning curves as SVG (Observable Plot on a document without a browser) and as PNG. */

import { createRequire } from 'node:module';
import { Resvg } from '@resvg/resvg-js';
import type { MethodTable } from '../../records/index.ts';
import { lineFigure } from './lines.ts';
import type { FigureOptions, LineFigure } from './plot.ts';
import { methodStyles, ranked } from './style.ts';

/**
 * Mean normalised return by episode with the interval of the mean as a band, the oracle as a line at 1, and each method named where its
 * line ends; where there are many, each in a panel of its own.
 *
 * @returns an SVG document.
 */
export function learningCurves(methods: MethodTable, options: FigureOptions = {}): string {
  const names = ranked(methods);
  const lines = names.map(name => {
    const { mean, meanLow, meanHigh } = methods[name].byEpisode;
    return { name, points: mean.map((y, e) => ({ x: e + 1, y, low: meanLow[e], high: meanHigh[e] })) };
  });
  const all = lines.flatMap(({ points }) => points);
  const figure: LineFigure = {
    ariaLabel: 'Learning curves',
    x: 'in-context episode',
    ticks: episodeTicks(lines[0].points.length),
    y: {
      label: 'return ÷ oracle return',
      domain: [Math.min(0, ...all.map(({ low }) => low)), Math.max(1.02, ...all.map(({ high }) => high))],
    },
    // Where the oracle is itself among the methods, its curve carries the name.
    level: { at: 1, ...('oracle' in methods ? {} : { name: 'oracle' }) },
    lines,
    styles: options.styles ?? methodStyles(names),
  };
  return lineFigure(figure, { height: 500, ...options });
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

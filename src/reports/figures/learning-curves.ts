/** @file Learning curves and performance profiles as SVG (Observable Plot on a document without a browser) and as PNG. */

import { createRequire } from 'node:module';
import { type MethodTable, referenceIn, wordsFor, wordsOf } from '../../records/index.ts';
import { lineFigure } from './lines.ts';
import type { FigureOptions, Line, LineFigure } from './plot.ts';
import { methodStyles, ranked } from './style.ts';

/**
 * Mean normalized return by episode with the interval of the mean as a band, what scores 1 as a line, and each method named where its
 * line ends; where there are many, each in a panel of its own.
 *
 * @returns an SVG document.
 */
export function learningCurves(methods: MethodTable, options: FigureOptions = {}): string {
  const names = ranked(methods);
  const { axis, one } = wordsOf(methods);
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
      label: axis,
      domain: [Math.min(0, ...all.map(({ low }) => low)), Math.max(1.02, ...all.map(({ high }) => high))],
    },
    // Where what scores 1 is itself among the methods, its curve carries the name.
    level: { at: 1, ...(one in methods ? {} : { name: one }) },
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

/** What the figure shows. */
export const PROFILE_CAPTION = 'Share of runs whose final return is above a threshold; bands are pointwise.';

/**
 * Draws the performance profiles of the methods that have one, the share of runs whose final return is above each threshold (Agarwal et al. 2021);
 * gives an SVG document, or undefined where none has.
 */
export function profiles(methods: MethodTable, options: FigureOptions = {}): string | undefined {
  const reference = referenceIn(methods);
  const { kind } = reference;
  const lines = ranked(methods).flatMap((name): Line[] => {
    const { profile } = methods[name];
    if (!profile) return [];
    const { threshold, share, low, high } = profile;
    const points = threshold.map((at, i) => ({ x: 100 * at, y: share[i], low: low[i], high: high[i] }));
    // Nothing is above the oracle but by luck, so lines end, and are named, before it.
    return [{ name, points: kind === 'oracle' ? points.filter(({ x }) => x < 100) : points }];
  });
  if (lines.length === 0) return undefined;
  return lineFigure(
    {
      lines,
      styles: options.styles ?? methodStyles(Object.keys(methods)),
      ariaLabel: 'Performance profiles',
      x: `final return above, ${wordsFor(reference).percent}`,
      y: { label: 'share of runs', domain: [0, 1] },
    },
    options,
  );
}

/** Renders an SVG at `scale` times its size. resvg draws text only in fonts that it is given, so DejaVu comes along. */
export function toPNG(svg: string, scale = 2): Uint8Array {
  const require = createRequire(import.meta.url);
  // Loaded late: it is native code, and most who read reports draw no images.
  const { Resvg } = require('@resvg/resvg-js') as typeof import('@resvg/resvg-js');
  const fontFiles = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map(name => require.resolve(`dejavu-fonts-ttf/ttf/${name}`));
  const image = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: scale },
    font: { loadSystemFonts: false, fontFiles, defaultFontFamily: 'DejaVu Sans', sansSerifFamily: 'DejaVu Sans' },
  });
  return image.render().asPng();
}

/** @file Learning curves and performance profiles of the methods of a table. */

import { referenceIn, wordsFor, wordsOf } from '../../records/index.ts';
import type { Figure, Line, LineFigure } from './figure.ts';
import { ranked } from './style.ts';

/**
 * Mean score by episode or window, with the interval of the mean as a band and, if scores are normalized, a dotted line at 1. Each method is labeled where its line
 * ends; if there are many, each has its own panel.
 */
export const learningCurves = {
  id: 'curves',
  of: 'methods',
  title: 'Learning curves',
  caption(methods) {
    const { place, quantity } = wordsOf(methods);
    return Object.values(methods)[0].byEpisode.mean.length === 1
      ? `Mean ${quantity}. Bars are 95% intervals of the mean.`
      : `Mean ${quantity} by ${place}. Bands are 95% intervals of the mean.`;
  },
  draw(methods): LineFigure {
    const reference = referenceIn(methods);
    const { axis, one, place } = wordsFor(reference);
    const normalized = reference.kind !== 'raw';
    const lines = ranked(methods).map(name => {
      const { mean, meanLow, meanHigh } = methods[name].byEpisode;
      return { name, points: mean.map((y, e) => ({ x: e + 1, y, low: meanLow[e], high: meanHigh[e] })) };
    });
    const all = lines.flatMap(({ points }) => points);
    return {
      ariaLabel: 'Learning curves',
      height: 500,
      x: place,
      ticks: episodeTicks(lines[0].points.length),
      y: {
        label: axis,
        domain: [Math.min(0, ...all.map(({ low }) => low)), Math.max(normalized ? 1.02 : 0, ...all.map(({ high }) => high))],
      },
      // If the method that scores 1 is in the table, its curve is labeled instead.
      level: normalized ? { at: 1, ...(one in methods ? {} : { name: one }) } : undefined,
      lines,
    };
  },
} satisfies Figure<'methods'>;

/** The first episode and round numbers, about seven at most. */
export function episodeTicks(episodes: number): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find(candidate => episodes / candidate <= 7) ?? Math.ceil(episodes / 5);
  const ticks = [1];
  for (let tick = step; tick <= episodes; tick += step) if (tick > 1) ticks.push(tick);
  return ticks;
}

/**
 * Performance profiles: the share of streams whose final return is above each threshold (Agarwal et al. 2021). Undefined if no method has one.
 */
export const profiles = {
  id: 'profiles',
  of: 'methods',
  title: 'Performance profiles',
  caption: () => 'Share of streams whose final return is above a threshold. Bands are pointwise 95% intervals.',
  draw(methods): LineFigure | undefined {
    const reference = referenceIn(methods);
    const { kind } = reference;
    const lines = ranked(methods).flatMap((name): Line[] => {
      const { profile } = methods[name];
      if (!profile) return [];
      const { threshold, share, low, high } = profile;
      const points = threshold.map((at, i) => ({ x: 100 * at, y: share[i], low: low[i], high: high[i] }));
      // Returns above the oracle's are luck, so lines end before it.
      return [{ name, points: kind === 'oracle' ? points.filter(({ x }) => x < 100) : points }];
    });
    if (lines.length === 0) return undefined;
    const x = `threshold of the final return, ${wordsFor(reference).percent}`;
    return { lines, ariaLabel: 'Performance profiles', x, y: { label: 'share of streams', domain: [0, 1] } };
  },
} satisfies Figure<'methods'>;

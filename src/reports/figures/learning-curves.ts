/** @file Learning curves and performance profiles of the rows of a table. */

import { referenceIn, wordsFor, wordsOf } from '../../records/index.ts';
import type { Figure, Line, LineFigure } from './figure.ts';
import { ranked } from './style.ts';

/**
 * Mean normalized return by episode with the interval of the mean as a band, what scores 1 as a line, and each method named where its
 * line ends; where there are many, each in a panel of its own.
 */
export const learningCurves = {
  id: 'curves',
  of: 'methods',
  title: 'Learning curves',
  caption: () => 'Mean by in-context episode; the bands are explained below.',
  draw(methods): LineFigure {
    const { axis, one } = wordsOf(methods);
    const lines = ranked(methods).map(name => {
      const { mean, meanLow, meanHigh } = methods[name].byEpisode;
      return { name, points: mean.map((y, e) => ({ x: e + 1, y, low: meanLow[e], high: meanHigh[e] })) };
    });
    const all = lines.flatMap(({ points }) => points);
    return {
      ariaLabel: 'Learning curves',
      height: 500,
      x: 'in-context episode',
      ticks: episodeTicks(lines[0].points.length),
      y: {
        label: axis,
        domain: [Math.min(0, ...all.map(({ low }) => low)), Math.max(1.02, ...all.map(({ high }) => high))],
      },
      // Where what scores 1 is itself among the methods, its curve carries the name.
      level: { at: 1, ...(one in methods ? {} : { name: one }) },
      lines,
    };
  },
} satisfies Figure<'methods'>;

/** The first episode and round numbers, at most seven or so. */
export function episodeTicks(episodes: number): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find(candidate => episodes / candidate <= 7) ?? Math.ceil(episodes / 5);
  const ticks = [1];
  for (let tick = step; tick <= episodes; tick += step) if (tick > 1) ticks.push(tick);
  return ticks;
}

/**
 * The performance profiles of the methods that have one: the share of runs whose final return is above each threshold (Agarwal et al. 2021).
 * Nothing where none has.
 */
export const profiles = {
  id: 'profiles',
  of: 'methods',
  title: 'Performance profiles',
  caption: () => 'Share of runs whose final return is above a threshold; bands are pointwise.',
  draw(methods): LineFigure | undefined {
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
    const x = `final return above, ${wordsFor(reference).percent}`;
    return { lines, ariaLabel: 'Performance profiles', x, y: { label: 'share of runs', domain: [0, 1] } };
  },
} satisfies Figure<'methods'>;

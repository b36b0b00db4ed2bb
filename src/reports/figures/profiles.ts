/** @file Performance profiles: the share of runs whose final return is above each threshold, a line for every method (Agarwal et al. 2021). */

import type { MethodTable } from '../../records/index.ts';
import { lineFigure } from './lines.ts';
import type { FigureOptions, Line } from './plot.ts';
import { methodStyles, ranked } from './style.ts';

/** What the figure shows. */
export const PROFILE_CAPTION = 'Share of runs whose final return is above a threshold; bands are pointwise.';

/** Draws the profiles of the methods that have one; gives an SVG document, or undefined where none has. */
export function profiles(methods: MethodTable, options: FigureOptions = {}): string | undefined {
  const lines = ranked(methods).flatMap((name): Line[] => {
    const { profile } = methods[name];
    if (!profile) return [];
    const { threshold, share, low, high } = profile;
    const points = threshold.map((at, i) => ({ x: 100 * at, y: share[i], low: low[i], high: high[i] }));
    // Nothing is above the oracle but by luck, so lines end, and are named, before it.
    return [{ name, points: points.filter(({ x }) => x < 100) }];
  });
  if (lines.length === 0) return undefined;
  return lineFigure(
    {
      lines,
      styles: options.styles ?? methodStyles(Object.keys(methods)),
      ariaLabel: 'Performance profiles',
      x: 'final return above, % of the oracle’s',
      y: { label: 'share of runs', domain: [0, 1] },
    },
    options,
  );
}

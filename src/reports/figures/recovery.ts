/** @file Recovery curves of the methods of a table: what a call counts by the time since the last change of the task. */

import type { MethodTable, RecoveryCurves } from '../../records/index.ts';
import type { Figure, LineFigure } from './figure.ts';
import { ranked } from './style.ts';

/** Draws one of the two curves; both have the same vertical axis, so that they can be compared. Undefined without recovery curves. */
function curves(methods: MethodTable, part: 'first' | 'later', x: string): LineFigure | undefined {
  const found = ranked(methods).flatMap(name => (methods[name].recovery ? [[name, methods[name].recovery] as const] : []));
  if (found.length === 0) return undefined;
  const all = found.flatMap(([, { first, later }]) => [first, later].flatMap(({ byBin }) => [...byBin.low, ...byBin.high]));
  const points = ({ bin, [part]: { byBin } }: RecoveryCurves) =>
    byBin.mean.map((y, b) => ({ x: bin * (b + 0.5), y, low: byBin.low[b], high: byBin.high[b] }));
  return {
    ariaLabel: `Outcome by ${x}`,
    lines: found.map(([name, recovery]) => ({ name, points: points(recovery) })),
    x,
    y: { label: `${methods[found[0][0]].window?.outcome ?? 'return'} per call`, domain: [Math.min(0, ...all), Math.max(...all, 1e-9)] },
  };
}

/** Mean outcome of a call by the time since the last change, over all layouts but the first. */
export const recovery = {
  id: 'recovery',
  of: 'methods',
  title: 'Recovery after changes',
  caption: () => 'Mean over all layouts after the first. Bands are 95% intervals of the mean.',
  draw: methods => curves(methods, 'later', 'calls since the last change of the task'),
} satisfies Figure<'methods'>;

/** The same before the first change. */
export const firstLayout = {
  id: 'first-layout',
  of: 'methods',
  title: 'Before the first change',
  caption: () => 'Bands are 95% intervals of the mean.',
  draw: methods => curves(methods, 'first', 'calls since the start'),
} satisfies Figure<'methods'>;

/** @file Curves from points: collected by stage, smoothed, grouped, and averaged. */

import type { Points } from '../../../src/server/watched.ts';

/** The metrics of one stage of one seed. */
export interface Series {
  readonly run: string;
  readonly seed?: number;
  readonly variants: readonly number[];
  readonly step: readonly number[];
  readonly values: Readonly<Record<string, readonly (number | null)[]>>;
}

/** A metric by step. */
export interface Curve {
  readonly step: readonly number[];
  readonly value: readonly number[];
}

/** Name of a stage of one seed in a run. */
export const keyOf = ({ run, folder }: Pick<Points, 'run' | 'folder'>): string => `${run}\n${folder}`;

/** The metrics with new points. */
export function extended(before: Series | undefined, { run, seed, variants, replaces, step, values }: Points): Series {
  if (!before || replaces) return { run, seed, variants, step, values };
  const [old, now] = [before.step.length, step.length];
  const names = [...new Set([...Object.keys(before.values), ...Object.keys(values)])];
  const column = (name: string) => [
    ...(before.values[name] ?? new Array<null>(old).fill(null)),
    ...(values[name] ?? new Array<null>(now).fill(null)),
  ];
  return {
    run,
    seed,
    variants,
    step: [...before.step, ...step],
    values: Object.fromEntries(names.map(name => [name, column(name)])),
  };
}

/** One metric, without the steps that do not have it. */
export function curveOf({ step, values }: Series, metric: string): Curve {
  const column = values[metric] ?? [];
  const at = column.flatMap((value, i) => (value === null ? [] : [i]));
  return { step: at.map(i => step[i]), value: at.map(i => column[i]!) };
}

/** Exponential moving average with the weight `past` on the past, corrected for its beginning. */
export function smoothed({ step, value }: Curve, past: number): Curve {
  if (past === 0) return { step, value };
  let [average, weight] = [0, 0];
  return {
    step,
    value: value.map(each => {
      average = past * average + (1 - past) * each;
      weight = past * weight + (1 - past);
      return average / weight;
    }),
  };
}

/** The mean of curves at the steps that all of them have, so that it does not jump where one of them ends. */
export function meanOf(curves: readonly Curve[]): Curve {
  const sums = new Map<number, { sum: number; count: number }>();
  for (const { step, value } of curves)
    for (const [i, at] of step.entries()) {
      const { sum, count } = sums.get(at) ?? { sum: 0, count: 0 };
      sums.set(at, { sum: sum + value[i], count: count + 1 });
    }
  const shared = [...sums].filter(([, { count }]) => count === curves.length).sort(([a], [b]) => a - b);
  return { step: shared.map(([at]) => at), value: shared.map(([, { sum, count }]) => sum / count) };
}

/** Columns over the steps of all curves: steps first, then a column for each curve, with null where it has no value. */
export function aligned(curves: readonly Curve[]): [number[], ...(number | null)[][]] {
  const steps = [...new Set(curves.flatMap(({ step }) => step))].sort((a, b) => a - b);
  const place = new Map(steps.map((step, i) => [step, i]));
  const columns = curves.map(({ step, value }) => {
    const column = new Array<number | null>(steps.length).fill(null);
    for (const [i, at] of step.entries()) column[place.get(at)!] = value[i];
    return column;
  });
  return [steps, ...columns];
}

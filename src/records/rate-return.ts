/**
 * @file Return versus rate: the share of the teacher's return that an agent keeps, by the bits of Z. This curve shows the cost of compression.
 * Shape key: R runs (task × seed × stream).
 */

import { type MeanScore, quantile, type Resamples } from '../statistics/bootstrap.ts';
import { CadenzaError } from '../util/errors.ts';
import { drawsOf, scoresOf } from './raw-returns.ts';
import type { MethodTable, RatePoint, RateReturn, SmallestPoint } from './results-format.ts';
import type { ReturnsTable } from './returns-format.ts';

/** Shares of the reference's return for which a curve reports the smallest sufficient Z. */
export const KEPT = [0.95, 0.99] as const;

/**
 * The curve of some methods of a table. Intervals are of the ratio of means, with resamples that draw the same runs of both, as for the table.
 *
 * @param groups the line of each method, by method.
 * @throws `E_DATA` for a method without a Z.
 */
export function rateReturn(methods: MethodTable, raw: ReturnsTable, groups: ReadonlyMap<string, string>, reference: string): RateReturn {
  const below = runScores(raw, reference);
  const points = Array.from(groups, ([method, group]): RatePoint => {
    const bits = methods[method]?.bitsPerContext;
    if (bits === undefined) throw fault(`"${method}" has no latents, so it has no rate; leave its combination out.`);
    const own = runScores(raw, method);
    return { method, group, bits, final: ratio(own.final, below.final, own.draws), area: ratio(own.area, below.area, own.draws) };
  });
  const order = [...new Set(groups.values())];
  points.sort((a, b) => order.indexOf(a.group) - order.indexOf(b.group) || a.bits - b.bits);
  const smallest = order.flatMap(group =>
    KEPT.flatMap(share =>
      (['mean', 'low'] as const).map((by): SmallestPoint => {
        const found = points.find(point => point.group === group && point.final[by] >= share);
        return { group, share, by, method: found?.method ?? null };
      }),
    ),
  );
  return { reference, points, smallest };
}

/** The normalized scores of every run, task by task, and the draws of the table's intervals. */
const runScores = (raw: ReturnsTable, method: string) => ({
  final: scoresOf(raw, method, 'final').flat(),
  area: scoresOf(raw, method, 'area').flat(),
  draws: drawsOf(raw, method),
});

const fault = (why: string) => new CadenzaError('E_DATA', `rate–return: ${why}`);

/** Σ a ÷ Σ b over all runs, with its 95% percentile interval. Throws `E_DATA` if the reference does not score above 0. */
function ratio(above: readonly number[], below: readonly number[], { counts, runs, resamples }: Resamples): MeanScore {
  const total = (values: readonly number[], weight: (i: number) => number) => values.reduce((sum, value, i) => sum + weight(i) * value, 0);
  const of = (weight: (i: number) => number) => total(above, weight) / total(below, weight);
  if (above.length !== below.length)
    throw fault('the methods have different numbers of runs; evaluate them with the same seeds and streams.');
  if (!(total(below, () => 1) > 0)) throw fault('the mean score of the reference is not above 0, so shares of it are undefined.');
  const least = Float64Array.from({ length: resamples }, (_, r) => total(below, i => counts[r * runs + i])).sort();
  if (!(quantile(least, 0.025) > 0))
    throw fault(
      'the interval of the reference reaches 0, so shares of it have no interval. Train it longer, or choose another one in rate.against.',
    );
  const drawn = Float64Array.from({ length: resamples }, (_, r) => of(i => counts[r * runs + i])).sort();
  return { mean: of(() => 1), low: quantile(drawn, 0.025), high: quantile(drawn, 0.975) };
}

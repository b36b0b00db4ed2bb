/**
 * @file Rate against return: what an agent keeps of its teacher's return with so many bits of Z. The curve that says what compression costs.
 * Shape key: R runs (task × seed × stream).
 */

import { type MeanScore, quantile, type Resamples } from '../statistics/bootstrap.ts';
import { CadenzaError } from '../util/errors.ts';
import { drawsOf, scoresOf } from './raw-returns.ts';
import type { MethodTable, RatePoint, RateReturn, SmallestPoint } from './results-format.ts';
import type { ReturnsTable } from './returns-format.ts';

/** Shares of the reference's return that a curve is asked for: the smallest Z that keeps them. */
export const KEPT = [0.95, 0.99] as const;

/**
 * The curve of some rows of a table. Intervals are of the ratio of means, under resamples that draw the same runs of both; they are drawn as those
 * of the table are.
 *
 * @param groups the line that each row belongs to, by row. Throws `E_DATA` for a row without a Z.
 * @throws {CadenzaError} `E_DATA` for a row without a Z.
 */
export function rateReturn(methods: MethodTable, raw: ReturnsTable, groups: ReadonlyMap<string, string>, reference: string): RateReturn {
  const below = runScores(raw, reference);
  const points = Array.from(groups, ([method, group]): RatePoint => {
    const bits = methods[method]?.bitsPerContext;
    if (bits === undefined) throw fault(`"${method}" carries no latents, so it has no rate; leave its combination out.`);
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

/** Σ a ÷ Σ b over all runs, with its 95% percentile interval. Throws `E_DATA` where the reference does not score above 0. */
function ratio(above: readonly number[], below: readonly number[], { counts, runs, resamples }: Resamples): MeanScore {
  const total = (values: readonly number[], weight: (i: number) => number) => values.reduce((sum, value, i) => sum + weight(i) * value, 0);
  const of = (weight: (i: number) => number) => total(above, weight) / total(below, weight);
  if (above.length !== below.length) throw fault('the rows have different numbers of runs; evaluate them with the same seeds and streams.');
  if (!(total(below, () => 1) > 0)) throw fault("the reference's mean score is not above 0, so nothing is a share of it.");
  const drawn = Float64Array.from({ length: resamples }, (_, r) => of(i => counts[r * runs + i])).sort();
  return { mean: of(() => 1), low: quantile(drawn, 0.025), high: quantile(drawn, 0.975) };
}

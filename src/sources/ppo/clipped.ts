/**
 * @file The exact likelihood of a real action that was sampled from a Gaussian and clipped to a box (a censored Gaussian): inside the box
 * the density, at an edge the probability of everything beyond it. Using the density at the edge instead would treat a sample from far
 * outside as one exactly on the edge, and so underestimate the standard deviation: Pendulum is not learned that way (docs/LOG.md, "PPO
 * solves Pendulum"). Shape key: L learners, B rows, W numbers of an action.
 */

import { abs, add, constant, div, exp, less, log, mul, neg, select, square, sub, sum, type Tensor } from '../../engine/index.ts';
import { gaussianNll } from '../../nn/index.ts';
import type { BoxSpace } from '../../rl/index.ts';
import { COMPLEMENT_FIT, logNormalBelow } from '../../util/normal.ts';

/** Actions are in single precision, and so are the edges that they are clipped to. */
const edges = ({ low, high }: BoxSpace) => ({ low: low.map(Math.fround), high: high.map(Math.fround) });

/**
 * Log-likelihood of the action [W] at `action[from …]`, where `row[at …]` holds W means and then W standard deviations above 0, all in
 * units of the action.
 */
export function clippedLogProbability(
  space: BoxSpace,
): (row: ArrayLike<number>, at: number, action: ArrayLike<number>, from: number) => number {
  const { low, high } = edges(space);
  const W = low.length;
  return (row, at, action, from) => {
    let total = 0;
    for (let i = 0; i < W; i++) {
      const [x, mean, deviation] = [action[from + i], row[at + i], row[at + W + i]];
      if (x <= low[i]) total += logNormalBelow((low[i] - mean) / deviation);
      else if (x >= high[i]) total += logNormalBelow((mean - high[i]) / deviation);
      else total -= 0.5 * (((x - mean) / deviation) ** 2 + Math.log(2 * Math.PI)) + Math.log(deviation);
    }
    return total;
  };
}

/** The same in a graph: actions and means [L, B, W] and log standard deviations, broadcast to that → [L, B]. */
export function clippedLogLikelihood(space: BoxSpace, action: Tensor, mean: Tensor, logDeviation: Tensor): Tensor {
  const { low, high } = edges(space);
  const row = (values: readonly number[]) => constant(values, [1, 1, low.length]);
  // No action lies at an infinite edge, so any finite value works beyond it as long as its gradient is finite.
  const finite = (values: readonly number[]) => row(values.map(edge => (Number.isFinite(edge) ? edge : 0)));
  const precision = exp(neg(logDeviation));
  const below = logBelow(mul(sub(finite(low), mean), precision));
  const above = logBelow(mul(sub(mean, finite(high)), precision));
  const inside = neg(gaussianNll(action, mean, logDeviation));
  return sum(select(less(row(low), action), select(less(action, row(high)), inside, above), below), [-1]);
}

/** `logNormalBelow` in a graph. */
function logBelow(x: Tensor): Tensor {
  const z = mul(abs(x), Math.SQRT1_2);
  const t = div(1, add(mul(z, 0.5), 1));
  const fit = COMPLEMENT_FIT.reduceRight<Tensor>((sum, c) => add(mul(sum, t), c), constant(0));
  const tail = add(sub(log(mul(t, 0.5)), square(z)), fit);
  return select(less(x, 0), tail, log(sub(1, exp(tail))));
}

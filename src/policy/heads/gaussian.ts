/**
 * @file `gaussian`: an independent mean and standard deviation for every real number. Samples are clipped to the box; likelihoods are those
 * of the Gaussian before clipping. With h the half-width of the box and c its center,
 *
 *   mean = c + h x      log deviation = log h + LOWEST + (HIGHEST − LOWEST) sigmoid(y)
 *
 * so that a source with no spread cannot make the likelihood, and with it the gradient, unbounded.
 */

import { add, concat, constant, div, exp, log, maximum, mul, sigmoid, slice, sub, sum, type Tensor } from '../../engine/index.ts';
import { gaussianNll, linear } from '../../nn/index.ts';
import { gaussian as distributionOver, LEAST_DEVIATION } from '../../rl/index.ts';
import { copying, type HeadKind } from './head.ts';

/** Bounds of the log standard deviation, relative to the half-width of the box: from a twentieth of it to nearly three times. */
const [LOWEST, HIGHEST] = [-3, 1];
/** Entropy of a Gaussian with standard deviation 1, in nats. */
const UNIT_ENTROPY = 0.5 * Math.log(2 * Math.PI * Math.E);

export const gaussian: HeadKind = {
  id: 'gaussian',
  description: 'mean and standard deviation of every real number of an action',
  takes: 'real numbers',
  make(space) {
    if (space.kind !== 'box') return undefined;
    const { low, high } = space;
    const width = low.length;
    const perNumber = (of: (low: number, high: number) => number) => constant(low.map((lowest, i) => of(lowest, high[i])));
    const half = perNumber((low, high) => (high - low) / 2);
    const center = perNumber((low, high) => (high + low) / 2);
    const halves = (x: Tensor) => [slice(x, 2, 0, width), slice(x, 2, width, 2 * width)] as const;
    const parameters = (outputs: Tensor) => {
      const [x, y] = halves(outputs);
      const logDeviation = add(log(half), add(mul(sigmoid(y), HIGHEST - LOWEST), LOWEST));
      return { mean: add(center, mul(half, x)), logDeviation };
    };
    /**
     * −∫ N(target) log N(p) summed over the numbers: the squared error plus the target's own variance, in units of the standard deviation.
     */
    const crossEntropy = (target: Tensor, outputs: Tensor) => {
      const { mean, logDeviation } = parameters(outputs);
      const [targetMean, targetDeviation] = halves(target);
      const spread = div(targetDeviation, exp(logDeviation));
      return sum(add(gaussianNll(targetMean, mean, logDeviation), mul(mul(spread, spread), 0.5)), [-1]);
    };
    const entropyOf = (logDeviation: Tensor) => sum(add(logDeviation, UNIT_ENTROPY), [-1]);
    return {
      choice: { kind: 'gaussian' },
      distribution: distributionOver(space),
      outputs: (scope, states_BTD) => linear(scope, states_BTD, 2 * width),
      rows(outputs) {
        const { mean, logDeviation } = parameters(outputs);
        return concat([mean, exp(logDeviation)], 2);
      },
      crossEntropy,
      kl: (target, outputs) => sub(crossEntropy(target, outputs), entropyOf(log(maximum(halves(target)[1], LEAST_DEVIATION)))),
      entropy: outputs => entropyOf(parameters(outputs).logDeviation),
      writeTarget: copying(2 * width),
    };
  },
};

/**
 * @file Real-valued latents. `continuous`: the compressor's output. `variational`: an information bottleneck (Alemi et al. 2017, "Deep
 * variational information bottleneck"), Z Gaussian with the compressor's output as its mean.
 */

import { add, exp, layerNorm, mean, mul, square, sub } from '../../engine/index.ts';
import { linear, zeroInit } from '../../nn/index.ts';
import type { LatentKind } from './kind.ts';

/** R(Z) is the mean square (an L2 penalty, method 4.1). */
export const continuous: LatentKind = {
  id: 'continuous',
  description: 'the real numbers that the compressor outputs',
  apply: (_, z_BMD) => ({ trained: z_BMD, settled: z_BMD, capacity: mean(square(z_BMD)) }),
};

/** Initial log σ²: σ = 0.14, so that training does not start by overcoming the noise. */
const INITIAL_LOG_VARIANCE = -4;

/** R(Z) is the KL divergence to the unit Gaussian, which bounds the information about X in Z. */
export const variational: LatentKind = {
  id: 'variational',
  description: 'Gaussians: samples in training, means afterwards',
  apply(scope, z_BMD) {
    const width = z_BMD.shape.at(-1)!;
    const logVariance = add(linear(scope.at('logVariance'), layerNorm(z_BMD), width, zeroInit), INITIAL_LOG_VARIANCE);
    const noise = scope.random('noise', z_BMD.shape, random => random.normal());
    const variance = exp(logVariance);
    // A mean over the numbers of Z, not a sum, like the L2 penalty: λ_cap means the same for any m and D.
    const divergence = mul(mean(sub(sub(add(square(z_BMD), variance), logVariance), 1)), 0.5);
    return { trained: add(z_BMD, mul(exp(mul(logVariance, 0.5)), noise)), settled: z_BMD, capacity: divergence, metrics: { divergence } };
  },
};

/**
 * @file Thompson sampling (Thompson 1933; Russo et al. 2018) for Gaussian rewards with known noise: with the prior N(m, s²), the posterior
 * of an arm after n pulls of sum Σr is N((m/s² + Σr/σ²) / (1/s² + n/σ²), 1 / (1/s² + n/σ²)). Its distribution is the exact one, the
 * probability that an arm is the best under the posterior, instead of one sample of it.
 */

import { logNormalBelow } from '../util/normal.ts';
import { banditLearner } from './bandits.ts';
import { defineSource } from './source.ts';

export const thompson = defineSource({
  id: 'thompson',
  description: 'pulls each arm with the probability that it is the best, given the rewards so far (Thompson sampling, Gaussian posterior)',
  knows: 'The actions, which steps are scored, the noise of rewards, and the mean and deviation of the mean rewards of arms.',
  options: {
    deviation: { default: 0.3, range: [1e-3, 1000], about: 'standard deviation of the rewards of an arm (σ)' },
    priorMean: { default: 0.5, range: [-1e6, 1e6], about: 'mean of the mean rewards of arms (m)' },
    priorDeviation: {
      default: Math.sqrt(1 / 12),
      range: [1e-3, 1000],
      about: 'standard deviation of them (s); √(1/12) is that of U[0, 1)',
    },
  },
  learner: (family, _task, _random, { deviation, priorMean, priorDeviation }) =>
    banditLearner(family, 'Source thompson', count => {
      const mean = new Float64Array(count).fill(priorMean);
      const precision = new Float64Array(count).fill(1 / priorDeviation ** 2);
      const gain = 1 / deviation ** 2;
      const pulls = new Int32Array(count);
      let best: Float64Array | undefined;
      return {
        pulls,
        mean,
        pull(arm, reward) {
          pulls[arm]++;
          precision[arm] += gain;
          mean[arm] += (gain / precision[arm]) * (reward - mean[arm]);
          best = undefined;
        },
        distribution(out) {
          best ??= probabilityOfLargest(
            mean,
            precision.map(value => 1 / Math.sqrt(value)),
          );
          out.set(best);
        },
      };
    }),
});

/** Nodes of each variable, over as many deviations to both sides of its mean. */
const [NODES, REACH] = [33, 4];

/**
 * Probability that each of several independent normal variables is the largest: ∫ Π_{b≠a} F_b dF_a, by the trapezoidal rule on the nodes of
 * all variables, so that it resolves the narrowest. The error is below 10⁻³.
 */
export function probabilityOfLargest(mean: Float64Array, deviation: Float64Array): Float64Array {
  const A = mean.length;
  const node = (a: number, i: number) => mean[a] + deviation[a] * REACH * ((2 * i) / (NODES - 1) - 1);
  const nodes = Float64Array.from({ length: A * NODES }, (_, i) => node(Math.floor(i / NODES), i % NODES)).sort();
  const total = new Float64Array(A);
  const [below, others] = [new Float64Array(A), new Float64Array(A)];
  const log = new Float64Array(A);
  for (const [i, x] of nodes.entries()) {
    let all = 0;
    for (let a = 0; a < A; a++) all += log[a] = logNormalBelow((x - mean[a]) / deviation[a]);
    for (let a = 0; a < A; a++) {
      const [now, rest] = [Math.exp(log[a]), Math.exp(all - log[a])];
      if (i > 0) total[a] += (now - below[a]) * ((rest + others[a]) / 2);
      [below[a], others[a]] = [now, rest];
    }
  }
  const sum = total.reduce((before, value) => before + value, 0);
  return total.map(value => value / sum);
}

/**
 * @file Sinusoids of unknown amplitude and phase, y = A sin(ωx + φ) + ε (after Finn et al. 2017, "Model-agnostic meta-learning", section
 * 5.1). They draw A and φ uniformly from intervals; here φ is uniform over the circle and A is Rayleigh, A² = α² + β² with α, β ~ N(0, s²),
 * which is the same as y = α sin ωx + β cos ωx + ε and gives the best predictor a closed form.
 */

import { defineProblem } from './problem.ts';
import { linearPredictions, ridge } from './ridge.ts';

export const sinusoids = defineProblem({
  id: 'sinusoids',
  description: 'y = A sin(ωx + φ) + noise, with amplitude A and phase φ drawn for every task',
  options: {
    amplitude: { default: 1, range: [0.01, 100], about: 's, the scale of the Rayleigh amplitude, and the standard deviation of a label' },
    frequency: { default: 1, range: [0.01, 100], about: 'ω, the same in all tasks, in radians per unit of x' },
    range: { default: 5, range: [0.01, 100], about: 'r: inputs are uniform in [−r, r]' },
    noise: { default: 0.1, range: [1e-3, 100], about: 'standard deviation of the noise on a label' },
  },
  create({ amplitude, frequency, range, noise }) {
    /** [n] inputs → [n × 2] */
    const basis = (x: Float64Array) =>
      Float64Array.from({ length: 2 * x.length }, (_, i) => (i % 2 ? Math.cos : Math.sin)(frequency * x[i >> 1]));
    return {
      inputs: 1,
      label: { kind: 'real', size: 1 },
      task: random => Float64Array.of(amplitude * random.normal(), amplitude * random.normal()),
      example(task, random, inputs, at) {
        inputs[at] = range * (2 * random.uniform() - 1);
        const angle = frequency * inputs[at];
        return task[0] * Math.sin(angle) + task[1] * Math.cos(angle) + noise * random.normal();
      },
      reference: {
        name: 'Bayes',
        about: 'ridge regression with λ = σ²/s² on (sin ωx, cos ωx): the mean of the posterior, since α, β and the noise are Gaussian',
        predict: (examples, queries) =>
          linearPredictions(basis(queries), ridge(basis(examples.inputs), examples.labels, 2, (noise / amplitude) ** 2)),
      },
    };
  },
});

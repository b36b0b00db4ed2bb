/**
 * @file Linear regression (Garg et al. 2022, "What can transformers learn in-context?", section 3): x, w ~ N(0, I_d), y = w·x. Here labels
 * are in units of √d, y = w·x/√d + ε, so that their variance is 1 for every d; a squared error in these units equals the paper's, which is
 * divided by d.
 */

import { defineProblem } from './problem.ts';
import { linearPredictions, ridge } from './ridge.ts';

export const linearRegression = defineProblem({
  id: 'linear-regression',
  description: 'y = w·x/√d + noise, with w and x standard normal',
  options: {
    dimension: { default: 5, range: [1, 64], integer: true, about: 'd, the dimension of x and w' },
    noise: { default: 0.1, range: [1e-3, 10], about: 'standard deviation of the noise on a label, whose signal has standard deviation 1' },
  },
  create({ dimension, noise }) {
    const scale = 1 / Math.sqrt(dimension);
    return {
      inputs: dimension,
      label: { kind: 'real', size: 1 },
      task: random => Float64Array.from({ length: dimension }, () => random.normal()),
      example(task, random, inputs, at) {
        let signal = 0;
        for (let i = 0; i < dimension; i++) {
          inputs[at + i] = random.normal();
          signal += task[i] * inputs[at + i];
        }
        return scale * signal + noise * random.normal();
      },
      reference: {
        name: 'ridge',
        about: 'ridge regression with λ = σ² on x/√d: the mean of the posterior, since prior and noise are Gaussian',
        predict(examples, queries) {
          const features = (x: Float64Array) => x.map(value => scale * value);
          return linearPredictions(features(queries), ridge(features(examples.inputs), examples.labels, dimension, noise ** 2));
        },
      },
    };
  },
});

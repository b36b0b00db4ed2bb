/** @file Classification: every task has its own class means μ_k ~ N(0, s² I), and x ~ N(μ_k, I) for a class k drawn uniformly. */

import { defineProblem } from './problem.ts';

export const gaussianClasses = defineProblem({
  id: 'gaussian-classes',
  description: 'which of K Gaussian clusters an input belongs to; each task has its own clusters',
  options: {
    dimension: { default: 5, range: [1, 64], integer: true, about: 'd, the length of x' },
    classes: { default: 4, range: [2, 32], integer: true, about: 'K, the number of classes' },
    separation: { default: 1.5, range: [0.01, 100], about: 's, the standard deviation of the class means; within a class it is 1' },
  },
  create({ dimension, classes, separation }) {
    return {
      inputs: dimension,
      label: { kind: 'class', size: classes },
      task: random => Float64Array.from({ length: classes * dimension }, () => separation * random.normal()),
      example(task, random, inputs, at) {
        const k = random.integer(classes);
        for (let i = 0; i < dimension; i++) inputs[at + i] = task[k * dimension + i] + random.normal();
        return k;
      },
      reference: {
        name: 'Bayes',
        about: 'the class posterior with the unknown means integrated out; its most likely class has the highest expected accuracy',
        predict: (examples, queries) => posterior(examples, queries, { dimension, classes, separation }),
      },
    };
  },
});

/**
 * p(k | x, examples) for every query. With n_k examples of class k and precision τ_k = n_k + s⁻², the posterior of μ_k is
 * N(Σ x_i / τ_k, I/τ_k), so p(x | k) is N(Σ x_i / τ_k, (1 + 1/τ_k) I); classes are equally likely beforehand.
 */
function posterior(
  { inputs, labels, count }: { inputs: Float64Array; labels: Float64Array; count: number },
  queries: Float64Array,
  { dimension: d, classes, separation }: { dimension: number; classes: number; separation: number },
): Float64Array {
  const sums = new Float64Array(classes * d);
  const precision = new Float64Array(classes).fill(separation ** -2);
  for (let i = 0; i < count; i++) {
    precision[labels[i]]++;
    for (let a = 0; a < d; a++) sums[labels[i] * d + a] += inputs[i * d + a];
  }
  const out = new Float64Array((queries.length / d) * classes);
  for (let q = 0; q < queries.length / d; q++) {
    const row = out.subarray(q * classes, (q + 1) * classes);
    for (let k = 0; k < classes; k++) {
      const variance = 1 + 1 / precision[k];
      let distance = 0;
      for (let a = 0; a < d; a++) distance += (queries[q * d + a] - sums[k * d + a] / precision[k]) ** 2;
      row[k] = -distance / (2 * variance) - (d / 2) * Math.log(variance);
    }
    const top = row.reduce((a, b) => Math.max(a, b));
    for (let k = 0; k < classes; k++) row[k] = Math.exp(row[k] - top);
    const total = row.reduce((a, b) => a + b);
    for (let k = 0; k < classes; k++) row[k] /= total;
  }
  return out;
}

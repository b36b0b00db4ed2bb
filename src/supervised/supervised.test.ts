/** @file Every registered problem keeps its contract; references are right by hand and beaten by nothing that is tried. */

import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { resolveOptions } from '../util/options.ts';
import { Random } from '../util/random.ts';
import { drawTask, type Examples, firstExamples, labelRecord, type Problem, problem, problems } from './index.ts';
import { linearPredictions, ridge } from './ridge.ts';

const examplesOf = (rows: number[][], labels: number[]): Examples => ({
  count: rows.length,
  inputs: Float64Array.from(rows.flat()),
  labels: Float64Array.from(labels),
});

/** Mean score of predictors on the same drawn tasks. */
function compare<K extends string>(
  family: Problem,
  predictors: Record<K, (examples: Examples, queries: Float64Array) => Float64Array>,
  { tasks = 1500, examples = 6, queries = 8 } = {},
): Record<K, number> {
  const { measure } = labelRecord(family.label.kind);
  const { size } = family.label;
  const totals = new Map<string, number>();
  for (let i = 0; i < tasks; i++) {
    const draw = drawTask(family, Random.seeded(7).split('optimality', i), { examples, queries });
    for (const [name, predict] of Object.entries(predictors) as [K, (typeof predictors)[K]][]) {
      const out = predict(draw.examples, draw.queries.inputs);
      for (let q = 0; q < queries; q++)
        totals.set(name, (totals.get(name) ?? 0) + measure(out, q * size, size, draw.queries.labels[q]) / (tasks * queries));
    }
  }
  return Object.fromEntries(totals) as Record<K, number>;
}

describe.each(problems.all)('$id', entry => {
  const family = entry.create();

  it('describes itself and its options', () => {
    expect(entry.description.length).toBeGreaterThan(10);
    for (const { about } of Object.values(entry.options)) expect(about.length).toBeGreaterThan(5);
    // The defaults are checked there.
    expect(Object.keys(resolveOptions(entry.id, entry.options))).toEqual(Object.keys(entry.options));
    expect(family.reference.about.length).toBeGreaterThan(10);
  });

  it('draws equal tasks from equal streams, other tasks from others, and fewer examples as the first of more', () => {
    const draw = (i: number, examples: number) => drawTask(family, Random.seeded(1).split(i), { queries: 3, examples });
    const [many, few, other] = [draw(0, 9), draw(0, 4), draw(1, 9)];
    expect([few.task, few.queries]).toEqual([many.task, many.queries]);
    expect(few.examples).toEqual(firstExamples(many.examples, 4));
    expect(other.task).not.toEqual(many.task);
  });

  it('labels as it declares, and predicts in that shape', () => {
    const { examples, queries } = drawTask(family, Random.seeded(2), { queries: 20, examples: 20 });
    expect(examples.inputs).toHaveLength(20 * family.inputs);
    expect([...examples.inputs, ...examples.labels].every(Number.isFinite)).toBe(true);
    const { kind, size } = family.label;
    if (kind === 'class') expect(examples.labels.every(label => Number.isInteger(label) && label >= 0 && label < size)).toBe(true);
    const predictions = family.reference.predict(examples, queries.inputs);
    expect(predictions).toHaveLength(20 * size);
    if (kind === 'class') for (let q = 0; q < 20; q++) expect(sum(predictions.subarray(q * size, (q + 1) * size))).toBeCloseTo(1, 12);
  });

  it('has a reference that examples in another order do not change and that beats the blind predictor', () => {
    const { examples, queries } = drawTask(family, Random.seeded(3), { queries: 5, examples: 7 });
    const d = family.inputs;
    const order = Random.seeded(4).shuffled([...examples.labels.keys()]);
    const turned = examplesOf(
      order.map(i => [...examples.inputs.subarray(i * d, (i + 1) * d)]),
      order.map(i => examples.labels[i]),
    );
    const [a, b] = [examples, turned].map(given => family.reference.predict(given, queries.inputs));
    for (const [i, value] of a.entries()) expect(b[i]).toBeCloseTo(value, 10);

    const { blind, better } = labelRecord(family.label.kind);
    const { size } = family.label;
    const { reference, guess } = compare(family, {
      reference: family.reference.predict,
      guess: (given, at) => Float64Array.from({ length: (at.length / d) * size }, (_, i) => blind.predict(given, size)[i % size]),
    });
    expect(better === 'lower' ? guess - reference : reference - guess).toBeGreaterThan(0.1);
  });

  it('refuses options that it does not have', () => {
    expect(() => entry.create({ color: 1 })).toThrow(failure('E_CONFIG', '"color"'));
  });
});

const sum = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0);

describe('problem', () => {
  it('names the problems that there are when asked for another', () => {
    expect(() => problem('quadratics')).toThrow(failure('E_CONFIG', 'linear-regression, gaussian-classes, sinusoids'));
  });
});

describe('ridge', () => {
  it('solves by hand: w = Σxy / (Σx² + λ), and (ΦᵀΦ + λI) w = Φᵀy in two dimensions', () => {
    expect(ridge(Float64Array.of(1, 2), [3, 5], 1, 0.5)[0]).toBeCloseTo(13 / 5.5, 14);
    // ΦᵀΦ + I = [[3, 1], [1, 2]], Φᵀy = [5, 3]: w = [7/5, 4/5].
    const weights = ridge(Float64Array.of(1, 1, 1, 0), [3, 2], 2, 1);
    expect([...weights].map(w => +w.toFixed(12))).toEqual([1.4, 0.8]);
    expect([...linearPredictions(Float64Array.of(1, 1, 0, 2), weights)].map(y => +y.toFixed(12))).toEqual([2.2, 1.6]);
  });

  it('fails in words where nothing determines the weights', () => {
    expect(() => ridge(Float64Array.of(1, 1), [1], 2, 0)).toThrow(failure('E_NUMERICS'));
  });

  it('has a gradient of zero at its weights', () => {
    const random = Random.seeded(5);
    const [n, p, lambda] = [12, 7, 0.3];
    const features = Float64Array.from({ length: n * p }, () => random.normal());
    const labels = Float64Array.from({ length: n }, () => random.normal());
    const weights = ridge(features, labels, p, lambda);
    const residual = linearPredictions(features, weights).map((value, i) => labels[i] - value);
    for (let a = 0; a < p; a++) expect(sum(residual.map((r, i) => r * features[i * p + a]))).toBeCloseTo(lambda * weights[a], 10);
  });
});

describe('the references', () => {
  it('of regression: w is pulled to zero by the noise, with x/√d as features', () => {
    const one = problem('linear-regression', { dimension: 1, noise: 0.5 });
    const predicted = one.reference.predict(examplesOf([[1], [2]], [3, 5]), Float64Array.of(1, 10));
    expect(predicted[0]).toBeCloseTo(13 / 5.25, 12);
    expect(predicted[1]).toBeCloseTo(130 / 5.25, 11);
    const four = problem('linear-regression', { dimension: 4, noise: 1 });
    // Φ = [1, 0, 0, 0] once: w = 1·2/(1 + 1) = 1, so x = (2, 0, 0, 0) gives 1.
    expect(four.reference.predict(examplesOf([[2, 0, 0, 0]], [2]), Float64Array.of(2, 0, 0, 0))[0]).toBeCloseTo(1, 12);
  });

  it('of classes: by hand with one example of one class', () => {
    const two = problem('gaussian-classes', { dimension: 1, classes: 2, separation: 1 });
    // Class 0 has x = 2: τ = 2, p(x | 0) = N(1, 1.5); class 1 none: p(x | 1) = N(0, 2).
    const density = (x: number, m: number, v: number) => Math.exp(-((x - m) ** 2) / (2 * v)) / Math.sqrt(v);
    const [p0] = two.reference.predict(examplesOf([[2]], [0]), Float64Array.of(0.5));
    const [a, b] = [density(0.5, 1, 1.5), density(0.5, 0, 2)];
    expect(p0).toBeCloseTo(a / (a + b), 12);
    const [q0, q1] = two.reference.predict(examplesOf([[3], [-3]], [0, 1]), Float64Array.of(0));
    expect([q0, q1]).toEqual([0.5, 0.5]);
  });

  it('of sinusoids: agrees with quadrature over amplitude and phase', () => {
    const [s, noise] = [1.3, 0.4];
    const waves = problem('sinusoids', { amplitude: s, noise, frequency: 1.7 });
    const { examples, queries } = drawTask(waves, Random.seeded(6), { queries: 4, examples: 3 });
    // E[y | data] by a midpoint rule: A from its Rayleigh density, φ uniform.
    const steps = 400;
    let total = 0;
    const means = new Float64Array(4);
    for (let i = 0; i < steps; i++) {
      const amplitude = (6 * s * (i + 0.5)) / steps;
      for (let j = 0; j < steps; j++) {
        const phase = (2 * Math.PI * (j + 0.5)) / steps;
        const y = (x: number) => amplitude * Math.sin(1.7 * x + phase);
        const misfit = sum(examples.labels.map((label, k) => (label - y(examples.inputs[k])) ** 2));
        const weight = amplitude * Math.exp(-(amplitude ** 2) / (2 * s * s) - misfit / (2 * noise * noise));
        total += weight;
        for (let q = 0; q < 4; q++) means[q] += weight * y(queries.inputs[q]);
      }
    }
    const predicted = waves.reference.predict(examples, queries.inputs);
    for (let q = 0; q < 4; q++) expect(predicted[q]).toBeCloseTo(means[q] / total, 4);
  });

  it('of regression and sinusoids are beaten by no other amount of shrinkage, nor by least squares', () => {
    for (const [family, p, basis] of [
      [problem('linear-regression', { noise: 0.5 }), 5, (x: Float64Array) => x.map(v => v / Math.sqrt(5))],
      [problem('sinusoids', { noise: 0.5 }), 2, (x: Float64Array) => Float64Array.from([...x].flatMap(v => [Math.sin(v), Math.cos(v)]))],
    ] as const) {
      const shrunk = (lambda: number) => (examples: Examples, queries: Float64Array) =>
        linearPredictions(basis(queries), ridge(basis(examples.inputs), examples.labels, p, lambda));
      const { best, same, ...others } = compare(family, {
        best: family.reference.predict,
        same: shrunk(0.25),
        leastSquares: shrunk(1e-9),
        weak: shrunk(0.05),
        strong: shrunk(1),
        damped: (examples, queries) => family.reference.predict(examples, queries).map(y => 0.9 * y),
        raised: (examples, queries) => family.reference.predict(examples, queries).map(y => 1.1 * y),
      });
      expect(same).toBeCloseTo(best, 12);
      for (const [name, error] of Object.entries(others)) expect(error, `${family.id} ${name}`).toBeGreaterThan(best);
    }
  });

  it('of classes is beaten neither by the nearest mean nor by the nearest example', () => {
    const family = problem('gaussian-classes');
    const d = family.inputs;
    const distance = (a: Float64Array, i: number, b: ArrayLike<number>, j: number) =>
      sum(Array.from({ length: d }, (_, c) => (a[i * d + c] - b[j * d + c]) ** 2));
    const { best, ...others } = compare(
      family,
      {
        best: family.reference.predict,
        nearestMean: (examples, queries) => votes(queries, (q, k) => -distance(queries, q, meanOf(examples, k), 0)),
        nearestExample: (examples, queries) =>
          votes(queries, (q, k) =>
            Math.max(-1e9, ...[...examples.labels].flatMap((label, i) => (label === k ? [-distance(queries, q, examples.inputs, i)] : []))),
          ),
      },
      { tasks: 1500, examples: 10 },
    );
    for (const [name, accuracy] of Object.entries(others)) expect(accuracy, name).toBeLessThan(best);

    function votes(queries: Float64Array, rate: (q: number, k: number) => number): Float64Array {
      return Float64Array.from({ length: (queries.length / d) * 4 }, (_, i) => rate(Math.floor(i / 4), i % 4));
    }
    /** The mean of a class; of one without examples, the mean of all classes beforehand. */
    function meanOf({ inputs, labels }: Examples, k: number): Float64Array {
      const mine = [...labels.keys()].filter(i => labels[i] === k);
      return Float64Array.from({ length: d }, (_, c) => sum(mine.map(i => inputs[i * d + c])) / Math.max(1, mine.length));
    }
  });

  it('of classes is calibrated: of what it gives 70 to 90 per cent, about 80 per cent happens', () => {
    const family = problem('gaussian-classes');
    let [happened, expected, cases] = [0, 0, 0];
    for (let i = 0; i < 1500; i++) {
      const { examples, queries } = drawTask(family, Random.seeded(8).split(i), { queries: 8, examples: 8 });
      const p = family.reference.predict(examples, queries.inputs);
      for (const [j, probability] of p.entries()) {
        if (probability < 0.7 || probability > 0.9) continue;
        cases++;
        expected += probability;
        happened += Number(queries.labels[Math.floor(j / 4)] === j % 4);
      }
    }
    expect(cases).toBeGreaterThan(1000);
    expect(Math.abs(happened - expected) / cases).toBeLessThan(0.03);
  });
});

describe('scores', () => {
  it('are the squared error of the first number, and whether the largest is at the label', () => {
    expect(labelRecord('real').measure([9, 2, 5], 1, 1, 4)).toBe(4);
    expect(labelRecord('class').measure([9, 0, 3, 1], 1, 3, 1)).toBe(1);
    expect(labelRecord('class').measure([9, 0, 3, 1], 1, 3, 0)).toBe(0);
  });

  it('of the blind predictors: zero, and the class seen most often', () => {
    const seen = examplesOf([[0], [0], [0]], [2, 0, 2]);
    expect([...labelRecord('real').blind.predict(seen, 1)]).toEqual([0]);
    expect([...labelRecord('class').blind.predict(seen, 4)]).toEqual([1, 0, 2, 0]);
  });
});

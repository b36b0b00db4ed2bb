import { describe, expect, it } from 'vitest';
import { constant, input, interpret, type Tensor } from '../engine/index.ts';
import { adam, chain, clipByGlobalNorm, decayWeights, descend, type Transform, warmupCosine } from './transforms.ts';

const SIZE = 3;

/** Runs a transform's own graph for some steps on given gradients; gives parameters and metrics after each. */
function run(transform: Transform, start: number[], gradients: number[][]) {
  const parameters = input('parameters', [SIZE]);
  const states = transform.init.map(name => input(name, [SIZE]));
  const result = transform.update(input('gradient', [SIZE]), states, { parameters, step: input('step', []) });
  const outputs: Record<string, Tensor> = { update: result.update, ...result.metrics };
  for (const [i, name] of transform.init.entries()) outputs[`next.${name}`] = result.state[i];
  let current = start;
  let state: Record<string, number[]> = Object.fromEntries(transform.init.map(name => [name, [0, 0, 0]]));
  return gradients.map((gradient, t) => {
    const values = interpret({ outputs }, { ...state, parameters: current, gradient, step: [t + 1] });
    state = Object.fromEntries(transform.init.map(name => [name, [...values[`next.${name}`]]]));
    current = current.map((p, i) => p + values.update[i]);
    return { parameters: current, values };
  });
}

/** AdamW as algorithm 2 of Loshchilov and Hutter (2019) is written, without any rearrangement. */
function adamW(start: number[], gradients: number[][], rates: number[], decay: number, limit: number): number[][] {
  const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];
  let [p, m, v] = [start, start.map(() => 0), start.map(() => 0)];
  return gradients.map((raw, i) => {
    const norm = Math.hypot(...raw);
    const g = raw.map(x => (norm > limit ? (x / norm) * limit : x));
    m = m.map((x, j) => beta1 * x + (1 - beta1) * g[j]);
    v = v.map((x, j) => beta2 * x + (1 - beta2) * g[j] ** 2);
    const mHat = m.map(x => x / (1 - beta1 ** (i + 1)));
    const vHat = v.map(x => x / (1 - beta2 ** (i + 1)));
    p = p.map((x, j) => x - rates[i] * (mHat[j] / (Math.sqrt(vHat[j]) + epsilon) + decay * x));
    return p;
  });
}

const close = (found: ArrayLike<number>, expected: readonly number[]) => {
  for (const [i, v] of expected.entries()) expect(found[i]).toBeCloseTo(v, 10);
};

describe('transforms', () => {
  it('clip, Adam, decay and schedule make AdamW', () => {
    const gradients = [
      [0.1, -0.2, 0.3],
      [3, 4, 0],
      [0, 0, 1e-9],
      [-0.5, 0.5, 0.5],
      [-30, 1, 2],
    ];
    const schedule = { peak: 0.1, warmup: 2, total: 5, final: 0.1 };
    const rates = gradients.map((_, i) => {
      const t = i + 1;
      const cosine = 0.5 * (1 + Math.cos((Math.PI * Math.max(0, t - 2)) / 3));
      return t < 2 ? 0.05 : 0.1 * (0.1 + 0.9 * cosine);
    });
    const optimizer = chain(clipByGlobalNorm(1), adam(), decayWeights(0.2), descend(warmupCosine(schedule)));
    const found = run(optimizer, [1, -1, 0.5], gradients);
    const expected = adamW([1, -1, 0.5], gradients, rates, 0.2, 1);
    for (const [i, { parameters, values }] of found.entries()) {
      close(parameters, expected[i]);
      close(values.learningRate, [rates[i]]);
      close(values.gradientNorm, [Math.hypot(...gradients[i])]);
    }
  });

  it('a zero gradient is clipped to zero, not to NaN', () => {
    close(run(clipByGlobalNorm(1), [0, 0, 0], [[0, 0, 0]])[0].values.update, [0, 0, 0]);
  });

  it('the schedule rises, peaks, falls and stays', () => {
    const rate = warmupCosine({ peak: 2, warmup: 4, total: 12, final: 0.25 });
    const at = (step: number) => interpret({ outputs: { rate: rate(constant(step)) } }, {}).rate[0];
    for (const [step, expected] of [
      [1, 0.5],
      [2, 1],
      [4, 2],
      [8, 1.25],
      [12, 0.5],
      [100, 0.5],
    ])
      expect(at(step)).toBeCloseTo(expected, 10);
  });

  it('rates and decay may differ from entry to entry', () => {
    const optimizer = chain(
      decayWeights(constant([0, 1, 2])),
      descend(() => constant(0.5), constant([1, 10, 0])),
    );
    close(run(optimizer, [1, 1, 1], [[1, 1, 1]])[0].values.update, [-0.5, -10, 0]);
  });

  it('a chain hands each stage its own state', () => {
    const counting: Transform = { init: ['sum'], update: (g, [s]) => ({ update: g, state: [g], metrics: { seen: s } }) };
    const [, second] = run(
      chain(adam({ epsilon: 0 }), counting),
      [0, 0, 0],
      [
        [1, 1, 1],
        [1, 1, 1],
      ],
    );
    // Adam's direction for a constant gradient is 1.
    close(second.values.seen, [1, 1, 1]);
  });
});

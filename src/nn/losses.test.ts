import { describe, expect, it } from 'vitest';
import { constant, grad, input, interpret, mul, sub, sum, type Tensor } from '../engine/index.ts';
import { clippedSurrogate, crossEntropy, entropy, gaussianNll, klDivergence, weightedMean } from './losses.ts';

const value = (y: Tensor) => [...interpret({ outputs: { y } }, {}).y];
const close = (found: number[], expected: number[]) => {
  expect(found).toHaveLength(expected.length);
  for (const [i, v] of found.entries()) expect(v).toBeCloseTo(expected[i], 10);
};

// softmax(0, ln 2, ln 5) = (1, 2, 5) / 8; softmax(0, 0, 0) = 1/3 each.
const logits = constant([0, Math.log(2), Math.log(5), 0, 0, 0], [2, 3]);

describe('losses, by hand', () => {
  it('crossEntropy', () => {
    const target = constant([0, 1, 0, 0.5, 0.25, 0.25], [2, 3]);
    close(value(crossEntropy(logits, target)), [Math.log(4), Math.log(3)]);
  });

  it('klDivergence, with zeros in the target', () => {
    const target = constant([0, 0.5, 0.5, 1 / 3, 1 / 3, 1 / 3], [2, 3]);
    close(value(klDivergence(target, logits)), [0.5 * Math.log(0.5 / (2 / 8)) + 0.5 * Math.log(0.5 / (5 / 8)), 0]);
  });

  it('gaussianNll', () => {
    const found = gaussianNll(constant([1, 3]), constant([1, 1]), constant([0, Math.log(2)]));
    const half = 0.5 * Math.log(2 * Math.PI);
    close(value(found), [half, half + Math.log(2) + 0.5]);
  });

  it('weightedMean counts only the rows with a weight', () => {
    close(value(weightedMean(constant([1, 2, 100]), constant([1, 3, 0]))), [7 / 4]);
    close(value(weightedMean(constant([1, 2]), constant([0, 0]))), [0]);
  });
});

describe('the clipped surrogate', () => {
  // ρ = 0.5, 1, 2 with ε = 0.25, for a good and for a bad action.
  const ratios = [0.5, 1, 2, 0.5, 1, 2];
  const advantages = [3, 3, 3, -3, -3, -3];
  const logRatio = input('logRatio', [6]);
  const surrogate = clippedSurrogate(logRatio, constant(advantages), 0.25);
  const at = (values: number[]) => ({ logRatio: values.map(Math.log) });

  it('by hand: gains beyond the clip do not count, losses do', () => {
    const { y } = interpret({ outputs: { y: surrogate } }, at(ratios));
    close([...y], [1.5, 3, 3.75, -2.25, -3, -6]);
  });

  it('has no gradient where it is clipped', () => {
    const { y } = interpret({ outputs: { y: grad(sum(surrogate), [logRatio])[0] } }, at(ratios));
    close([...y], [1.5, 3, 0, 0, -3, -6]);
  });

  it('has the plain policy gradient at ratio 1', () => {
    const x = input('x', [2, 3]);
    const action = constant([0, 1, 0, 1, 0, 0], [2, 3]);
    const advantage = constant([2, -1], [2]);
    const numbers = { x: [0.3, -0.2, 0.1, 0.5, 0, -1] };
    const old = interpret({ outputs: { y: crossEntropy(x, action) } }, numbers).y.map(v => -v);
    const logProbability = sub(0, crossEntropy(x, action));
    const of = (objective: Tensor) => [...interpret({ outputs: { y: grad(sum(objective), [x])[0] } }, numbers).y];
    const plain = of(mul(logProbability, advantage));
    expect(Math.max(...plain.map(Math.abs))).toBeGreaterThan(0.1);
    close(of(clippedSurrogate(sub(logProbability, constant([...old])), advantage, 0.2)), plain);
  });
});

it('entropy by hand', () => {
  const of = (p: number) => -p * Math.log(p);
  close(value(entropy(logits)), [of(1 / 8) + of(2 / 8) + of(5 / 8), Math.log(3)]);
});

import { describe, expect, it } from 'vitest';
import { constant, interpret, type Tensor } from '../engine/index.ts';
import { crossEntropy, gaussianNll, klDivergence, weightedMean } from './losses.ts';

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

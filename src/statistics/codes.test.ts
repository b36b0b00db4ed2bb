import { describe, expect, it } from 'vitest';
import { CodeCounter } from './codes.ts';

describe('the use of codes', () => {
  it('is counted for each group on its own, over everything that was counted', () => {
    const counter = new CodeCounter({ groups: 2, size: 4 });
    expect(counter.use()).toEqual({ used: 0, perplexity: 0 });
    // Group 0: 0 1 2 3, all alike. Group 1: always 2.
    counter.count([0, 2, 1, 2]);
    counter.count([2, 2, 3, 2]);
    const { used, perplexity } = counter.use();
    expect(used).toBeCloseTo((1 + 1 / 4) / 2, 12);
    expect(perplexity).toBeCloseTo((4 + 1) / 2, 12);
  });

  it('weighs rare codes less: ¾ and ¼ have the perplexity 4 / 3^¾', () => {
    const counter = new CodeCounter({ groups: 1, size: 2 });
    counter.count([0, 0, 1, 0]);
    expect(counter.use().perplexity).toBeCloseTo(4 / 3 ** 0.75, 12);
  });
});

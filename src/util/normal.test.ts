import { expect, it } from 'vitest';
import { logNormalBelow, normalBelow } from './normal.ts';

it('the logarithm of a normal probability is that of the probability, and goes on where there is none left', () => {
  for (const x of [-5, -2, -0.1, 0, 0.3, 1, 4]) expect(logNormalBelow(x)).toBeCloseTo(Math.log(normalBelow(x, 0, 1)), 6);
  // The asymptotic series φ(x) / |x| (1 − 1/x² + 3/x⁴).
  for (const x of [-20, -100, -1e4]) {
    const series = -0.5 * x * x - Math.log(-x * Math.sqrt(2 * Math.PI)) + Math.log1p(-1 / x ** 2 + 3 / x ** 4);
    expect(Math.abs(logNormalBelow(x) - series)).toBeLessThan(1e-6);
  }
  expect(logNormalBelow(40)).toBeCloseTo(0, 12);
});

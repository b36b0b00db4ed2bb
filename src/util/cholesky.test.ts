import { expect, it } from 'vitest';
import { cholesky, choleskySolve, forwardSolve } from './cholesky.ts';

it('factorizes and solves a system worked by hand', () => {
  // [4 2; 2 5] = L Lᵀ with L = [2 0; 1 2]; what stands above the diagonal is never read.
  const matrix = Float64Array.of(4, Number.NaN, 2, 5);
  expect(cholesky(matrix, 2)).toBe(true);
  expect([matrix[0], matrix[2], matrix[3]]).toEqual([2, 1, 2]);
  // L x = (2, 5) for x = (1, 2), and L Lᵀ x = (8, 12) for x = (1, 2).
  const [half, whole] = [Float64Array.of(2, 5), Float64Array.of(8, 12)];
  forwardSolve(matrix, 2, half);
  choleskySolve(matrix, 2, whole);
  expect([...half, ...whole]).toEqual([1, 2, 1, 2]);
});

it('says where a matrix is not positive', () => {
  expect(cholesky(Float64Array.of(1, 2, 2, 1), 2)).toBe(false);
  expect(cholesky(Float64Array.of(1, 1, 1, 1), 2)).toBe(false);
});

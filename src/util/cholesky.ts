/** @file Symmetric positive systems in float64, by Cholesky factorization (Golub and Van Loan, "Matrix Computations", §4.2). Browser-safe. */

/**
 * Replaces the lower triangle of a symmetric matrix A [size × size] by L with A = L Lᵀ, in place; the upper triangle is never read. Returns
 * false, and leaves the matrix half factored, if A is not positive definite.
 */
export function cholesky(matrix: Float64Array, size: number): boolean {
  for (let a = 0; a < size; a++) {
    for (let b = 0; b <= a; b++) {
      let value = matrix[a * size + b];
      for (let c = 0; c < b; c++) value -= matrix[a * size + c] * matrix[b * size + c];
      if (a > b) matrix[a * size + b] = value / matrix[b * size + b];
      else if (value > 0) matrix[a * size + a] = Math.sqrt(value);
      else return false;
    }
  }
  return true;
}

/** Solves L Lᵀ x = v for x [size], in place of v. */
export function choleskySolve(factor: Float64Array, size: number, vector: Float64Array): void {
  forwardSolve(factor, size, vector);
  for (let a = size - 1; a >= 0; a--) {
    for (let b = a + 1; b < size; b++) vector[a] -= factor[b * size + a] * vector[b];
    vector[a] /= factor[a * size + a];
  }
}

/** Solves L x = v for x [size], in place of v. */
export function forwardSolve(factor: Float64Array, size: number, vector: Float64Array): void {
  for (let a = 0; a < size; a++) {
    for (let b = 0; b < a; b++) vector[a] -= factor[a * size + b] * vector[b];
    vector[a] /= factor[a * size + a];
  }
}

/**
 * @file Directions in a set of row vectors. Principal components come from randomized subspace iteration on the covariance (Halko,
 * Martinsson and Tropp 2011, arXiv 0909.4061, algorithm 4.4), which finds a few components of many columns without a full decomposition.
 */

import type { Random } from './random.ts';

/** Directions in a set of rows, with the variance along each. */
export interface Directions {
  /** [size] mean of the rows. */
  readonly mean: Float64Array;
  /** [count][size] orthonormal. */
  readonly directions: readonly Float64Array[];
  /** [count] variance of the rows along each direction. */
  readonly variances: Float64Array;
  /** Total variance of the rows, over all directions. */
  readonly total: number;
}

/** Directions beyond those requested: with them a few iterations suffice, whatever the gaps between the variances. */
const OVERSAMPLING = 8;
const ROUNDS = 12;

/**
 * The first `count` principal components of blocks of rows with `size` numbers, in order of decreasing variance. The largest entry of each
 * is positive, which fixes its sign. With `count` equal to `size`, all of them.
 */
export function principalComponents(
  blocks: Iterable<ArrayLike<number>>,
  { size, count, random }: { size: number; count: number; random: Random },
): Directions {
  const { mean, covariance } = momentsOf(blocks, size);
  const times = (v: Float64Array) => covariance.map(row => dot(row, v)) as unknown as number[];
  let basis = normalRows(Math.min(size, count + OVERSAMPLING), size, random);
  for (let round = 0; round <= ROUNDS; round++) {
    if (round > 0) basis = basis.map(v => Float64Array.from(times(v)));
    orthonormalize(basis, random);
  }
  // Rayleigh and Ritz: within the basis, the small matrix Qᵀ C Q has the components.
  const images = basis.map(times);
  const { values, vectors } = symmetricEigen(basis.map(q => Float64Array.from(images, image => dot(q, image))));
  const order = [...values.keys()].sort((a, b) => values[b] - values[a]).slice(0, count);
  const directions = order.map(i => {
    const v = new Float64Array(size);
    for (const [j, q] of basis.entries()) addScaled(v, q, vectors[j][i]);
    const largest = v.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    return largest < 0 ? v.map(value => -value) : v;
  });
  return { mean, directions, variances: Float64Array.from(order, i => Math.max(0, values[i])), total: trace(covariance) };
}

/**
 * Like `principalComponents`, but along `count` directions of a random subspace. They depend on the random stream alone, not on the rows.
 */
export function randomDirections(
  blocks: Iterable<ArrayLike<number>>,
  { size, count, random }: { size: number; count: number; random: Random },
): Directions {
  const { mean, covariance } = momentsOf(blocks, size);
  const directions = normalRows(count, size, random);
  orthonormalize(directions, random);
  const along = (v: Float64Array) => v.reduce((sum, value, i) => sum + value * dot(covariance[i], v), 0);
  const variances = Float64Array.from(directions, v => Math.max(0, along(v)));
  return { mean, directions, variances, total: trace(covariance) };
}

const normalRows = (count: number, size: number, random: Random) =>
  Array.from({ length: count }, () => Float64Array.from({ length: size }, () => random.normal()));

const trace = (matrix: readonly Float64Array[]) => matrix.reduce((sum, row, i) => sum + row[i], 0);

/** Mean and covariance [size][size]. One-hot rows are mostly zeros, so only pairs of nonzero entries are visited. */
function momentsOf(blocks: Iterable<ArrayLike<number>>, size: number): { mean: Float64Array; covariance: Float64Array[] } {
  const mean = new Float64Array(size);
  const covariance = Array.from({ length: size }, () => new Float64Array(size));
  const there = new Int32Array(size);
  let rows = 0;
  for (const block of blocks) {
    for (let from = 0; from < block.length; from += size, rows++) {
      let found = 0;
      for (let i = 0; i < size; i++) if (block[from + i] !== 0) there[found++] = i;
      for (let a = 0; a < found; a++) {
        const i = there[a];
        const value = block[from + i];
        mean[i] += value;
        const row = covariance[i];
        for (let b = 0; b <= a; b++) row[there[b]] += value * block[from + there[b]];
      }
    }
  }
  for (let i = 0; i < size; i++) mean[i] /= rows;
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) covariance[j][i] = covariance[i][j] = covariance[i][j] / rows - mean[i] * mean[j];
  return { mean, covariance };
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function addScaled(into: Float64Array, from: ArrayLike<number>, scale: number): void {
  for (let i = 0; i < into.length; i++) into[i] += scale * from[i];
}

/** Gram–Schmidt in place. Each vector is orthogonalized until it hardly changes; one that vanishes is replaced by a random vector. */
function orthonormalize(vectors: readonly Float64Array[], random: Random): void {
  for (const [i, v] of vectors.entries()) {
    for (let left = 0; left < 0.7; ) {
      if (dot(v, v) === 0) for (let k = 0; k < v.length; k++) v[k] = random.normal();
      normalize(v);
      for (let j = 0; j < i; j++) addScaled(v, vectors[j], -dot(v, vectors[j]));
      left = Math.sqrt(dot(v, v));
    }
    normalize(v);
  }
}

function normalize(v: Float64Array): void {
  const factor = 1 / Math.sqrt(dot(v, v));
  for (let i = 0; i < v.length; i++) v[i] *= factor;
}

/**
 * Eigenvalues and eigenvectors (column i of `vectors` belongs to value i) of a small symmetric matrix, by cyclic Jacobi rotations (Golub
 * and Van Loan, "Matrix Computations", §8.5). Overwrites the matrix.
 */
export function symmetricEigen(matrix: readonly Float64Array[]): { values: Float64Array; vectors: readonly Float64Array[] } {
  const n = matrix.length;
  const vectors = matrix.map((_, i) => Float64Array.from({ length: n }, (_, j) => Number(i === j)));
  const size = Math.sqrt(matrix.reduce((sum, row) => sum + dot(row, row), 0));
  const off = () => matrix.reduce((sum, row, i) => sum + dot(row, row) - row[i] ** 2, 0);
  for (let sweep = 0; sweep < 30 && off() > (1e-14 * size) ** 2; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (matrix[p][q] === 0) continue;
        const theta = (matrix[q][q] - matrix[p][p]) / (2 * matrix[p][q]);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        const rotate = (x: Float64Array, y: Float64Array, i: number, j: number) => {
          const [a, b] = [x[i], y[j]];
          x[i] = c * (a - t * b);
          y[j] = c * (b + t * a);
        };
        for (let k = 0; k < n; k++) rotate(matrix[k], matrix[k], p, q);
        for (let k = 0; k < n; k++) rotate(matrix[p], matrix[q], k, k);
        for (let k = 0; k < n; k++) rotate(vectors[k], vectors[k], p, q);
      }
    }
  }
  return { values: Float64Array.from(matrix, (row, i) => row[i]), vectors };
}

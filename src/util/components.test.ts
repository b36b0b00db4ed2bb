import { describe, expect, it } from 'vitest';
import { principalComponents, symmetricEigen } from './components.ts';
import { Random } from './random.ts';

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0);

describe('symmetricEigen', () => {
  it('solves a case worked by hand', () => {
    // (2 1; 1 2) has the values 1 and 3 along (1, −1) and (1, 1).
    const { values, vectors } = symmetricEigen([Float64Array.of(2, 1), Float64Array.of(1, 2)]);
    const [low, high] = values[0] < values[1] ? [0, 1] : [1, 0];
    expect([values[low], values[high]].map(value => +value.toFixed(12))).toEqual([1, 3]);
    expect(vectors[0][high] / vectors[1][high]).toBeCloseTo(1, 12);
    expect(vectors[0][low] / vectors[1][low]).toBeCloseTo(-1, 12);
  });

  it('takes any symmetric matrix apart into what gives it back', () => {
    const n = 7;
    const random = Random.seeded(1);
    const matrix = Array.from({ length: n }, () => new Float64Array(n));
    for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) matrix[i][j] = matrix[j][i] = random.normal();
    const { values, vectors } = symmetricEigen(matrix.map(row => row.slice()));
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++)
        expect(values.reduce((sum, value, k) => sum + value * vectors[i][k] * vectors[j][k], 0)).toBeCloseTo(matrix[i][j], 10);
  });
});

describe('principalComponents', () => {
  it('finds the components of four points worked by hand', () => {
    // Around (1, 2): ±2 along (3, 4)/5 and ±1 across it, so variances 2 and 0.5.
    const [u, w] = [
      [0.6, 0.8],
      [-0.8, 0.6],
    ];
    const points = [
      [2, u],
      [-2, u],
      [1, w],
      [-1, w],
    ] as const;
    const block = points.flatMap(([length, [x, y]]) => [1 + length * x, 2 + length * y]);
    const { mean, directions, variances, total } = principalComponents([block], { size: 2, count: 2, random: Random.seeded(0) });
    expect([...mean].map(value => +value.toFixed(12))).toEqual([1, 2]);
    expect([...variances].map(value => +value.toFixed(12))).toEqual([2, 0.5]);
    expect(total).toBeCloseTo(2.5, 12);
    directions[0].forEach((value, i) => void expect(value).toBeCloseTo(u[i], 12));
    // The sign is settled by the largest number.
    directions[1].forEach((value, i) => void expect(value).toBeCloseTo(-w[i], 12));
  });

  it('finds a few of many directions, whatever blocks the rows come in', () => {
    const [size, count] = [40, 3];
    const random = Random.seeded(2);
    const deviations = [5, 3, 2];
    // Three strong directions, each on numbers of its own, over faint noise.
    const rows = Array.from({ length: 600 }, () => {
      const row = Array.from({ length: size }, () => 0.1 * random.normal());
      for (const [k, deviation] of deviations.entries()) {
        const strength = (deviation * random.normal()) / Math.sqrt(5);
        for (let i = 0; i < 5; i++) row[5 * k + i] += strength;
      }
      return row;
    });
    const found = principalComponents([rows.flat()], { size, count, random: Random.seeded(3) });
    const blocks = [rows.slice(0, 7).flat(), rows.slice(7).flat()];
    expect(principalComponents(blocks, { size, count, random: Random.seeded(3) })).toEqual(found);
    for (const [k, v] of found.directions.entries()) {
      for (const [l, other] of found.directions.entries()) expect(dot(v, other)).toBeCloseTo(Number(k === l), 10);
      expect(dot(v.subarray(5 * k, 5 * k + 5), new Float64Array(5).fill(1 / Math.sqrt(5)))).toBeGreaterThan(0.99);
      // Along its direction, rows vary as much as it says.
      const along = rows.map(row => dot(row, v) - dot(found.mean, v));
      expect(dot(along, along) / rows.length).toBeCloseTo(found.variances[k], 8);
    }
  });

  it('gives orthonormal directions without variance where nothing varies', () => {
    const { directions, variances } = principalComponents([new Float32Array(12).fill(1)], { size: 4, count: 4, random: Random.seeded(4) });
    expect([...variances]).toEqual([0, 0, 0, 0]);
    for (const [k, v] of directions.entries())
      for (const [l, other] of directions.entries()) expect(dot(v, other)).toBeCloseTo(Number(k === l), 10);
  });
});

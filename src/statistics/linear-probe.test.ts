import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { Random } from '../util/random.ts';
import { coordinates, discriminantReadOut, fitReadOut, ridgeReadOut } from './linear-probe.ts';

/** Rows of normal numbers. */
const normal = (random: Random, count: number, size: number) => Float64Array.from({ length: count * size }, () => random.normal());
const groupsOf = (count: number, each: number) => Array.from({ length: count }, (_, i) => Math.floor(i / each));

describe('ridge', () => {
  it('is what one number gives by hand', () => {
    // x = −1, 1 with y = 1, 3: the mean is 2, the slope Σ x (y − 2) / (Σ x² + λ n) = 2 / (2 + 2 λ).
    const fits = ridgeReadOut(1).fit(Float64Array.of(-1, 1), Float64Array.of(1, 3), 1);
    expect(ridgeReadOut(1).strengths).toEqual([0.01, 0.1, 1]);
    for (const [s, slope] of [2 / 2.02, 2 / 2.2, 0.5].entries()) expect(fits[s](Float64Array.of(3))[0]).toBeCloseTo(2 + 3 * slope, 12);
  });

  it('finds a linear map, held back little where that does best, and much where there is nothing', () => {
    const random = Random.seeded(1);
    const made = normal(random, 60, 4);
    const basis = coordinates(made, 4);
    const rows = basis.of(made);
    const y = (row: Float64Array) => 1 + 2 * row[0] - row[3];
    const each = Array.from({ length: 60 }, (_, i) => made.subarray(4 * i, 4 * i + 4));
    const groups = groupsOf(60, 2);
    const given = fitReadOut(ridgeReadOut(1), { rows, targets: Float64Array.from(each, y), groups }, 4);
    expect(given.strength).toBe(0.01);
    expect(given.predict(basis.of([1, 5, -5, 1]))[0]).toBeCloseTo(2, 1);
    const noise = fitReadOut(ridgeReadOut(1), { rows, targets: normal(random, 60, 1), groups }, 4);
    expect(noise.strength).toBe(1);
  });
});

describe('the discriminant', () => {
  it('is the nearest centroid where it is held back most', () => {
    // Two classes of two samples with centers −2 and 2 in the first number; the second is noise with more spread.
    const rows = Float64Array.of(-2, 9, -2, -9, 2, 9, 2, -9);
    const [, , nearest] = discriminantReadOut(2).fit(rows, Float64Array.of(0, 0, 1, 1), 2);
    expect([...nearest(Float64Array.of(-0.1, 100, 0.1, -100))]).toEqual([0, 1]);
  });

  it('tells the middle of three classes on a line, and never says one that no sample has', () => {
    const rows = Float64Array.from({ length: 90 }, (_, i) => Math.floor(i / 30) + 0.1 * Math.sin(i));
    const targets = Float64Array.from({ length: 90 }, (_, i) => Math.floor(i / 30));
    for (const predict of discriminantReadOut(5).fit(rows, targets, 1)) {
      expect([...predict(Float64Array.of(0, 1, 2, 50))]).toEqual([0, 1, 2, 2]);
    }
  });

  it('says the most frequent class where nothing is to be seen', () => {
    const fitted = fitReadOut(
      discriminantReadOut(3),
      { rows: new Float64Array(10), targets: Float64Array.of(0, 0, 0, 2, 2, 2, 2, 2, 1, 1), groups: groupsOf(10, 1) },
      1,
    );
    expect([...fitted.predict(new Float64Array(2))]).toEqual([2, 2]);
  });

  it('is held back most where there are too few groups to choose by', () => {
    const samples = { rows: Float64Array.of(0, 1, 5, 6), targets: Float64Array.of(0, 0, 1, 1), groups: [0, 0, 1, 1] };
    expect(fitReadOut(discriminantReadOut(2), samples, 1).strength).toBe(1);
  });

  it('refuses samples without their groups', () => {
    const samples = { rows: new Float64Array(4), targets: new Float64Array(4), groups: [0] };
    expect(() => fitReadOut(discriminantReadOut(2), samples, 1)).toThrow(failure('E_SHAPE', 4, 1));
  });
});

describe('coordinates', () => {
  it('have mean 0 and deviation 1 on the samples, and 0 where nothing varies', () => {
    const basis = coordinates([1, 7, 3, 7], 2);
    expect([...basis.of([1, 7, 3, 7, 5, 8])]).toEqual([-1, 0, 1, 0, 3, 0]);
  });

  it('with more numbers than samples are as many as samples, and change no prediction', () => {
    const random = Random.seeded(3);
    const [rows, asked] = [normal(random, 12, 30), normal(random, 5, 30)];
    const targets = normal(random, 12, 2);
    const labels = Float64Array.from({ length: 12 }, (_, i) => i % 3);
    const basis = coordinates(rows, 30);
    expect(basis.size).toBe(12);
    // The same standardized numbers in full, as many samples as numbers being out of the way.
    const mean = Array.from({ length: 30 }, (_, p) => [...rows].filter((_, i) => i % 30 === p).reduce((a, b) => a + b) / 12);
    const deviation = mean.map((m, p) => Math.sqrt([...rows].filter((_, i) => i % 30 === p).reduce((a, b) => a + (b - m) ** 2, 0) / 12));
    const full = (values: Float64Array) => values.map((value, i) => (value - mean[i % 30]) / deviation[i % 30]);
    const [direct] = ridgeReadOut(2).fit(full(rows), targets, 30);
    const [turned] = ridgeReadOut(2).fit(basis.of(rows), targets, 12);
    for (const [i, value] of direct(full(asked)).entries()) expect(turned(basis.of(asked))[i]).toBeCloseTo(value, 6);
    const said = (size: number, of: (values: Float64Array) => Float64Array) =>
      discriminantReadOut(3)
        .fit(of(rows), labels, size)
        // tr(W)/P is another multiple of the identity in the smaller basis, but at full strength both are the nearest centroid.
        .slice(-1)
        .map(predict => [...predict(of(asked))]);
    expect(said(12, basis.of)).toEqual(said(30, full));
  });
});

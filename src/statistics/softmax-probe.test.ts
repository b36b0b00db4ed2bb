import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { Random } from '../util/random.ts';
import { softmax, softmaxOf } from '../util/softmax.ts';
import { mean } from './bootstrap.ts';
import { fitSoftmax } from './softmax-probe.ts';

/** Samples of classes around centers, in groups of ten. */
function drawn(count: number, noise: number, seed = 1) {
  const random = Random.seeded(seed);
  const labels = Array.from({ length: count }, (_, i) => i % 3);
  const rows = Float32Array.from(
    labels.flatMap(k => [5 + (k === 1 ? 3 : 0), k === 2 ? 30 : 0, 7].map((x, p) => x + noise * random.normal() * (p === 1 ? 10 : 1))),
  );
  return { rows, labels, groups: labels.map((_, i) => Math.floor(i / 10)), size: 3, classes: 3 };
}
const rowOf = ({ rows }: ReturnType<typeof drawn>, i: number) => rows.subarray(3 * i, 3 * i + 3);

describe('a softmax probe', () => {
  it('is right, and sure of it, where classes are apart; features may be constant or of any size', () => {
    const samples = drawn(300, 0.1);
    const weights = fitSoftmax({ ...samples, rows: samples.rows.map((x, i) => (i % 3 === 2 ? 7 : x)) });
    const test = drawn(60, 0.1, 2);
    for (const [i, label] of test.labels.entries()) {
      const p = softmaxOf(weights, rowOf(test, i));
      expect(p.reduce((a, b) => a + b)).toBeCloseTo(1);
      expect(p[label]).toBeGreaterThan(0.9);
    }
  });

  it('is as sure as it is right where classes overlap', () => {
    const weights = fitSoftmax(drawn(900, 1.5));
    const test = drawn(900, 1.5, 2);
    const said = test.labels.map((label, i) => {
      const p = softmaxOf(weights, rowOf(test, i));
      const sure = Math.max(...p);
      return { sure, right: Number(p.indexOf(sure) === label) };
    });
    const [sure, right] = [mean(said.map(({ sure }) => sure)), mean(said.map(({ right }) => right))];
    expect(right).toBeGreaterThan(0.5);
    expect(right).toBeLessThan(0.95);
    expect(Math.abs(sure - right)).toBeLessThan(0.1);
  });

  it('never names a class without samples', () => {
    const samples = drawn(90, 0.5);
    const weights = fitSoftmax({ ...samples, classes: 4 });
    expect(softmaxOf(weights, rowOf(samples, 0))[3]).toBe(0);
    expect(weights.flatMap(own => [...own]).every(Number.isFinite)).toBe(true);
  });

  it('needs all features of every sample', () => {
    expect(() => fitSoftmax({ ...drawn(30, 1), size: 4 })).toThrow(failure('E_SHAPE', 4, 30, 90));
  });
});

it('softmax has no overflow', () => {
  expect([...softmax(Float64Array.of(1000, 1000, -1000))]).toEqual([0.5, 0.5, 0]);
});

import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { Random } from '../util/random.ts';
import { measureOf, type ProbeRequest, probe } from './probes.ts';

const place = { kind: 'multi-discrete', nvec: [3, 3] } as const;

/** Samples of places (x, y): the place along two directions of six numbers, and noise in all of them. */
function samples(places: readonly (readonly number[])[], each: number, random: Random, given = 1) {
  const values = places.flatMap(value => new Array<readonly number[]>(each).fill(value));
  const rows = Float32Array.from(values.flatMap(([x, y]) => [x + y, x - y, 0, 0, 0, 0].map(v => given * v + 0.05 * random.normal())));
  return { rows, values, groups: values.map((_, i) => Math.floor(i / each)) };
}

const grid = Array.from({ length: 9 }, (_, i) => [i % 3, Math.floor(i / 3)]);
const [held, trained] = [[grid[4], grid[2]], grid.filter((_, i) => i !== 4 && i !== 2)];

describe('a probe', () => {
  it('reads places that it never saw from numbers that hold them, number by number and whole', () => {
    const random = Random.seeded(1);
    const fit = samples(trained, 5, random);
    const [own, others] = probe({ space: place, size: 6, fit, scored: [samples(trained, 2, random), samples(held, 4, random)] });
    for (const { whole, parts } of [own, others]) {
      expect([...whole].every(value => value === 1)).toBe(true);
      expect(parts).toHaveLength(2);
    }
    // x and y come 3, 2, 2 times and 2, 2, 3 times among seven places: 2/7 · 2/7 for (1, 1), 2/7 · 2/7 for (2, 0).
    expect(others.chance).toBeCloseTo((2 / 7) ** 2, 12);
    expect(measureOf(place)).toBe('accuracy');
  });

  it('reads nothing where there is nothing', () => {
    const random = Random.seeded(2);
    const fit = samples(trained, 20, random, 0);
    const [{ whole, parts }] = probe({ space: place, size: 6, fit, scored: [samples(trained, 40, random, 0)] });
    const share = (right: Float64Array) => right.reduce((a, b) => a + b) / right.length;
    expect(share(whole)).toBeLessThan(0.25);
    expect(parts.map(share).every(value => value < 0.5)).toBe(true);
    // A place is right where both of its numbers are.
    expect([...whole]).toEqual([...parts[0]].map((value, i) => value * parts[1][i]));
  });

  it('fits false labels where it is given them', () => {
    const random = Random.seeded(3);
    const mirrored = (part: ReturnType<typeof samples>) => ({ ...part, values: part.values.map(([x, y]) => [2 - x, y]) });
    const request: ProbeRequest = {
      space: place,
      size: 6,
      fit: mirrored(samples(grid, 12, random)),
      scored: [samples(grid, 2, random), mirrored(samples(grid, 2, random))],
    };
    const [honest, fitted] = probe(request);
    // Only the middle column is its own mirror image.
    const right = ({ whole }: { whole: Float64Array }) => whole.reduce((a, b) => a + b);
    expect(right(fitted)).toBeGreaterThanOrEqual(17);
    expect(Math.abs(right(honest) - 6)).toBeLessThanOrEqual(1);
  });

  it('regresses reals, 1 where all is explained and 0 where only the mean is known', () => {
    const box = { kind: 'box', low: [0, 0], high: [1, 1] } as const;
    const values = Array.from({ length: 40 }, (_, i) => [(i % 8) / 8, Math.floor(i / 8) / 5]);
    const groups = values.map((_, i) => i);
    const given = values.flatMap(([a, b]) => [a + b, a - b]);
    const [exact] = probe({ space: box, size: 2, fit: { rows: given, values, groups }, scored: [{ rows: given, values }] });
    expect(exact.whole.reduce((a, b) => a + b) / 40).toBeGreaterThan(0.99);
    const [blind] = probe({
      space: box,
      size: 1,
      fit: { rows: new Float32Array(40), values, groups },
      scored: [{ rows: new Float32Array(40), values }],
    });
    expect(blind.whole.reduce((a, b) => a + b) / 40).toBeCloseTo(0, 12);
    for (const part of blind.parts) expect(part.reduce((a, b) => a + b) / 40).toBeCloseTo(0, 12);
    expect([blind.chance, measureOf(box)]).toEqual([0, 'R²']);
  });

  it('knows what the most frequent value scores, which correlated numbers make more than chance', () => {
    const values = [...Array(6).fill([2, 2]), [0, 1], [1, 0]];
    const rows = values.flat();
    const fit = { rows, values, groups: values.map((_, i) => i) };
    const [{ chance, frequent }, other] = probe({
      space: place,
      size: 2,
      fit,
      scored: [
        { rows, values },
        { rows: [0, 0], values: [[0, 0]] },
      ],
    });
    expect(frequent).toBe(6 / 8);
    expect(chance).toBeCloseTo((6 * (6 / 8) ** 2 + 2 * (1 / 8) ** 2) / 8, 12);
    expect(other.frequent).toBe(0);
  });

  it('explains nothing where nothing varies', () => {
    const values = Array.from({ length: 6 }, () => [3]);
    const samples = { rows: Float64Array.from(values.keys()), values };
    const fit = { ...samples, groups: [0, 1, 2, 3, 4, 5] };
    const [{ whole }] = probe({ space: { kind: 'box', low: [0], high: [9] }, size: 1, fit, scored: [samples] });
    expect([...whole]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('refuses rows of another size', () => {
    const fit = { rows: new Float32Array(4), values: [[0, 0]], groups: [0] };
    expect(() => probe({ space: place, size: 3, fit, scored: [] })).toThrow(failure('E_SHAPE', 3, 4));
  });
});

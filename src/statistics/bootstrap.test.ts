import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { Random } from '../util/random.ts';
import { bootstrapInterval, drawResamples, drawRuns, interquartileMean, mean, quantile, stratifiedBootstrap } from './bootstrap.ts';

describe('interquartileMean', () => {
  it('drops ⌊n/4⌋ scores on each side, as scipy trim_mean(0.25) does', () => {
    expect(interquartileMean([8, 1, 7, 2, 6, 3, 5, 4])).toBe(4.5); // of 3 4 5 6
    expect(interquartileMean([100, 1, 2, 3, -100])).toBe(2); // n = 5: one a side
    expect(interquartileMean([0, 1, 5])).toBe(2); // n = 3: none
    expect(interquartileMean([0, 0, 1, 4, 9, 10, 11])).toBe((0 + 1 + 4 + 9 + 10) / 5); // n = 7: one a side
  });

  it('reads counts as repetition', () => {
    const repeated = [0, 0, 0, 1, 3, 3, 4, 9];
    expect(interquartileMean([0, 1, 2, 3, 4, 9], [3, 1, 0, 2, 1, 1])).toBe(interquartileMean(repeated));
    expect(mean([0, 1, 2, 3, 4, 9], [3, 1, 0, 2, 1, 1])).toBe(mean(repeated));
  });

  it('refuses no scores', () => {
    expect(() => interquartileMean([])).toThrow(failure('E_SHAPE'));
    expect(() => mean([])).toThrow(failure('E_SHAPE'));
  });
});

describe('quantile', () => {
  it('interpolates linearly', () => {
    expect(quantile([10, 20, 30, 40, 50], 0.25)).toBe(20);
    expect(quantile([0, 1], 0.975)).toBeCloseTo(0.975, 12);
    expect(quantile([7], 0.5)).toBe(7);
  });
});

describe('stratifiedBootstrap', () => {
  it('keeps the size of every stratum in every resample', () => {
    const { counts, runs, resamples } = drawResamples([2, 3], 50, Random.seeded(1));
    for (let r = 0; r < resamples; r++) {
      const row = counts.subarray(r * runs, (r + 1) * runs);
      expect([row[0] + row[1], row[2] + row[3] + row[4]]).toEqual([2, 3]);
    }
  });

  it('resamples within strata only: constant strata have no width, however far apart', () => {
    const scores = [
      [0, 0, 0],
      [1, 1, 1],
    ];
    expect(stratifiedBootstrap(scores, mean, { random: Random.seeded(2) })).toEqual({ low: 0.5, high: 0.5 });
  });

  it('is deterministic in the stream of random numbers', () => {
    const scores = [
      [0.1, 0.4, 0.2, 0.9],
      [0.8, 0.7, 0.1, 0.3],
    ];
    const interval = (seed: number) => stratifiedBootstrap(scores, interquartileMean, { random: Random.seeded(seed) });
    expect(interval(3)).toEqual(interval(3));
    expect(interval(3)).not.toEqual(interval(4));
  });

  it('agrees with the exact bootstrap distribution of two coin runs', () => {
    // The mean of two draws from {0, 1} is 0, ½, 1 with ¼, ½, ¼: the central 40% is ½ and the central 90% reaches both ends.
    const at = (confidence: number) => stratifiedBootstrap([[0, 1]], mean, { random: Random.seeded(5), confidence });
    expect(at(0.4)).toEqual({ low: 0.5, high: 0.5 });
    expect(at(0.9)).toEqual({ low: 0, high: 1 });
  });

  it('covers like the normal interval of a large sample', () => {
    const random = Random.seeded(6);
    const runs = Float64Array.from({ length: 400 }, () => random.normal());
    const { low, high } = stratifiedBootstrap([runs], mean, { random });
    expect(high - low).toBeCloseTo((2 * 1.96) / Math.sqrt(400), 1);
    expect(low < mean(runs) && mean(runs) < high).toBe(true);
  });

  it('says what is wrong', () => {
    const draws = drawResamples([2], 10, Random.seeded(0));
    expect(() => bootstrapInterval([1], mean, draws)).toThrow(failure('E_SHAPE', 2, 1));
    expect(() => bootstrapInterval([1, Number.NaN], mean, draws)).toThrow(failure('E_NUMERICS', 'NaN'));
    expect(() => bootstrapInterval([1, 2], mean, draws, 95)).toThrow(failure('E_SHAPE', 0.95, 95));
    expect(() => drawResamples([2, 0], 10, Random.seeded(0))).toThrow(failure('E_SHAPE'));
  });
});

describe('drawRuns of tasks', () => {
  const drawTasks = (sizes: readonly number[], resamples: number, random: Random) =>
    drawRuns(
      sizes.map(size => [size]),
      'tasks',
      resamples,
      random,
    );

  it('draws whole tasks, as many as there are, uniformly', () => {
    const sizes = [1, 3, 2];
    const { runs, resamples, counts } = drawTasks(sizes, 3000, Random.seeded(2));
    expect([runs, resamples]).toEqual([6, 3000]);
    const drawn = [0, 0, 0];
    for (let r = 0; r < resamples; r++) {
      const [a, b, c, d, e, f] = counts.subarray(6 * r, 6 * r + 6);
      expect([b === c && c === d, e === f, a + b + e]).toEqual([true, true, 3]);
      [a, b, e].forEach((count, s) => {
        drawn[s] += count;
      });
    }
    // χ² with two degrees of freedom: 13.8 is its 99.9% quantile.
    expect(drawn.reduce((sum, count) => sum + (count - 3000) ** 2 / 3000, 0)).toBeLessThan(13.8);
    expect(() => drawTasks([], 10, Random.seeded(0))).toThrow(failure('E_SHAPE'));
  });

  it('gives width to tasks of one run, whose runs leave none', () => {
    const scores = [0, 1, 2, 3, 4, 5, 6, 7];
    const ones = scores.map(() => 1);
    const within = bootstrapInterval(scores, mean, drawResamples(ones, 500, Random.seeded(1)));
    const over = bootstrapInterval(scores, mean, drawTasks(ones, 500, Random.seeded(1)));
    expect(within).toEqual({ low: 3.5, high: 3.5 });
    // The standard error is √(5.25 / 8) = 0.81.
    expect(over.low).toBeGreaterThan(3.5 - 2.2);
    expect(over.low).toBeLessThan(3.5 - 1);
    expect(over.high).toBeGreaterThan(3.5 + 1);
  });
});

describe('drawRuns', () => {
  const counts = (cells: number[][], resampled: 'runs' | 'tasks', resamples = 400) => {
    const drawn = drawRuns(cells, resampled, resamples, Random.seeded(3));
    return Array.from({ length: resamples }, (_, r) => [...drawn.counts.subarray(r * drawn.runs, (r + 1) * drawn.runs)]);
  };
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

  it('draws as ever where there is a single seed', () => {
    const sizes = [3, 1, 2];
    const cells = sizes.map(size => [size]);
    expect(drawRuns(cells, 'runs', 50, Random.seeded(1))).toEqual(drawResamples(sizes, 50, Random.seeded(1)));
  });

  it('draws a seed for all tasks at once, and runs within each cell', () => {
    const rows = counts(
      [
        [2, 2],
        [3, 3],
      ],
      'runs',
    );
    for (const row of rows) {
      // Cells: task 0 with seeds 0 and 1, then task 1. Every task keeps its share.
      const cells = [row.slice(0, 2), row.slice(2, 4), row.slice(4, 7), row.slice(7)].map(sum);
      expect([cells[0] + cells[1], cells[2] + cells[3]]).toEqual([4, 6]);
      expect([cells[0] / 2, cells[1] / 2]).toEqual([cells[2] / 3, cells[3] / 3]);
    }
    const firstSeed = rows.map(row => sum(row.slice(0, 2)) / 2);
    expect([0, 1, 2].map(copies => firstSeed.filter(count => count === copies).length / rows.length)).toEqual([
      expect.closeTo(0.25, 1),
      expect.closeTo(0.5, 1),
      expect.closeTo(0.25, 1),
    ]);
    expect(new Set(rows.map(row => row.slice(0, 2).join())).size).toBeGreaterThan(4);
  });

  it('draws whole tasks and seeds crosswise', () => {
    for (const row of counts(
      [
        [2, 2],
        [2, 2],
        [2, 2],
      ],
      'tasks',
    )) {
      expect(sum(row)).toBe(12);
      // [task][seed] copies are a product, and the runs of a cell stay together.
      const cells = [0, 1, 2].map(t => [0, 1].map(k => row.slice(4 * t + 2 * k, 4 * t + 2 * k + 2)));
      expect(cells.flat().every(([a, b]) => a === b)).toBe(true);
      for (const [[a], [b]] of cells) for (const [[c], [d]] of cells) expect(a * d).toBe(b * c);
    }
  });

  it('wants every seed on every task as often', () => {
    expect(() => drawRuns([[2, 1]], 'runs', 10, Random.seeded(0))).toThrow(failure('E_SHAPE'));
    expect(() => drawRuns([], 'runs', 10, Random.seeded(0))).toThrow(failure('E_SHAPE'));
  });
});

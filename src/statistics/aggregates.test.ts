import { describe, expect, it } from 'vitest';
import { Random } from '../util/random.ts';
import { aggregate, performanceProfile, shortfall, taskMedian } from './aggregates.ts';
import { drawResamples, drawRuns } from './bootstrap.ts';

describe('the median over tasks', () => {
  it('is of the means over runs, between the two in the middle where tasks are even', () => {
    const scores = [
      [0, 1],
      [0.2, 0.4],
      [0.9, 0.9],
    ];
    expect(taskMedian(scores)).toBe(0.5);
    expect(taskMedian(scores.slice(0, 2))).toBeCloseTo((0.5 + 0.3) / 2, 12);
  });

  it('counts runs and tasks as often as they were drawn', () => {
    const scores = [
      [0, 1],
      [0.2, 0.4],
      [0.9, 0.9],
    ];
    // Runs within tasks: means 0, 0.3, 0.9.
    expect(taskMedian(scores, [2, 0, 1, 1, 1, 1])).toBeCloseTo(0.3, 12);
    // Whole tasks: the first twice, the third once: 0.5, 0.5, 0.9.
    expect(taskMedian(scores, [2, 2, 0, 0, 1, 1])).toBe(0.5);
    // The second twice and the third once.
    expect(taskMedian(scores, [0, 0, 2, 2, 1, 1])).toBeCloseTo(0.3, 12);
  });
});

describe('aggregate', () => {
  it('sums up a matrix worked by hand', () => {
    const scores = [
      [0, 0.4, 0.2, 0.6],
      [1, 1.5, 0.5, 1],
    ];
    const found = aggregate(scores, drawResamples([4, 4], 50, Random.seeded(0)));
    expect(found.mean.value).toBeCloseTo(5.2 / 8, 12);
    // Of 0 .2 | .4 .5 .6 1 | 1 1.5 the four in the middle.
    expect(found.iqm.value).toBeCloseTo(2.5 / 4, 12);
    expect(found.median.value).toBeCloseTo((0.3 + 1) / 2, 12);
    // 1 + .6 + .8 + .4 and .5; the run beyond 1 makes up for nothing.
    expect(found.optimalityGap.value).toBeCloseTo(3.3 / 8, 12);
    expect([shortfall(0.25), shortfall(1.5)]).toEqual([0.75, 0]);
    for (const { value, low, high } of Object.values(found)) expect(low <= value && value <= high && low < high).toBe(true);
  });

  it('has no width where runs of a task agree, unless tasks are what is drawn', () => {
    const scores = [[0.1], [0.5], [0.9]];
    const within = aggregate(scores, drawResamples([1, 1, 1], 20, Random.seeded(1)));
    for (const { value, low, high } of Object.values(within)) expect([low, high]).toEqual([value, value]);
    const over = aggregate(scores, drawRuns([[1], [1], [1]], 'tasks', 400, Random.seeded(1)), 0.99);
    for (const { low, high } of [over.mean, over.median]) expect([low, high]).toEqual([expect.closeTo(0.1, 12), expect.closeTo(0.9, 12)]);
  });
});

describe('performanceProfile', () => {
  it('is the share of runs above each threshold', () => {
    const scores = [
      [0, 0.5],
      [0.5, 1],
    ];
    const profile = performanceProfile(scores, drawResamples([2, 2], 20, Random.seeded(0)), [-1, 0, 0.5, 0.99, 1]);
    expect(profile.map(({ share }) => share)).toEqual([1, 0.75, 0.25, 0.25, 0]);
    expect(profile.map(({ threshold }) => threshold)).toEqual([-1, 0, 0.5, 0.99, 1]);
    expect(profile[0]).toMatchObject({ low: 1, high: 1 });
  });

  it('has the band of the exact bootstrap distribution of two runs', () => {
    // Of two draws from {0, 1}, the share above ½ is 0, ½, 1 with ¼, ½, ¼.
    const band = (confidence: number) => performanceProfile([[0, 1]], drawResamples([2], 2000, Random.seeded(5)), [0.5], confidence)[0];
    expect(band(0.4)).toMatchObject({ share: 0.5, low: 0.5, high: 0.5 });
    expect(band(0.9)).toMatchObject({ low: 0, high: 1 });
  });

  it('goes from nothing to the oracle by default', () => {
    const profile = performanceProfile([[0.4]], drawResamples([1], 1, Random.seeded(0)));
    expect([profile.length, profile[0].threshold, profile[20].threshold]).toEqual([21, 0, 1]);
    expect(profile.map(({ share }) => share)).toEqual(profile.map(({ threshold }) => Number(threshold < 0.4)));
  });
});

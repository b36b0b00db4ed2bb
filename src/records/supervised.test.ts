import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { Random } from '../util/random.ts';
import { scoresByExamples, supervisedDraws } from './supervised.ts';

const draws = (tasks: number) => supervisedDraws(tasks, 400, Random.seeded(0));

describe('scoresByExamples', () => {
  it('averages over seeds and tasks, and divides by the reference', () => {
    // Two numbers of examples × two tasks, two seeds.
    const result = scoresByExamples(
      [
        [4, 8, 1, 1],
        [6, 10, 3, 3],
      ],
      [2, 2, 1, 3],
      2,
      draws(2),
    );
    expect(result.mean).toEqual([7, 2]);
    expect(result.ratio).toEqual([3.5, 1]);
    // The second row does not vary over tasks; resamples of the first hold one task, the other, or both.
    expect([result.low[1], result.high[1]]).toEqual([2, 2]);
    expect([result.low[0], result.high[0]]).toEqual([5, 9]);
    expect([result.ratioLow[0], result.ratioHigh[0]]).toEqual([2.5, 4.5]);
  });

  it('resamples a method and the reference in pairs: equal scores have a ratio of exactly 1', () => {
    const random = Random.seeded(1);
    const scores = Array.from({ length: 60 }, () => random.uniform());
    const { ratio, ratioLow, ratioHigh, low, high } = scoresByExamples([scores], scores, 3, draws(20));
    for (const values of [ratio, ratioLow, ratioHigh]) expect(values).toEqual([1, 1, 1]);
    for (let c = 0; c < 3; c++) expect(high[c]).toBeGreaterThan(low[c]);
  });

  it('covers the true mean about as often as it says', () => {
    let covered = 0;
    for (let i = 0; i < 200; i++) {
      const random = Random.seeded(2).split(i);
      const scores = Array.from({ length: 40 }, () => random.normal());
      const { low, high } = scoresByExamples(
        [scores],
        scores.map(() => 1),
        1,
        draws(40),
      );
      covered += Number(low[0] <= 0 && high[0] >= 0);
    }
    expect(covered).toBeGreaterThan(176);
    expect(covered).toBeLessThan(200);
  });

  it('expects a score for every task and number of examples', () => {
    expect(() => scoresByExamples([[1, 2, 3]], [1, 2, 3, 4], 2, draws(2))).toThrow(failure('E_SHAPE', 3, /\b2\b.* × 2\b/));
  });
});

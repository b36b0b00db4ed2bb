import { describe, expect, it } from 'vitest';
import { Random } from '../util/random.ts';
import { oracleReference } from './reference.ts';
import { rankTrials, type Trial, tiedTrials, trialScore } from './study.ts';

const trial = (number: number, ...scores: ([number, number, number] | null)[]): Trial => ({
  trial: number,
  settings: {},
  rungs: scores.map((score, i) => ({ steps: 10 ** i, score: score && { meanLow: score[0], mean: score[1], meanHigh: score[2] } })),
});

describe('trialScore', () => {
  const input = {
    // Two streams of task a and one of b, seven episodes each.
    seeds: [{ tasks: ['a', 'a', 'b'], returns: [0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 4, 4] }],
    episodes: 7,
    reference: oracleReference([
      ['a', 2],
      ['b', 4],
    ]),
  };
  const score = (measure: 'area' | 'final') => trialScore(measure, { ...input, random: Random.seeded(0), resamples: 500 });

  it('is the area under the learning curve, or its end, as a fraction of the oracle', () => {
    expect(score('area').mean).toBeCloseTo((5 / 7 / 2 + 0 + 1) / 3, 12);
    expect(score('final').mean).toBeCloseTo((1 / 2 + 0 + 1) / 3, 12);
  });

  it('has the interval of resampling streams within tasks', () => {
    // Task a is two streams of 0 and 1/2, of which two are drawn; task b never varies.
    const { meanLow, meanHigh } = score('final');
    expect(meanLow).toBeCloseTo(1 / 3, 12);
    expect(meanHigh).toBeCloseTo(2 / 3, 12);
  });
});

describe('ranking', () => {
  it('puts those that got further first, then the better, then the earlier, and the diverged last', () => {
    const ranked = rankTrials([
      trial(0, [0.8, 0.9, 1]),
      trial(1, null),
      trial(2, [0, 0.2, 0.4], [0.4, 0.5, 0.6]),
      trial(3, [0, 0.1, 0.4], [0.5, 0.6, 0.7]),
      trial(4, [0.8, 0.9, 1]),
      trial(5, null),
    ]);
    expect(ranked.map(({ trial }) => trial)).toEqual([3, 2, 0, 4, 1, 5]);
  });

  it('calls tied whose interval overlaps with that of the best, of equal depth', () => {
    const ranked = rankTrials([
      trial(0, [0, 0, 0], [0.5, 0.6, 0.7]),
      trial(1, [0, 0, 0], [0.4, 0.45, 0.5]),
      trial(2, [0, 0, 0], [0.3, 0.4, 0.49]),
      trial(3, [0.5, 0.6, 0.7]),
      trial(4, [0, 0, 0], null),
    ]);
    expect(tiedTrials(ranked)).toEqual([1]);
    expect(tiedTrials([trial(0, null), trial(1, null)])).toEqual([]);
  });
});

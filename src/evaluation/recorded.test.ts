import { describe, expect, it } from 'vitest';
import { Random } from '../util/random.ts';
import { describeRecordedBars, RecordedScorer, recordedResult } from './recorded.ts';

describe('RecordedScorer', () => {
  it('averages the cross-entropy with whole distributions, and counts any of the likeliest labels as a hit', () => {
    const scorer = new RecordedScorer();
    const probabilities = [9, 0.5, 0.3, 0.2];
    scorer.add(probabilities, 1, [0.5, 0.5, 0], 0, 3);
    scorer.add(probabilities, 1, [7, 7, 0, 0, 1], 2, 3);
    const { task, crossEntropy, accuracy, steps } = scorer.score('goal=1');
    expect([task, accuracy, steps]).toEqual(['goal=1', 0.5, 2]);
    expect(crossEntropy).toBeCloseTo((-0.5 * Math.log(0.5) - 0.5 * Math.log(0.3) - Math.log(0.2)) / 2, 12);
  });

  it('stays finite where the label was held for impossible', () => {
    const scorer = new RecordedScorer();
    scorer.add([1, 0], 0, [0, 1], 0, 2);
    expect(Number.isFinite(scorer.score('a').crossEntropy)).toBe(true);
  });
});

describe('recordedResult', () => {
  const scores = (shift: number) =>
    Array.from({ length: 40 }, (_, i) => ({ task: `t=${i}`, crossEntropy: i / 40 + shift, accuracy: (i % 2) / 2, steps: 10 }));

  it('averages over seeds within a task, then over tasks, with an interval around it', () => {
    const { crossEntropy, accuracy, perTask } = recordedResult([scores(0), scores(1)], 500, Random.seeded(1));
    expect(perTask[0]).toEqual({ task: 't=0', crossEntropy: 0.5, accuracy: 0, steps: 10 });
    expect(crossEntropy.mean).toBeCloseTo(39 / 80 + 0.5, 12);
    expect(accuracy.mean).toBe(0.25);
    // Standard error: 0.289 / √40 = 0.046.
    expect(crossEntropy.high - crossEntropy.low).toBeGreaterThan(0.12);
    expect(crossEntropy.high - crossEntropy.low).toBeLessThan(0.26);
  });

  it('says so where one task leaves no width', () => {
    const { accuracy } = recordedResult([scores(0).slice(0, 1)], 100, Random.seeded(1));
    expect([accuracy.low, accuracy.high]).toEqual([accuracy.mean, accuracy.mean]);
    expect(describeRecordedBars({ tasks: 1, side: 'test', resamples: 100, seeds: 1 })).toContain('is 1, so they have no width');
  });
});

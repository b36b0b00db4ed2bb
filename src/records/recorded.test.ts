import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { gaussian, independent } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { describeRecordedIntervals, RecordedScorer, RecordedTaskScorer, recordedResult, scoreIntegers, scoreReals } from './recorded.ts';

describe('RecordedScorer', () => {
  it('averages the cross-entropy with whole distributions, and counts any of the likeliest labels as a hit', () => {
    const scorer = new RecordedScorer();
    const probabilities = [9, 0.5, 0.3, 0.2];
    scorer.add(scoreIntegers(probabilities, 1, [0.5, 0.5, 0], 0, 3));
    scorer.add(scoreIntegers(probabilities, 1, [7, 7, 0, 0, 1], 2, 3));
    const { crossEntropy, accuracy, steps } = scorer.score()!;
    expect([accuracy, steps]).toEqual([0.5, 2]);
    expect(crossEntropy).toBeCloseTo((-0.5 * Math.log(0.5) - 0.5 * Math.log(0.3) - Math.log(0.2)) / 2, 12);
  });

  it('stays finite where the label was held for impossible', () => {
    const scorer = new RecordedScorer();
    scorer.add(scoreIntegers([1, 0], 0, [0, 1], 0, 2));
    expect(Number.isFinite(scorer.score()!.crossEntropy)).toBe(true);
  });
});

describe('scoreReals', () => {
  const space = { kind: 'box', low: [-1, -1], high: [1, 1] } as const;

  it('takes the density of a Gaussian, and the squared error of its mean', () => {
    const scores = scoreReals(gaussian(space), [9, 0.5, 0, 2, 1], 1, [9, 0.5, 1], 1);
    expect(scores.negativeLogLikelihood).toBeCloseTo(Math.log(2 * Math.PI) + Math.log(2) + 0.5, 12);
    expect(scores.squaredError).toBe(0.5);
  });

  it('takes the probability of the value next to the action, and the squared error of the likeliest value', () => {
    const values = [
      [-1, 0, 1],
      [-1, 0, 1],
    ];
    const scores = scoreReals(independent(space, values), [0.2, 0.3, 0.5, 0.6, 0.4, 0], 0, [0.25, -0.5], 0);
    expect(scores.negativeLogLikelihood).toBeCloseTo(-Math.log(0.3) - Math.log(0.6), 12);
    expect(scores.squaredError).toBeCloseTo((0.75 ** 2 + 0.5 ** 2) / 2, 12);
  });
});

describe('RecordedTaskScorer', () => {
  it('tells the places along the histories apart, each counting as many steps as it has', () => {
    const scorer = new RecordedTaskScorer(3);
    const label = [1, 0];
    // Two steps of episode 1, right; one of episode 4 and two of episode 6 of a longer history, wrong; nothing in between.
    for (let t = 0; t < 2; t++) scorer.add({ place: 0, episode: 1 }, scoreIntegers([0.8, 0.2], 0, label, 0, 2));
    for (const episode of [4, 6, 6]) scorer.add({ place: 2, episode }, scoreIntegers([0.4, 0.6], 0, label, 0, 2));
    const { task, crossEntropy, accuracy, steps, along } = scorer.score('goal=1');
    expect([task, accuracy, steps]).toEqual(['goal=1', 2 / 5, 5]);
    expect(crossEntropy).toBeCloseTo(-(2 * Math.log(0.8) + 3 * Math.log(0.4)) / 5, 12);
    const [first, nothing, last] = along;
    expect(nothing).toBeNull();
    expect([first!.accuracy, first!.steps, first!.episode]).toEqual([1, 2, 1]);
    expect([last!.accuracy, last!.steps]).toEqual([0, 3]);
    expect(last!.episode).toBeCloseTo(16 / 3, 12);
    expect(last!.crossEntropy).toBeCloseTo(-Math.log(0.4), 12);
  });

  it('refuses a task without steps', () => {
    expect(() => new RecordedTaskScorer(1).score('goal=1')).toThrow(failure('E_SHAPE', 'goal=1'));
  });
});

describe('recordedResult', () => {
  const scores = (shift: number) =>
    Array.from({ length: 40 }, (_, i) => {
      const whole = { crossEntropy: i / 40 + shift, accuracy: (i % 2) / 2, steps: 10 };
      const late = { crossEntropy: shift, accuracy: 1, steps: 5, episode: 10 + (i % 2) };
      return { task: `t=${i}`, ...whole, along: [{ ...whole, episode: 1 }, i < 10 ? late : null] };
    });

  it('averages over seeds within a task, then over tasks, with an interval around it', () => {
    const { crossEntropy, accuracy, perTask } = recordedResult([scores(0), scores(1)], 500, Random.seeded(1));
    expect(perTask[0]).toEqual({ task: 't=0', crossEntropy: 0.5, accuracy: 0, steps: 10 });
    expect(crossEntropy!.mean).toBeCloseTo(39 / 80 + 0.5, 12);
    expect(accuracy!.mean).toBe(0.25);
    // Standard error: 0.289 / √40 = 0.046.
    expect(crossEntropy!.high - crossEntropy!.low).toBeGreaterThan(0.12);
    expect(crossEntropy!.high - crossEntropy!.low).toBeLessThan(0.26);
  });

  it('does so for every place along the histories, over the tasks that have it', () => {
    const { byEpisode, crossEntropy, accuracy } = recordedResult([scores(0), scores(1)], 500, Random.seeded(1));
    expect(byEpisode.episode).toEqual([1, 10.5]);
    // The first place is all there is of a task here: drawn alike, it has the same interval.
    const at = (key: 'crossEntropy' | 'accuracy', place: number) => ({
      mean: byEpisode[key]!.mean[place],
      low: byEpisode[key]!.low[place],
      high: byEpisode[key]!.high[place],
    });
    expect(at('crossEntropy', 0)).toEqual(crossEntropy);
    expect(at('accuracy', 0)).toEqual(accuracy);
    expect(at('crossEntropy', 1)).toEqual({ mean: 0.5, low: 0.5, high: 0.5 });
    expect(at('accuracy', 1).mean).toBe(1);
  });

  it('says so where one task leaves no width', () => {
    const { accuracy } = recordedResult([scores(0).slice(0, 1)], 100, Random.seeded(1));
    expect([accuracy!.low, accuracy!.high]).toEqual([accuracy!.mean, accuracy!.mean]);
    const intervalNote = (tasks: number) =>
      describeRecordedIntervals({ tasks, side: 'test', resamples: 100, seeds: 3 }).replace(/\d+/g, '#');
    expect(intervalNote(1)).not.toBe(intervalNote(2));
  });
});

import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { Random } from '../util/random.ts';
import { addStep, IMITATION_SUMS, type ImitationScore, imitationScore, scoreStep } from './imitation.ts';

/** The score of histories of one episode each, with steps of [policy, source] distributions. */
function scoreOf(
  histories: readonly (readonly (readonly [p: readonly number[], y: readonly number[]])[])[],
  tasks = histories.map(() => 'a'),
): ImitationScore {
  const sums = histories.flatMap(steps => {
    const own = new Array<number>(IMITATION_SUMS).fill(0);
    for (const [p, y] of steps) addStep(own, 0, scoreStep(p, 0, y, 0, p.length));
    return own;
  });
  return imitationScore({ tasks, sums: [sums], random: Random.seeded(0), resamples: 400 });
}
const values = ({ accuracy, crossEntropy, excess, calibrationError, brier }: ImitationScore) =>
  Object.fromEntries(Object.entries({ accuracy, crossEntropy, excess, calibrationError, brier }).map(([name, { value }]) => [name, value]));

describe('a step', () => {
  it('has hand-worked numbers', () => {
    // p = (0.7, 0.2, 0.1), y = (0.5, 0.5, 0), each behind one number that is not its own.
    const { crossEntropy, entropy, hit, confidence, agreement, brier } = scoreStep([9, 0.7, 0.2, 0.1], 1, [9, 0.5, 0.5, 0], 1, 3);
    expect(crossEntropy).toBeCloseTo(-0.5 * Math.log(0.7) - 0.5 * Math.log(0.2), 12);
    expect(entropy).toBeCloseTo(Math.log(2), 12);
    expect([hit, confidence, agreement]).toEqual([1, 0.7, 0.5]);
    // Half of the time 0.3² + 0.2² + 0.1², half of the time 0.7² + 0.8² + 0.1².
    expect(brier).toBeCloseTo(0.5 * 0.14 + 0.5 * 1.14, 12);
  });

  it('shares a hit among actions that are equally likely', () => {
    expect(scoreStep([0.4, 0.4, 0.2], 0, [1, 0, 0], 0, 3)).toMatchObject({ hit: 0.5, agreement: 0.5, confidence: 0.4 });
    expect(scoreStep([0.2, 0.6, 0.2], 0, [0.5, 0, 0.5], 0, 3)).toMatchObject({ hit: 0, agreement: 0 });
  });
});

describe('the score of a policy', () => {
  const sources = [
    [1, 0, 0, 0],
    [0.5, 0.5, 0, 0],
    [0.25, 0.25, 0.25, 0.25],
  ];

  it('that is the source has accuracy 1, no excess, no error of calibration, and the least Brier score', () => {
    const { accuracy, excess, calibrationError, brier, crossEntropy } = values(scoreOf([sources.map(y => [y, y] as const)]));
    expect([accuracy, excess, calibrationError]).toEqual([1, 0, 0]);
    expect(brier).toBeCloseTo((0 + 0.5 + 0.75) / 3, 12);
    expect(crossEntropy).toBeCloseTo((0 + Math.log(2) + Math.log(4)) / 3, 12);
  });

  it('that is uniform has the numbers of chance', () => {
    const uniform = sources[2];
    const { accuracy, excess, calibrationError, brier, crossEntropy } = values(scoreOf([sources.map(y => [uniform, y] as const)]));
    expect(accuracy).toBeCloseTo((1 / 4 + 2 / 4 + 1) / 3, 12);
    expect(crossEntropy).toBeCloseTo(Math.log(4), 12);
    expect(excess).toBeCloseTo((Math.log(4) + Math.log(2)) / 3, 12);
    // Four actions at 1/4: the source takes each of them a quarter of the time on average, whatever it does.
    expect(calibrationError).toBeCloseTo(0, 12);
    expect(brier).toBeCloseTo(0.75, 12);
  });

  it('is calibrated by bins of confidence', () => {
    const certain = [1, 0];
    // Confidence 0.95 twice, agreed with once; confidence 0.65 twice, agreed with always.
    const { calibrationError, reliability, accuracy } = scoreOf([
      [
        [[0.95, 0.05], certain],
        [[0.05, 0.95], certain],
        [[0.65, 0.35], certain],
        [[0.65, 0.35], certain],
      ],
    ]);
    expect(accuracy.value).toBe(0.75);
    expect(calibrationError.value).toBeCloseTo(0.5 * (0.95 - 0.5) + 0.5 * (1 - 0.65), 12);
    expect(reliability).toHaveLength(10);
    expect(reliability[0]).toEqual({ share: 0, confidence: null, agreement: null });
    expect(reliability[6]).toEqual({ share: 0.5, confidence: 0.65, agreement: 1 });
    expect(reliability[9]).toEqual({ share: 0.5, confidence: 0.95, agreement: 0.5 });
  });

  it('counts a confidence of 1 in the last bin', () => {
    expect(
      scoreOf([
        [
          [
            [1, 0],
            [1, 0],
          ],
        ],
      ]).reliability[9],
    ).toEqual({ share: 1, confidence: 1, agreement: 1 });
  });

  const right = [
    [1, 0],
    [1, 0],
  ] as const;
  const wrong = [
    [0.01, 0.99],
    [1, 0],
  ] as const;

  it('counts every step once, in intervals that resample histories within tasks', () => {
    const { accuracy } = scoreOf([[right, right, right], [wrong]]);
    // A draw is both of one kind (a quarter of the time each) or one of each.
    expect(accuracy).toEqual({ value: 0.75, low: 0, high: 1 });
    const apart = scoreOf([[right, right, right], [wrong]], ['a', 'b']).accuracy;
    expect(apart).toEqual({ value: 0.75, low: 0.75, high: 0.75 });
  });

  it('is computed by episode, over seeds that are drawn whole', () => {
    const sums = (steps: readonly (readonly [readonly number[], readonly number[]])[]) =>
      steps.flatMap(([p, y]) => {
        const own = new Array<number>(IMITATION_SUMS).fill(0);
        addStep(own, 0, scoreStep(p, 0, y, 0, 2));
        return own;
      });
    const found = imitationScore({
      tasks: ['a'],
      sums: [sums([wrong, right]), sums([right, right])],
      random: Random.seeded(0),
      resamples: 200,
    });
    expect(found.byEpisode.accuracy).toEqual({ value: [0.5, 1], low: [0, 1], high: [1, 1] });
    expect(found.accuracy.value).toBe(0.75);
    // A model is wrong on all tasks or on none, so its training seed is what varies.
    const many = { tasks: ['a', 'b', 'c', 'd'], random: Random.seeded(0), resamples: 200 };
    const [never, always] = [wrong, right].map(step => many.tasks.flatMap(() => sums([step])));
    expect(imitationScore({ ...many, sums: [never, always] }).accuracy).toMatchObject({ low: 0, high: 1 });
  });

  it('is refused where sums are missing, or an episode has no step', () => {
    const random = Random.seeded(0);
    expect(() => imitationScore({ tasks: ['a', 'b'], sums: [[1, 2, 3]], random })).toThrow(failure('E_SHAPE', 2, '[3]'));
    const empty = [new Array<number>(IMITATION_SUMS).fill(0)];
    expect(() => imitationScore({ tasks: ['a'], sums: empty, random })).toThrow(failure('E_DATA', 1));
  });
});

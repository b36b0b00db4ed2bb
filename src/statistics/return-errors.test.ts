import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { replay } from '../play/replay.ts';
import { actionDistribution, type Feedback, type History, type Policy } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { oracleScales } from './reference.ts';
import { lastReturns, meanReturns, returnError } from './return-errors.ts';

// Two histories of three episodes.
const actual = { tasks: ['near', 'far'], returns: [0, 4, 8, 0, 1, 2] };
const scales = oracleScales([
  ['near', 8],
  ['far', 2],
]);
const errorOf = (...predicted: number[][]) => returnError({ actual, predicted, count: 2, scales, random: Random.seeded(0), resamples: 50 });
/** Says the truth. Of episodes that are not there it says nonsense, which nobody reads. */
const perfect = [0, 4, 4, 8, 8, 99, 0, 1, 1, 2, 2, 99];

describe('return-prediction error', () => {
  it('is 0 of the truth', () => {
    const nothing = { mean: 0, low: 0, high: 0 };
    expect(errorOf(perfect)).toMatchObject({
      absolute: nothing,
      squared: nothing,
      byEpisode: { absolute: [0, 0, 0], squared: [0, 0, 0] },
      byAhead: { absolute: [0, 0], squared: [0, 0] },
    });
  });

  it('is a fraction of the oracle of the own task, by episode and by how far ahead', () => {
    // Off by 4 of 8 at the second episode's start, for the episode after it; off by 2 of 2 at the third's.
    const predicted = perfect.with(3, 12).with(10, 0);
    const { absolute, squared, byEpisode, byAhead } = errorOf(predicted);
    expect(absolute.mean).toBeCloseTo((0.5 + 1) / 10, 12);
    expect(squared.mean).toBeCloseTo((0.25 + 1) / 10, 12);
    expect(byEpisode.absolute).toEqual([0, 0.5 / 4, 1 / 2]);
    expect(byAhead.absolute).toEqual([1 / 6, 0.5 / 4]);
    expect(byAhead.squared).toEqual([1 / 6, 0.25 / 4]);
  });

  it('is calibrated by bins of what is predicted', () => {
    expect(errorOf(perfect).calibration!.error).toBe(0);
    // 0.4 of the oracle's return is predicted ten times; what came is 0, 0.5, 0.5, 1 and 1, twice.
    const guess = Array.from({ length: 12 }, (_, i) => (i < 6 ? 0.4 * 8 : 0.4 * 2));
    const { error, bins } = errorOf(guess).calibration!;
    expect(error).toBeCloseTo(0.6 - 0.4, 12);
    expect(bins).toHaveLength(10);
    expect([bins[4].share, bins[4].actual]).toEqual([1, 0.6]);
    expect(bins[4].predicted).toBeCloseTo(0.4, 12);
    expect(bins[5]).toEqual({ share: 0, predicted: null, actual: null });
    // What is predicted beyond the oracle's return, or below 0, counts in the outermost bins.
    const wild = errorOf(Array.from({ length: 12 }, (_, i) => (i === 0 ? -8 : i < 6 ? 16 : 4)));
    expect(wild.calibration!.bins.map(({ share }) => share)).toEqual([0.1, ...Array(8).fill(0), 0.9]);
  });

  it('is the mean over seeds', () => {
    const predicted = perfect.with(0, 8);
    expect(errorOf(predicted, perfect).absolute.mean).toBeCloseTo(errorOf(predicted).absolute.mean / 2, 12);
    // A predictor that is wrong by 1 on all tasks, and one that never is: the training seed is what varies.
    const tasks = ['a', 'b', 'c', 'd'];
    const single = { actual: { tasks, returns: [1, 1, 1, 1] }, scales: oracleScales(tasks.map(task => [task, 1])), count: 1 };
    const { absolute } = returnError({
      ...single,
      predicted: [
        [2, 2, 2, 2],
        [1, 1, 1, 1],
      ],
      random: Random.seeded(0),
      resamples: 200,
    });
    expect([absolute.mean, absolute.low, absolute.high]).toEqual([0.5, 0, 1]);
  });

  it('of the references is what their words say', () => {
    expect(lastReturns(actual, 2)).toEqual([0, 0, 0, 0, 4, 4, 0, 0, 0, 0, 1, 1]);
    const one = [1, 2, 2, 3, 3, 0];
    expect(meanReturns(actual, [1, 2, 3], 2)).toEqual([...one, ...one]);
  });

  it('refuses predictions of another shape, and a task without a return to divide by', () => {
    expect(() => errorOf([1, 2])).toThrow(failure('E_SHAPE', /\b2\b.* × 3\b.* × 2\b/, '[2]'));
    const poor = { actual, predicted: [perfect], count: 2, scales: oracleScales([['near', 8]]), random: Random.seeded(0) };
    expect(() => returnError(poor)).toThrow(failure('E_DATA', 'far', 'undefined'));
  });
});

describe('a replay', () => {
  const make = (steps: number, from: number): History => ({
    task: {},
    taskKey: 'toy',
    stream: '',
    observation: Float32Array.from({ length: 2 * steps }, (_, i) => from + i),
    action: Int32Array.from({ length: steps }, (_, t) => from + t),
    probabilities: new Float32Array(steps),
    reward: Float32Array.from({ length: steps }, (_, t) => from + t),
    nextObservation: Float32Array.from({ length: 2 * steps }, (_, i) => from + i + 2),
    terminated: Uint8Array.from({ length: steps }, (_, t) => Number(t === steps - 1)),
    truncated: new Uint8Array(steps),
  });

  it('shows every history as it was, each as long as it is', async () => {
    const histories = [make(3, 0), make(1, 50)];
    const seen: number[][] = [];
    const observed: Feedback[] = [];
    const policy: Policy = {
      actions: actionDistribution({ kind: 'discrete', n: 2 }),
      reset: size => expect(size).toBe(2),
      async act(observation) {
        seen.push([...observation]);
        return new Float32Array(4);
      },
      async observe(feedback) {
        observed.push(feedback);
      },
    };
    const steps: number[][] = [];
    await replay({ histories, policy, onStep: (i, t) => steps.push([i, t]) });
    // The shorter one begins again, which is none of its steps.
    expect(seen).toEqual([
      [0, 1, 50, 51],
      [2, 3, 50, 51],
      [4, 5, 50, 51],
    ]);
    expect(steps).toEqual([
      [0, 0],
      [1, 0],
      [0, 1],
      [0, 2],
    ]);
    expect(observed.map(({ observation }) => [...observation])).toEqual(seen);
    expect(observed.map(({ action, reward, terminated }) => [...action, ...reward, ...terminated])).toEqual([
      [0, 50, 0, 50, 0, 1],
      [1, 50, 1, 50, 0, 1],
      [2, 50, 2, 50, 1, 1],
    ]);
    expect([...observed[0].nextObservation]).toEqual([2, 3, 52, 53]);
  });
});

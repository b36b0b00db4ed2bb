import { describe, expect, it } from 'vitest';
import { carrying, failure } from '../../test/helpers/failure.ts';
import { Random } from '../util/random.ts';
import { describeIntervals, methodResult, methodResultPieces } from './method.ts';
import { oracleReference } from './reference.ts';

const cost = { flopsPerAction: 1e6, stateBytes: 512, historyBytes: 256 };
const reference = oracleReference([
  ['near', 10],
  ['far', 5],
]);

describe('methodResult', () => {
  it('comes in pieces of one interval each, so that a signal is heard between them', () => {
    const work = () => methodResultPieces({ seeds, episodes: 6, reference, cost, random: Random.seeded(0), resamples: 10 });
    // Episodes, and the 21 thresholds of the profile.
    expect([...work()].length).toBeGreaterThan(6 + 21);
  });

  // Six episodes: the last five are 2..6 times a tenth (near) or a fifth (far) of optimal.
  const near = [0, 2, 3, 4, 5, 6];
  const seeds = [
    { returns: [...near, ...near], tasks: ['near', 'far'] },
    { returns: [...near, ...near], tasks: ['far', 'near'] },
  ];
  const result = methodResult({ seeds, episodes: 6, reference, cost, random: Random.seeded(0), resamples: 100 });

  it('divides by the oracle of the own task', () => {
    expect(result.byEpisode.mean[1]).toBeCloseTo((2 / 10 + 2 / 5) / 2, 12);
    expect(result.perTask).toEqual([
      { task: 'near', oracle: 10, mean: 0.4 },
      { task: 'far', oracle: 5, mean: 0.8 },
    ]);
  });

  it('takes the last five episodes as the final score', () => {
    expect(result.final.mean).toBeCloseTo(0.6, 12);
    expect(result.final.iqm).toBeCloseTo(0.6, 12);
  });

  it('resamples within tasks: equal runs a task leave no width', () => {
    expect(result.final.meanLow).toBeCloseTo(0.6, 12);
    expect(result.final.high).toBeCloseTo(0.6, 12);
  });

  it('carries the cost and one number an episode', () => {
    expect(result).toMatchObject(cost);
    for (const column of Object.values(result.byEpisode)) expect(column).toHaveLength(6);
  });

  it('survives JSON', () => {
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  });

  it('brackets the mean where runs differ', () => {
    const random = Random.seeded(1);
    const tasks = Array.from({ length: 40 }, (_, i) => (i % 2 ? 'near' : 'far'));
    const returns = Float64Array.from({ length: 80 }, () => random.uniform() * 5);
    const { final, byEpisode } = methodResult({ seeds: [{ returns, tasks }], episodes: 2, reference, cost, random });
    expect(final.meanLow < final.mean && final.mean < final.meanHigh).toBe(true);
    expect(byEpisode.low[0] < byEpisode.iqm[0] && byEpisode.iqm[0] < byEpisode.high[0]).toBe(true);
  });

  it('sums regret over the parts and keeps them apart, with intervals of the mean', () => {
    const regretParts = ['before', 'after'];
    // [streams × parts], worked by hand: totals 5, 3 and 1, 7.
    const given = [
      { ...seeds[0], regret: [4, 1, 2, 1] },
      { ...seeds[1], regret: [1, 0, 3, 4] },
    ];
    const run = (change: object) =>
      methodResult({ seeds: given, episodes: 6, reference, cost, random: Random.seeded(0), regretParts, resamples: 500, ...change });
    const { regret } = run({});
    expect([regret!.mean, ...regret!.parts.map(({ mean }) => mean)]).toEqual([4, 2.5, 1.5]);
    expect(regret!.parts.map(({ name }) => name)).toEqual(regretParts);
    // One stream of each seed on each task: near has 5 and 7, far has 3 and 1, so either seed has a mean of 4, which resampling seeds keeps.
    expect([regret!.low, regret!.high]).toEqual([4, 4]);
    expect(run({ seeds: [given[0]] }).regret).toMatchObject({ mean: 4, low: 4, high: 4 });
    // Over tasks and seeds: the second seed has 7 on near and 1 on far.
    const overTasks = run({ resampled: 'tasks' }).regret!;
    expect([overTasks.mean, overTasks.low, overTasks.high]).toEqual([4, 1, 7]);
    // Of the first seed alone: 5 on near, 3 on far.
    expect(run({ seeds: [given[0]], resampled: 'tasks' }).regret).toMatchObject({ mean: 4, low: 3, high: 5 });
    expect(result.regret).toBeUndefined();
    expect(() => run({ regretParts: ['all'] })).toThrow(failure('E_SHAPE', 0, 4, 2, 1));
    const none = () => methodResult({ seeds: given, episodes: 6, reference, cost, random: Random.seeded(0) });
    expect(none).toThrow(failure('E_SHAPE', 2, 0));
  });

  it('scores a single episode as it is', () => {
    const one = [{ returns: [5, 4], tasks: ['near', 'far'] }];
    const { final, byEpisode } = methodResult({ seeds: one, episodes: 1, reference, cost, random: Random.seeded(0), resamples: 50 });
    expect(final.mean).toBeCloseTo((0.5 + 0.8) / 2, 12);
    expect(byEpisode.mean).toEqual([final.mean]);
  });

  it('says what is wrong', () => {
    const run = (change: object) => methodResult({ seeds, episodes: 6, reference, cost, random: Random.seeded(0), ...change });
    expect(() => run({ episodes: 5 })).toThrow(failure('E_SHAPE', 0, 12, 2, 5));
    expect(() => run({ reference: oracleReference([['near', 10]]) })).toThrow(failure('E_DATA', 'far', 'undefined'));
    expect(() => run({ seeds: [] })).toThrow(failure('E_SHAPE'));
  });
});

describe('describeIntervals', () => {
  it('names the interval, the runs and the strata', () => {
    const intervalNote = (streams: number, tasks: number, seeds: number, resampled?: 'tasks') =>
      describeIntervals({ tasks, streams, seeds, resampled });
    expect(intervalNote(64, 8, 3)).toEqual(carrying('95%', 2000, 3, 64, 8));
    expect(intervalNote(64, 8, 1)).toEqual(carrying('95%', 2000, 64, 8));
    expect(intervalNote(1, 100, 3, 'tasks')).toEqual(carrying('95%', 2000, 100, '3 × 1'));
    expect(intervalNote(1, 100, 1, 'tasks')).toEqual(carrying('95%', 2000, 100));
    // Whatever the words are: what is resampled is not said alike where it differs.
    const all = [intervalNote(8, 8, 1), intervalNote(8, 8, 8), intervalNote(8, 8, 1, 'tasks'), intervalNote(8, 8, 8, 'tasks')];
    expect(new Set(all.map(text => text.replace(/\d+/g, '#'))).size).toBe(4);
  });
});

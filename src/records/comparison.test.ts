import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { aggregate } from '../statistics/aggregates.ts';
import { Random } from '../util/random.ts';
import { compareMethods, pairedDifference, probabilityOfImprovement, verdictOf, versusOthers, versusOthersPieces } from './comparison.ts';
import { drawsOf, type Run, runScore, runsOf, scoreMethod, scoresOf } from './raw-returns.ts';
import type { ReturnsTable } from './returns-format.ts';

const random = Random.seeded(4);

describe('probabilityOfImprovement', () => {
  it('is the mean over tasks of the share of pairs that are won, ties by half', () => {
    // 1 > 0, 1 = 1, 2 > 0, 2 > 1: 3.5 of 4 pairs. The second task ties.
    const { value } = probabilityOfImprovement([[1, 2], [0]], [[0, 1], [0]], { random });
    expect(value).toBe((0.875 + 0.5) / 2);
    expect(probabilityOfImprovement([[1]], [[0, 3]], { random }).value).toBe(0.5);
  });

  it('has the interval of the exact bootstrap distribution', () => {
    // Both 0: lost, both 1: won, with ¼ each.
    const at = (confidence: number) => probabilityOfImprovement([[0, 1]], [[0.5]], { random, confidence });
    expect(at(0.4)).toEqual({ value: 0.5, low: 0.5, high: 0.5 });
    expect(at(0.9)).toEqual({ value: 0.5, low: 0, high: 1 });
  });

  it('resamples the two rows independently, so that a row compared with itself has width', () => {
    const row = [[0, 1, 2, 3]];
    const { value, low, high } = probabilityOfImprovement(row, row, { random });
    expect(value).toBe(0.5);
    expect(low < 0.3 && high > 0.7).toBe(true);
  });

  it('draws whole tasks where tasks are a sample', () => {
    const at = (resampled: 'runs' | 'tasks') => probabilityOfImprovement([[1], [0]], [[0], [1]], { random, resampled });
    expect(at('runs')).toEqual({ value: 0.5, low: 0.5, high: 0.5 });
    expect(at('tasks')).toEqual({ value: 0.5, low: 0, high: 1 });
  });

  it('draws training seeds, which vary together on all tasks', () => {
    // The first seed wins everywhere, the second nowhere: with both drawn, or one of them twice, ½, 1 or 0.
    const at = (resampled: 'runs' | 'tasks', confidence: number) =>
      probabilityOfImprovement(
        [
          [1, 0],
          [1, 0],
          [1, 0],
        ],
        [[0.5], [0.5], [0.5]],
        { random, resampled, confidence, seeds: { after: 2, before: 1 } },
      );
    for (const resampled of ['runs', 'tasks'] as const) {
      expect(at(resampled, 0.4)).toEqual({ value: 0.5, low: 0.5, high: 0.5 });
      expect(at(resampled, 0.9)).toEqual({ value: 0.5, low: 0, high: 1 });
    }
  });

  it('wants the same tasks', () => {
    expect(() => probabilityOfImprovement([[1]], [[1], [2]], { random })).toThrow(failure('E_SHAPE', 1, 2));
  });
});

const run = (seed: number, stream: number, score: number): Run => ({ seed, stream, curve: Float64Array.of(score) });
const difference = (after: Run[][], before: Run[][], change: object = {}) =>
  pairedDifference(after, before, runScore.final, { random, confidence: 0.999, ...change });

describe('pairedDifference', () => {
  const before = [
    [run(0, 0, 0.5), run(0, 1, 0.6)],
    [run(0, 0, 0.3), run(0, 1, 0.2)],
  ];
  // Differences 0.4 and 0.1; −0.1 and 0. The runs of the first task are listed in another order.
  const after = [
    [run(0, 1, 0.7), run(0, 0, 0.9)],
    [run(0, 0, 0.2), run(0, 1, 0.2)],
  ];

  it('subtracts runs of the same task, seed and stream, and resamples pairs within tasks', () => {
    const { value, low, high, ...how } = difference(after, before);
    expect(how).toEqual({ by: 'run', pairs: 4, seeds: 1, resampled: 'runs' });
    expect(value).toBeCloseTo(0.1, 12);
    // Task means from 0.1 to 0.4, and from −0.1 to 0.
    expect([low, high]).toEqual([expect.closeTo(0, 12), expect.closeTo(0.2, 12)]);
  });

  it('subtracts task means where seeds or streams differ, and resamples tasks', () => {
    const others = before.map(runs => runs.map(({ stream, curve }) => ({ seed: 1, stream, curve })));
    for (const unpaired of [others, before.map(runs => [...runs, { ...runs[0], stream: 2, curve: runs[1].curve }])]) {
      const { value, low, high, ...how } = difference(after, unpaired);
      expect(how).toEqual({ by: 'task', pairs: 2, seeds: 1, resampled: 'tasks' });
      expect(value).toBeCloseTo((low + high) / 2, 12);
    }
    const { value, low, high } = difference(after, others);
    expect([value, low, high]).toEqual([expect.closeTo(0.1, 12), expect.closeTo(-0.05, 12), expect.closeTo(0.25, 12)]);
  });

  it('resamples tasks where they are a sample, and where each has one pair', () => {
    expect(difference(after, before, { resampled: 'tasks' })).toMatchObject({ by: 'run', pairs: 4, resampled: 'tasks' });
    const first = (rows: Run[][]) => rows.map(runs => runs.filter(({ stream }) => stream === 0));
    const { low, high, ...how } = difference(first(after), first(before));
    expect(how).toMatchObject({ by: 'run', pairs: 2, resampled: 'tasks' });
    expect([low, high]).toEqual([expect.closeTo(-0.1, 12), expect.closeTo(0.4, 12)]);
  });

  it('draws training seeds, so that a difference which turns round with the seed is none', () => {
    // Seed 0 is better by 0.4 on both tasks, seed 1 worse by 0.2, every stream alike.
    const of = (first: number, second: number) =>
      [0, 1].map(() => [0, 1].flatMap(seed => [0, 1, 2, 3].map(stream => run(seed, stream, seed === 0 ? first : second))));
    const { value, low, high, ...how } = difference(of(0.9, 0.3), of(0.5, 0.5), { confidence: 0.95 });
    expect(how).toEqual({ by: 'run', pairs: 16, seeds: 2, resampled: 'runs' });
    expect([value, low, high]).toEqual([expect.closeTo(0.1, 12), expect.closeTo(-0.2, 12), expect.closeTo(0.4, 12)]);
  });

  it('refuses a single pair', () => {
    expect(() => difference([[run(0, 0, 1)]], [[run(0, 0, 0)]])).toThrow(failure('E_DATA', 'split.heldOut', 'evaluate.streams'));
  });
});

it('the verdict follows the interval', () => {
  expect(verdictOf({ low: 0.01, high: 0.2 })).toBe('better');
  expect(verdictOf({ low: -0.2, high: -0.01 })).toBe('worse');
  expect(verdictOf({ low: -0.1, high: 0.1 })).toBe('not distinguishable');
  expect(verdictOf({ low: 0, high: 0 })).toBe('not distinguishable');
  // Of regret, less is better.
  expect([verdictOf({ low: 1, high: 2 }, 'lower'), verdictOf({ low: -2, high: -1 }, 'lower')]).toEqual(['worse', 'better']);
  // What rounding leaves of equal means is no difference.
  expect(verdictOf({ low: 1e-16, high: 2e-16 })).toBe('not distinguishable');
});

describe('rows of tables', () => {
  const table: ReturnsTable = {
    tasks: ['near', 'far'],
    oracle: [10, 5],
    streams: 2,
    episodes: 2,
    bootstrap: { seed: 0, resamples: 200, resampled: 'runs' },
    methods: {
      cad: {
        seeds: [0, 1],
        returns: [
          [2, 10, 4, 8, 1, 5, 2, 4],
          [3, 9, 5, 7, 2, 5, 3, 4],
        ],
      },
    },
  };
  const scaled = (share: number): ReturnsTable => ({
    ...table,
    methods: { cad: { ...table.methods.cad, returns: table.methods.cad.returns.map(list => list.map(value => share * value)) } },
  });
  const row = (of: ReturnsTable) => ({ table: of, method: 'cad' });

  it('are runs by task, seed by seed', () => {
    const runs = runsOf(table, 'cad');
    expect(runs.map(list => list.map(({ seed, stream }) => [seed, stream]))).toEqual(
      new Array(2).fill([
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
      ]),
    );
    expect(Array.from(runs[1][2].curve)).toEqual([2 / 5, 5 / 5]);
    expect(scoresOf(table, 'cad', 'area')[0]).toEqual(new Array(4).fill(expect.closeTo(0.6, 12)));
  });

  it('are summed up and resampled as the results are', () => {
    const result = scoreMethod(table, 'cad', { flopsPerAction: 0, stateBytes: 0, historyBytes: 0 });
    for (const measure of ['final', 'area'] as const) {
      const { iqm, mean } = aggregate(scoresOf(table, 'cad', measure), drawsOf(table, 'cad'));
      const { iqm: value, low, high, meanLow, meanHigh } = result[measure]!;
      expect([iqm, mean]).toEqual([
        { value, low, high },
        { value: result[measure]!.mean, low: meanLow, high: meanHigh },
      ]);
    }
  });

  it('compared with themselves are not distinguishable, by any measure', () => {
    const { measures, measure, verdict } = compareMethods(row(table), row(structuredClone(table)), 'final');
    expect([measure, verdict]).toEqual(['final', 'not distinguishable']);
    for (const { before, after, difference, improvement } of Object.values(measures)) {
      expect(before).toBe(after);
      expect(difference).toEqual({ value: 0, low: 0, high: 0, by: 'run', pairs: 8, seeds: 2, resampled: 'runs' });
      expect(improvement.value).toBe(0.5);
    }
  });

  it('are worse where less was earned, and better the other way round', () => {
    const { verdict, measures } = compareMethods(row(table), row(scaled(0.5)), 'area');
    expect(verdict).toBe('worse');
    expect(measures.area!.difference.value).toBeCloseTo(-measures.area!.before / 2, 12);
    expect(measures.area!.improvement.value).toBe(0);
    expect(compareMethods(row(scaled(0.5)), row(table), 'final').verdict).toBe('better');
  });

  it('have regret where the family declares it, and less of it is better', () => {
    const withRegret = (share: number): ReturnsTable => ({
      ...table,
      regretParts: ['before', 'after'],
      methods: { cad: { ...table.methods.cad, regret: [0, 1].map(k => [4, 1, 5, 2, 3, 3, 6, 1].map(part => share * (part + k))) } },
    });
    const { measures, verdict } = compareMethods(row(withRegret(1)), row(withRegret(0.5)), 'regret');
    // Of the first seed 5, 7, 6, 7 in all; of the second two more each.
    expect(runsOf(withRegret(1), 'cad').map(runs => runs.map(({ regret }) => regret))).toEqual([
      [5, 7, 7, 9],
      [6, 7, 8, 9],
    ]);
    expect([measures.regret!.before, measures.regret!.after, verdict]).toEqual([7.25, 3.625, 'better']);
    expect(measures.regret!.improvement.value).toBe(1);
    expect(compareMethods(row(withRegret(0.5)), row(withRegret(1)), 'regret').verdict).toBe('worse');
    expect(() => compareMethods(row(table), row(table), 'regret')).toThrow(failure('E_DATA', 'area, final'));
  });

  it('are compared task by task, in whatever order the tables list them', () => {
    const turned: ReturnsTable = {
      ...table,
      tasks: ['far', 'near'],
      oracle: [5, 10],
      methods: { cad: { ...table.methods.cad, returns: table.methods.cad.returns.map(list => [...list.slice(4), ...list.slice(0, 4)]) } },
    };
    expect(compareMethods(row(table), row(turned), 'final')).toEqual(compareMethods(row(table), row(table), 'final'));
  });

  it('are compared with every other of their table', () => {
    const both: ReturnsTable = { ...table, methods: { ...table.methods, half: scaled(0.5).methods.cad, same: table.methods.cad } };
    const versus = versusOthers(both, 'cad')!;
    expect(versus.method).toBe('cad');
    expect(Object.entries(versus.others).map(([name, { verdict }]) => [name, verdict])).toEqual([
      ['half', 'better'],
      ['same', 'not distinguishable'],
    ]);
    expect(versus.others.half).toEqual(compareMethods(row(scaled(0.5)), row(table), 'final', 200));
    // Of the eight runs six earn 0.6 over both episodes, two 0.7: 0.625, less half of it.
    expect(versus.others.half.measures.final!.difference.value).toBeCloseTo(0.3125, 12);
    // Two comparisons by two measures, each with a difference and a probability.
    expect([...versusOthersPieces(both, 'cad')]).toHaveLength(2 * 2 * 2);
    expect([versusOthers(table, 'cad'), versusOthers(both, 'none')]).toEqual([undefined, undefined]);
  });
});

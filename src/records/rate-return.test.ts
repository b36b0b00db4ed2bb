import { expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { type ReturnsTable, rateReturn, scoreMethod } from './index.ts';

/** Two tasks (oracles 10 and 4), one seed, two streams, one episode: returns by task and stream. */
const raw = (methods: Record<string, number[]>): ReturnsTable => ({
  tasks: ['a', 'b'],
  oracle: [10, 4],
  streams: 2,
  episodes: 1,
  bootstrap: { seed: 0, resamples: 500, resampled: 'runs' },
  methods: Object.fromEntries(Object.entries(methods).map(([name, returns]) => [name, { seeds: [0], returns: [returns] }])),
});

const tableOf = (table: ReturnsTable, bits: Record<string, number>) =>
  Object.fromEntries(
    Object.keys(table.methods).map(name => [
      name,
      scoreMethod(table, name, { flopsPerAction: 0, stateBytes: 0, historyBytes: 0, bitsPerContext: bits[name] }),
    ]),
  );

const table = raw({
  teacher: [10, 5, 4, 2], // normalized 1, 0.5, 1, 0.5: 0.75
  big: [10, 5, 4, 2],
  middle: [10, 5, 3.6, 2], // 1, 0.5, 0.9, 0.5: 0.725, of 0.75
  small: [5, 5, 2, 2], // 0.5
});
const methods = tableOf(table, { big: 64, middle: 32, small: 8 });
const groups = new Map([
  ['big', 'codes'],
  ['small', 'codes'],
  ['middle', 'codes'],
]);

it("divides by the reference's score, orders by bits, and names the smallest that keeps a share", () => {
  const { points, smallest, reference } = rateReturn(methods, table, groups, 'teacher');
  expect(reference).toBe('teacher');
  expect(points.map(({ method, bits }) => [method, bits])).toEqual([
    ['small', 8],
    ['middle', 32],
    ['big', 64],
  ]);
  const means = points.map(({ final }) => final.mean);
  expect(means[0]).toBeCloseTo(2 / 3, 12);
  expect(means[1]).toBeCloseTo(0.725 / 0.75, 12);
  expect(means[2]).toBe(1);
  // The same runs of both are drawn: equal rows are equal in every resample.
  expect(points[2].final).toEqual({ mean: 1, low: 1, high: 1 });
  // The worst resample draws only runs that lost half: 0.5 / 1; none draws better than 0.5 / 0.5.
  expect([points[0].final.low, points[0].final.high]).toEqual([0.5, 1]);
  const pick = (share: number, by: string) => smallest.find(each => each.share === share && each.by === by)!.method;
  expect([pick(0.95, 'mean'), pick(0.99, 'mean'), pick(0.99, 'low')]).toEqual(['middle', 'big', 'big']);
  // One episode: the last ones are all.
  expect(points.map(({ area }) => area)).toEqual(points.map(({ final }) => final));
});

it('has no smallest where none keeps the share', () => {
  const { smallest } = rateReturn(methods, table, new Map([['small', 'codes']]), 'teacher');
  expect(smallest.map(({ method }) => method)).toEqual([null, null, null, null]);
});

it('refuses rows without latents and references that earn nothing', () => {
  expect(() => rateReturn(methods, table, new Map([['teacher', 'x']]), 'teacher')).toThrow(failure('E_DATA', '"teacher"'));
  const poor = raw({ teacher: [0, 0, 0, 0], big: [1, 1, 1, 1] });
  expect(() => rateReturn(tableOf(poor, { big: 1 }), poor, new Map([['big', 'x']]), 'teacher')).toThrow(failure('E_DATA'));
  // In some resamples it earns nothing, so a share of it would be infinite.
  const lucky = raw({ teacher: [10, 0, 0, 0], big: [1, 1, 1, 1] });
  expect(() => rateReturn(tableOf(lucky, { big: 1 }), lucky, new Map([['big', 'x']]), 'teacher')).toThrow(failure('E_DATA'));
});

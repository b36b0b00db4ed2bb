import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { Random } from '../util/random.ts';
import { methodResult } from './method.ts';
import {
  givenReference,
  measuredReference,
  oracleReference,
  recordedReference,
  referenceIn,
  referenceOf,
  referenceWords,
} from './reference.ts';
import type { SeedReturns } from './returns-format.ts';

const TASKS = ['near', 'far'];
const seed = (...returns: number[]): SeedReturns => ({ tasks: TASKS, returns });
/** Six episodes on either task. On "far" the source is worse than chance. */
const random = [seed(1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 8), seed(3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2)];
const source = [seed(0, 8, 8, 8, 8, 8, 0, 2, 2, 2, 2, 2)];
const rows = { random, source, episodes: 6 };
const cost = { flopsPerAction: 1, stateBytes: 1, historyBytes: 1 };

describe('a measured reference', () => {
  // Chance earns 2 and 2.5, the source 8 and 2 in its last five episodes: 2.75 more on average.
  it('starts at chance on each task, and is as far on all as the source is above chance on average', () => {
    const { kind, scales } = measuredReference(rows);
    expect([kind, ...scales]).toEqual(['measured', ['near', { low: 2, high: 4.75 }], ['far', { low: 2.5, high: 5.25 }]]);
  });

  it('takes all episodes of the source where there are no more than five', () => {
    const short = { random: [seed(0, 0, 0, 0)], source: [seed(1, 3, 2, 2)], episodes: 2 };
    expect([...measuredReference(short).scales.values()]).toEqual(new Array(2).fill({ low: 0, high: 2 }));
  });

  it('gives chance 0 and the source 1 on average, and makes a mean score the mean return in other units', () => {
    const reference = measuredReference(rows);
    const scored = (seeds: SeedReturns[]) => methodResult({ seeds, episodes: 6, reference, cost, random: Random.seeded(0), resamples: 20 });
    const [chance, learner] = [scored(random), scored(source)];
    expect([chance.area!.mean, learner.final.mean]).toEqual([expect.closeTo(0, 12), expect.closeTo(1, 12)]);
    expect(learner.perTask).toEqual([
      { task: 'near', low: 2, high: 4.75, return: 8, mean: expect.closeTo(6 / 2.75, 12) },
      { task: 'far', low: 2.5, high: 5.25, return: 2, mean: expect.closeTo(-0.5 / 2.75, 12) },
    ]);
    expect([learner.reference, learner.return!.mean]).toEqual([{ kind: 'measured', low: 2.25, high: 5 }, 5]);
    expect(referenceIn({ learner })).toEqual(learner.reference);
  });

  it('is refused where the source is no better than chance', () => {
    expect(() => measuredReference({ ...rows, source: [seed(...new Array(12).fill(2.25))] })).toThrow(
      failure('E_DATA', 'evaluate.reference', 2.25),
    );
  });
});

describe('a table of raw returns', () => {
  it.each([
    [
      'an oracle',
      oracleReference([
        ['near', 4],
        ['far', 2],
      ]),
      { oracle: [4, 2] },
    ],
    ['two given returns', givenReference(TASKS, { low: -1, high: 3 }), { reference: { kind: 'given', low: [-1, -1], high: [3, 3] } }],
    ['a measurement', measuredReference(rows), { reference: { kind: 'measured', low: [2, 2.5], high: [4.75, 5.25] } }],
  ] as const)('records %s and has it again', (_, reference, recorded) => {
    expect(recordedReference(TASKS, reference)).toEqual(recorded);
    expect(referenceOf({ tasks: TASKS, ...recordedReference(TASKS, reference) })).toEqual(reference);
  });

  it('has one for every task, each with a distance', () => {
    expect(() => recordedReference([...TASKS, 'other'], givenReference(TASKS, { low: 0, high: 1 }))).toThrow(failure('E_DATA', 'other'));
    expect(() => recordedReference(TASKS, givenReference(TASKS, { low: 1, high: 1 }))).toThrow(failure('E_DATA', 'near'));
    expect(() => referenceOf({ tasks: TASKS, oracle: [1] })).toThrow(failure('E_SHAPE', 2, 1));
  });
});

it('is put into words that carry its numbers', () => {
  for (const kind of ['given', 'measured'] as const) expect(referenceWords(kind, ['-2.5', '17']).meaning).toMatch(/-2\.5\b.*\b17\b/);
  expect(referenceWords('oracle', ['0', '17']).meaning).toContain('17');
});

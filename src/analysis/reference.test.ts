import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { experimentSchema } from '../config/experiment.ts';
import { environment } from '../envs/index.ts';
import { knownReference, referenceKind } from './reference.ts';

const known = environment('dark-room', { size: 3, horizon: 6 });
const { oracleReturn: _, ...unknown } = known;
const tasks = known.tasks!().slice(0, 2);
const [first, second] = tasks.map(known.taskKey);
const settings = (reference?: unknown, source: object = {}) => experimentSchema().parse({ name: 'x', source, evaluate: { reference } });
const imported = { dataset: 'somewhere' };

describe('referenceKind', () => {
  it('is the oracle where there is one, else measured, and else what is set', () => {
    expect([known, unknown].map(family => referenceKind(settings(), family))).toEqual(['oracle', 'measured']);
    expect(referenceKind(settings('measured'), known)).toBe('measured');
    for (const family of [known, unknown]) expect(referenceKind(settings({ low: 0, high: 1 }), family)).toBe('given');
  });

  it('is refused where there is no oracle, or nobody to measure', () => {
    expect(() => referenceKind(settings('oracle'), unknown)).toThrow(failure('E_CONFIG', 'oracleReturn', 'dark-room'));
    expect(() => referenceKind(settings(undefined, imported), unknown)).toThrow(
      failure('E_CONFIG', 'source.dataset', 'evaluate.reference'),
    );
    expect(() => referenceKind(settings('measured', imported), known)).toThrow(failure('E_CONFIG', 'evaluate.reference'));
    expect(referenceKind(settings(undefined, imported), known)).toBe('oracle');
    expect(referenceKind(settings({ low: 0, high: 1 }, imported), unknown)).toBe('given');
  });
});

describe('knownReference', () => {
  it('has the scales of all tasks, where nothing has to be measured', () => {
    expect([...knownReference(settings(), known, tasks)!.scales]).toEqual([
      [first, { low: 0, high: known.oracleReturn!(tasks[0]) }],
      [second, { low: 0, high: known.oracleReturn!(tasks[1]) }],
    ]);
    expect([...knownReference(settings({ low: -1, high: 4 }), unknown, tasks)!.scales.values()]).toEqual(
      new Array(2).fill({ low: -1, high: 4 }),
    );
    expect(knownReference(settings(), unknown, tasks)).toBeUndefined();
  });
});

it.each([{ low: 1, high: 1 }, { low: 2 }, { high: 2 }, { low: 0, high: 1, other: 2 }, 'best', 3])(
  'evaluate.reference %j is refused',
  reference => {
    expect(experimentSchema().safeParse({ name: 'x', evaluate: { reference } }).error!.issues[0].path.slice(0, 2)).toEqual([
      'evaluate',
      'reference',
    ]);
  },
);

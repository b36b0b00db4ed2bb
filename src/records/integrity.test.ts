import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { carrying, failure } from '../../test/helpers/failure.ts';
import { comparisonFaults, describeSelection, expectComparable, type Rows, rowsOf } from './integrity.ts';
import type { Protocol, Results } from './results-format.ts';

const protocol: Protocol = {
  env: { id: 'dark-room' },
  side: 'test',
  episodes: 30,
  streams: 20,
  sampling: 'sample',
  split: { train: 73, test: 2, overlap: 0 },
  selection: { by: 'validation', tasks: ['goal=3,3'] },
};
const tasks = [
  { task: 'goal=0,1', oracle: 15 },
  { task: 'goal=8,8', oracle: 12 },
];
const rows = (name: string, change: Partial<Protocol> = {}, played: Rows['tasks'] = tasks): Rows => ({
  name,
  protocol: { ...protocol, ...change },
  tasks: played,
});
const faults = (...all: Rows[]) => comparisonFaults(all);

describe('rows that may stand side by side', () => {
  it('played the same tasks alike, in whatever order and with however many streams', () => {
    const other = rows('b', { streams: 5, split: { train: 60, test: 2, overlap: 0 } }, [...tasks].reverse());
    expect(faults(rows('a'), other)).toEqual([]);
    expect(() => expectComparable([rows('a'), other])).not.toThrow();
  });

  it('are of one environment, however its options are ordered', () => {
    const at = (options: Record<string, unknown>) => ({ env: { id: 'dark-room', options } });
    expect(faults(rows('a', at({ size: 5, horizon: 9 })), rows('b', at({ horizon: 9, size: 5 })))).toEqual([]);
    const one = [failure('E_SPLIT', /\ba\b.*dark-room, b\b.*dark-room \(size 17\)/, 'env')];
    expect(faults(rows('a'), rows('b', at({ size: 17 })))).toEqual(one);
  });

  it('share every test task, by content', () => {
    expect(faults(rows('a'), rows('b', {}, [tasks[0], { task: 'goal=4,4', oracle: 20 }]))).toEqual([
      failure('E_SPLIT', /^a and b\b/, '2 and 2', 1, 'split.heldOut'),
    ]);
    expect(faults(rows('a'), rows('b', {}, [tasks[0]]))).toHaveLength(1);
    expect(faults(rows('a'), rows('b', { side: 'validation' }, []))).toEqual([failure('E_SPLIT', '(test, validation)')]);
    // Equal names are not enough.
    expect(faults(rows('a'), rows('b', {}, [tasks[0], { ...tasks[1], oracle: 11 }]))).toEqual([
      failure('E_SPLIT', 'goal=8,8', /\b12 in a\b/, /\b11 in b\b/),
    ]);
  });

  it('are scored by the same reference', () => {
    const scored = (name: string, kind: 'given' | 'measured', high: number) => ({
      ...rows(
        name,
        {},
        tasks.map(({ task }) => ({ task, low: 0, high })),
      ),
      reference: { kind, low: 0, high },
    });
    expect(faults(scored('a', 'given', 9), scored('b', 'given', 9 + 1e-12))).toEqual([]);
    const refused = [failure('E_DATA', /\ba\b/, /\bb\b/, 'evaluate.reference')];
    expect(faults(scored('a', 'given', 9), scored('b', 'given', 8))).toEqual(refused);
    expect(faults(scored('a', 'given', 9), scored('b', 'measured', 9))).toEqual(refused);
    expect(faults(rows('a'), scored('b', 'measured', 9))).toEqual(refused);
    // Before anything is measured, by what it will be measured on.
    const planned = (name: string, measuredOn: string) => ({ ...rows(name, {}, [{ task: 'goal=0,1' }]), measuredOn });
    expect(faults(planned('a', 'ucb'), planned('b', 'ucb'))).toEqual([]);
    expect(faults(planned('a', 'ucb'), planned('b', 'r-max'))).toEqual([failure('E_DATA', 'ucb', 'r-max', 'evaluate.reference')]);
  });

  it('were played for as many episodes, with actions taken alike', () => {
    expect(faults(rows('a'), rows('b', { episodes: 10 }), rows('c', { sampling: 'greedy' }))).toEqual([
      failure('E_DATA', /\ba\b.*evaluate\.episodes 30, b 10\b/),
      failure('E_DATA', /\ba\b.*evaluate\.sampling sample, c greedy\b/),
    ]);
  });

  it('were not trained on what they are tested on', () => {
    expect(faults(rows('a', { split: { train: 73, test: 2, overlap: 1 } }))).toEqual([failure('E_SPLIT', /^a\b/, 1)]);
  });

  it('were not selected on test tasks: neither said so, nor by the tasks that were recorded', () => {
    expect(faults(rows('a', { selection: { by: 'test' } }))).toEqual([failure('E_SPLIT', /\btest\b.*\bvalidation\b/)]);
    const seen: Protocol['selection'] = { by: 'validation', tasks: ['goal=3,3', 'goal=8,8'] };
    expect(faults(rows('a', { selection: seen }))).toEqual([failure('E_SPLIT', 1, 'selection.tasks')]);
    // Scores on validation tasks are what settings are chosen by.
    expect(faults(rows('a', { selection: seen, side: 'validation' }))).toEqual([]);
  });

  it('are refused with the first reason and the others, under the code of the first', () => {
    const refused = () => expectComparable([rows('a', { selection: { by: 'test' } }), rows('b', { episodes: 10 })]);
    expect(refused).toThrow(failure('E_SPLIT', /\ba\b.*\b1 more: a\b.*evaluate\.episodes/));
  });
});

describe('rowsOf', () => {
  const methods = { cad: { perTask: tasks.map(each => ({ ...each, mean: 1 })) } };
  const results = { name: 'main', methods, tables: { far: methods }, protocols: { main: protocol, far: protocol } } as unknown as Results;

  it('takes a table of results', () => {
    expect(rowsOf(results, 'far', 'runs/x: far')).toEqual({ name: 'runs/x: far', protocol, tasks: methods.cad.perTask });
    expect(() => rowsOf(results, 'near')).toThrow(failure('E_DATA', '"near"', 'main, far'));
  });

  it('tells of older results what they say of themselves, and of their further tables nothing', () => {
    const file = new URL('../../docs/results/dark-room-full/results.json', import.meta.url);
    const { protocols: _, ...older } = JSON.parse(readFileSync(file, 'utf8')) as Results;
    const { protocol: found, tasks: played } = rowsOf(older);
    expect(found).toMatchObject({ env: { id: 'dark-room' }, side: 'test', episodes: 30, streams: 20, sampling: 'sample' });
    expect([found.split.overlap, found.selection, played.length]).toEqual([0, { by: 'unstated' }, 8]);
    expect(() => rowsOf(older, Object.keys(older.tables!)[0])).toThrow(failure('E_DATA'));
  });
});

it('says how settings were chosen', () => {
  const told = describeSelection({ by: 'validation', study: 'ab'.repeat(32), tasks: ['x', 'y'], note: 'best of 9' });
  expect(told).toEqual(carrying('validation', 'ab'.repeat(6), 2, 'best of 9'));
  const rules = (['preset', 'validation', 'test', 'unstated'] as const).map(by => describeSelection({ by }));
  expect(new Set(rules).size).toBe(4);
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { carrying, failure } from '../../test/helpers/failure.ts';
import { type ComparableTable, comparableTable, comparisonFaults, describeSelection, expectComparable } from './integrity.ts';
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
const rows = (name: string, change: Partial<Protocol> = {}, played: ComparableTable['tasks'] = tasks): ComparableTable => ({
  name,
  protocol: { ...protocol, ...change },
  tasks: played,
});
const faults = (...all: ComparableTable[]) => comparisonFaults(all);

describe('rows that may stand side by side', () => {
  it('played the same tasks alike, in whatever order and with however many streams', () => {
    const other = rows('run-b', { streams: 5, split: { train: 60, test: 2, overlap: 0 } }, [...tasks].reverse());
    expect(faults(rows('run-a'), other)).toEqual([]);
    expect(() => expectComparable([rows('run-a'), other])).not.toThrow();
  });

  it('are of one environment, however its options are ordered', () => {
    const at = (options: Record<string, unknown>) => ({ env: { id: 'dark-room', options } });
    expect(faults(rows('run-a', at({ size: 5, horizon: 9 })), rows('run-b', at({ horizon: 9, size: 5 })))).toEqual([]);
    const one = [failure('E_SPLIT', 'run-a', 'run-b', 'dark-room', /\bsize\b.*\b17\b/, 'env')];
    expect(faults(rows('run-a'), rows('run-b', at({ size: 17 })))).toEqual(one);
  });

  it('share every test task, by content', () => {
    expect(faults(rows('run-a'), rows('run-b', {}, [tasks[0], { task: 'goal=4,4', oracle: 20 }]))).toEqual([
      failure('E_SPLIT', 'run-a', 'run-b', 2, 1, 'split.heldOut'),
    ]);
    expect(faults(rows('run-a'), rows('run-b', {}, [tasks[0]]))).toHaveLength(1);
    expect(faults(rows('run-a'), rows('run-b', { side: 'validation' }, []))).toEqual([failure('E_SPLIT', /\btest\b/, /\bvalidation\b/)]);
    // Equal names are not enough.
    expect(faults(rows('run-a'), rows('run-b', {}, [tasks[0], { ...tasks[1], oracle: 11 }]))).toEqual([
      failure('E_SPLIT', 'goal=8,8', 12, 'run-a', 11, 'run-b'),
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
    expect(faults(scored('run-a', 'given', 9), scored('run-b', 'given', 9 + 1e-12))).toEqual([]);
    const refused = [failure('E_DATA', 'run-a', 'run-b', 'evaluate.reference')];
    expect(faults(scored('run-a', 'given', 9), scored('run-b', 'given', 8))).toEqual(refused);
    expect(faults(scored('run-a', 'given', 9), scored('run-b', 'measured', 9))).toEqual(refused);
    expect(faults(rows('run-a'), scored('run-b', 'measured', 9))).toEqual(refused);
    // Before anything is measured, by what it will be measured on.
    const planned = (name: string, measuredOn: string) => ({ ...rows(name, {}, [{ task: 'goal=0,1' }]), measuredOn });
    expect(faults(planned('run-a', 'ucb'), planned('run-b', 'ucb'))).toEqual([]);
    expect(faults(planned('run-a', 'ucb'), planned('run-b', 'r-max'))).toEqual([failure('E_DATA', 'ucb', 'r-max', 'evaluate.reference')]);
  });

  it('were played for as many episodes, with actions taken alike', () => {
    expect(faults(rows('run-a'), rows('run-b', { episodes: 10 }), rows('run-c', { sampling: 'greedy' }))).toEqual([
      failure('E_DATA', 'run-a', 'run-b', 'evaluate.episodes', 30, 10),
      failure('E_DATA', 'run-a', 'run-c', 'evaluate.sampling', /\bsample\b/, /\bgreedy\b/),
    ]);
  });

  it('were not trained on what they are tested on', () => {
    expect(faults(rows('run-a', { split: { train: 73, test: 2, overlap: 1 } }))).toEqual([failure('E_SPLIT', 'run-a', 1)]);
  });

  it('were not selected on test tasks: neither said so, nor by the tasks that were recorded', () => {
    expect(faults(rows('run-a', { selection: { by: 'test' } }))).toEqual([failure('E_SPLIT', 'run-a', 'selection.by', 'evaluate.tasks')]);
    const seen: Protocol['selection'] = { by: 'validation', tasks: ['goal=3,3', 'goal=8,8'] };
    expect(faults(rows('run-a', { selection: seen }))).toEqual([failure('E_SPLIT', 1, 'selection.tasks')]);
    // Scores on validation tasks are what settings are chosen by.
    expect(faults(rows('run-a', { selection: seen, side: 'validation' }))).toEqual([]);
  });

  it('are refused with the first reason and the others, under the code of the first', () => {
    const refused = () => expectComparable([rows('run-a', { selection: { by: 'test' } }), rows('run-b', { episodes: 10 })]);
    expect(refused).toThrow(failure('E_SPLIT', 'selection.by', 'evaluate.episodes', 30, 10));
  });
});

describe('comparableTable', () => {
  const methods = { cad: { perTask: tasks.map(each => ({ ...each, mean: 1 })) } };
  const results = { name: 'main', methods, tables: { far: methods }, protocols: { main: protocol, far: protocol } } as unknown as Results;

  it('takes a table of results', () => {
    expect(comparableTable(results, 'far', 'runs/x: far')).toEqual({ name: 'runs/x: far', protocol, tasks: methods.cad.perTask });
    expect(() => comparableTable(results, 'near')).toThrow(failure('E_DATA', '"near"', 'main, far'));
  });

  it('tells of older results what they say of themselves, and of their further tables nothing', () => {
    const file = new URL('../../results/dark-room-full/results.json', import.meta.url);
    const { protocols: _, ...older } = JSON.parse(readFileSync(file, 'utf8')) as Results;
    const { protocol: found, tasks: played } = comparableTable(older);
    expect(found).toMatchObject({ env: { id: 'dark-room' }, side: 'test', episodes: 30, streams: 20, sampling: 'sample' });
    expect([found.split.overlap, found.selection, played.length]).toEqual([0, { by: 'unstated' }, 8]);
    expect(() => comparableTable(older, Object.keys(older.tables!)[0])).toThrow(failure('E_DATA'));
  });
});

it('says how settings were chosen', () => {
  const reported = describeSelection({ by: 'validation', study: 'ab'.repeat(32), tasks: ['x', 'y'], note: 'best of 9' });
  expect(reported).toEqual(carrying(describeSelection({ by: 'validation' }), 'ab'.repeat(6), 2, 'best of 9'));
  const rules = (['preset', 'validation', 'test', 'unstated'] as const).map(by => describeSelection({ by }));
  expect(new Set(rules).size).toBe(4);
});

import { expect, it } from 'vitest';
import { type MethodResult, methodResult, oracleReference } from '../../records/index.ts';
import { Random } from '../../util/random.ts';
import { formatTable } from '../index.ts';
import { resultColumns } from './format.ts';

/** Ten streams of one task: all optimal but one, which misses by `miss` in every episode; of an oracle that gets 1,000. */
function nearlyOptimal(miss: number, episodes: number): MethodResult {
  const tasks = Array.from({ length: 10 }, () => 'a');
  const returns = tasks.flatMap((_, i) => Array.from({ length: episodes }, () => (i === 0 ? 1000 - miss : 1000)));
  const cost = { flopsPerAction: 1e6, stateBytes: 2048, historyBytes: 35_200 };
  const random = Random.seeded(1);
  return methodResult({ seeds: [{ tasks, returns }], episodes, reference: oracleReference([['a', 1000]]), cost, random, resamples: 200 });
}

const cell = (method: MethodResult, title: string) =>
  resultColumns(method)
    .find(column => column.title === title)!
    .cell(method, '');

it('tells rows apart that are all near the optimum: the mean and the area with their intervals, to three digits', () => {
  const method = nearlyOptimal(40, 3);
  // A tenth of 0.04 is missing; a resample has the poor stream from no times to four.
  expect(cell(method, 'final [interval]')).toMatch(/^0\.996 \[0\.98\d, 1\.000\]$/);
  expect(cell(method, 'area [interval]')).toBe(cell(method, 'final [interval]'));
  expect(cell(method, 'IQM [interval]')).toMatch(/^1\.000 \[/);
});

it('counts the history that is kept beside what reaches the policy', () => {
  const method = nearlyOptimal(0, 2);
  expect([cell(method, 'state'), cell(method, 'history')]).toEqual(['2 KiB', '34.4 KiB']);
  expect(cell({ ...method, historyBytes: 0 }, 'history')).toBe('–');
});

it.each([
  [1, undefined],
  [3, '3'],
  [9, '5'],
])('says of how many episodes the end is: of %i, %s', (episodes, last) => {
  const [column] = resultColumns(nearlyOptimal(0, episodes)).filter(({ title }) => title.startsWith('final'));
  expect(/(\d+) episodes/.exec(column.meaning)?.[1]).toBe(last);
});

it('gives up the IQM before the area, both before the worst task, and the final mean never; then names are cut', () => {
  const methods = { cad: nearlyOptimal(40, 10), 'a row of a very long name': nearlyOptimal(0, 10) };
  const heads = (width: number) => {
    const lines = formatTable(methods, { width, color: false }).split('\n');
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(width);
    return ['final', 'IQM', 'area', 'worst', 'history'].filter(title => lines[0].includes(title));
  };
  expect(heads(170)).toEqual(['final', 'IQM', 'area', 'worst', 'history']);
  expect(heads(125)).toEqual(['final', 'area', 'worst']);
  expect(heads(70)).toEqual(['final', 'worst']);
  expect(heads(36)).toEqual(['final']);
});

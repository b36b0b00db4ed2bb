import { expect, it } from 'vitest';
import { type MethodResult, methodResult, oracleReference } from '../../records/index.ts';
import { Random } from '../../util/random.ts';
import { fittingTable } from '../terminal/results.ts';
import { rateTable, resultColumns, resultTable } from './format.ts';

/** Ten streams of one task: all optimal but one, which misses by `miss` in every episode; of an oracle that gets 1,000. */
function nearlyOptimal(miss: number, episodes: number): MethodResult {
  const tasks = Array.from({ length: 10 }, () => 'a');
  const returns = tasks.flatMap((_, i) => Array.from({ length: episodes }, () => (i === 0 ? 1000 - miss : 1000)));
  const cost = { flopsPerAction: 1e6, stateBytes: 2048, historyBytes: 35_200 };
  const random = Random.seeded(1);
  return methodResult({ seeds: [{ tasks, returns }], episodes, reference: oracleReference([['a', 1000]]), cost, random, resamples: 200 });
}

const cell = (method: MethodResult, id: string) =>
  resultColumns(method)
    .find(column => column.id === id)!
    .cell(method, '');

it('tells rows apart that are all near the optimum: the mean and the area with their intervals, to three digits', () => {
  const method = nearlyOptimal(40, 3);
  // A tenth of 0.04 is missing; a resample has the poor stream from no times to four.
  expect(cell(method, 'final')).toMatch(/^0\.996 \[0\.98\d, 1\.000\]$/);
  // The final score is over all episodes, so the area would repeat it.
  expect(resultColumns(method).map(({ id }) => id)).not.toContain('area');
  expect(cell(method, 'iqm')).toMatch(/^1\.000 \[/);
});

it('counts the stored history in addition to the input of the policy', () => {
  const method = nearlyOptimal(0, 2);
  expect([cell(method, 'state'), cell(method, 'history')]).toEqual(['2 KiB', '34.4 KiB']);
  expect(cell({ ...method, historyBytes: 0 }, 'history')).toBe('–');
});

it.each([
  [1, undefined],
  [3, '3'],
  [9, '5'],
])('says of how many episodes the end is: of %i, %s', (episodes, last) => {
  const [column] = resultColumns(nearlyOptimal(0, episodes)).filter(({ id }) => id === 'final');
  expect(/\d+/.exec(column.meaning)?.[0]).toBe(last);
});

it('gives up the IQM before the area, both before the worst task, and the final mean never; then names are cut', () => {
  const methods = { cad: nearlyOptimal(40, 10), 'a row of a very long name': nearlyOptimal(0, 10) };
  const columns = ['final', 'iqm', 'area', 'worst', 'history'];
  const table = resultTable(methods);
  // As wide as all that is left when the first goes, which follows from the titles.
  const widths = Array.from({ length: 170 - 36 + 1 }, (_, i) => 170 - i);
  const shown = widths.map(width => {
    const { text, shown } = fittingTable(table, { width, color: false });
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(width);
    return columns.filter(id => shown.includes(id)).join();
  });
  const steps = [...new Set(shown)];
  expect(steps).toEqual(['final,iqm,area,worst,history', 'final,iqm,area,worst', 'final,area,worst', 'final,worst', 'final']);
});

it('shows return versus rate once where the only episode is the last one, too', () => {
  const [score, other] = [
    { mean: 0.5, low: 0.4, high: 0.6 },
    { mean: 0.5, low: 0.3, high: 0.6 },
  ];
  const columns = (area: typeof score) => {
    const points = [{ method: 'cad m1', group: 'cad', bits: 8, final: score, area }];
    return rateTable({ reference: 'teacher', points, smallest: [] }, { noun: 'return' }).rows[0].length;
  };
  expect([columns(score), columns(other)]).toEqual([3, 4]);
});

import { expect, it } from 'vitest';
import { carrying } from '../../../test/helpers/failure.ts';
import { addStep, IMITATION_SUMS, type ImitationTable, imitationScore, scoreStep } from '../../statistics/index.ts';
import { Random } from '../../util/random.ts';
import { notedTable } from '../terminal/results.ts';
import { imitationTable, reliabilityColumns } from './imitation.ts';

/** A policy that gives every one of 12 episodes' only step this probability, of an action that the source always takes. */
function score(probability: number) {
  const sums = Array.from({ length: 12 }, () => {
    const own = new Array<number>(IMITATION_SUMS).fill(0);
    addStep(own, 0, scoreStep([probability, 1 - probability], 0, [1, 0], 0, 2));
    return own;
  }).flat();
  return imitationScore({ tasks: ['a'], sums: [sums], random: Random.seeded(0), resamples: 10 });
}
const table: ImitationTable = { histories: 1, methods: { random: score(0.5), cad: score(0.9), source: score(1) } };

it('ranks the nearest to the source first', () => {
  expect(imitationTable(table).names).toEqual(['source', 'cad', 'random']);
});

it.each([40, 80, 140])('has a table that fits into %i columns, its notes below', width => {
  const text = notedTable(imitationTable(table), { width, color: false });
  for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(width);
  expect(text).toMatch(/cad +1\.000 \[–\]/);
  // −ln 0.9 = 0.105.
  expect(/cad .* 0\.105 .* 0\.100 \[/.test(text)).toBe(width >= 80);
  expect(text).not.toMatch(/NaN|undefined/);
});

it('says of every bin how often the source did what was expected', () => {
  const columns = reliabilityColumns(table.methods.cad);
  expect(columns.map(({ id }) => id).slice(-2)).toEqual(['from-0.8', 'from-0.9']);
  expect(columns.map(({ cell }) => cell(table.methods.cad, 'cad'))).toEqual([...Array(9).fill('–'), carrying(/^1\.00\b.*\b0\.90\b.*100%/)]);
  expect(columns[5].cell(table.methods.random, 'random')).toEqual(carrying(/^0\.50\b.*\b0\.50\b.*100%/));
});

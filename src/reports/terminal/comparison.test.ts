import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { carrying } from '../../../test/helpers/failure.ts';
import { COMPARED, type MethodResult, type Protocol } from '../../records/index.ts';
import { type OpenRun, openRun } from '../open.ts';
import { compareRuns, formatComparison } from './comparison.ts';

/** One episode on 100 drawn tasks, with regret. */
const run = openRun(fileURLToPath(new URL('../../../results/delayed-bandit', import.meta.url)));
const { name } = run.results;

/** The same run with other training: so many tasks, and steps for the rows that are named. */
function trainedOn(train: number, ...rows: string[]): OpenRun {
  const protocol: Protocol = { ...run.results.protocols![name], split: { train, test: 100, overlap: 0 } };
  const budget = [{ stage: 'finetune', steps: 10, examples: 640 }];
  const trained = Object.entries(run.results.methods).map(([row, result]): [string, MethodResult] => [
    row,
    rows.includes(row) ? { ...result, budget } : result,
  ]);
  return {
    ...run,
    folder: `of-${train}`,
    results: { ...run.results, methods: Object.fromEntries(trained), protocols: { [name]: protocol } },
  };
}

const textOf = (a: OpenRun, b: OpenRun, method = 'cad') =>
  formatComparison(compareRuns({ run: a, method: 'cad' }, { run: b, method }, 'final'), { width: 80, color: false }).replace(/\s+/g, ' ');

/** How often a number is in a text. */
const times = (number: number, text: string) => [...text.matchAll(new RegExp(`(?<![\\w-])${number}\\b`, 'g'))].length;

it('says of how many episodes the final score is', () => {
  // Of a single one, no number is given; of ten, the last five.
  const note = (episodes: number) => COMPARED.final.meaning(episodes);
  expect(/\d/.test(note(1))).toBe(false);
  expect(note(10)).toEqual(carrying(5));
  expect(textOf(run, run, 'random')).toEqual(carrying(/(?<![\w-])final \* /, note(1)));
});

it('says how many tasks either row was trained and evaluated on, and how many are on both sides', () => {
  const text = textOf(trainedOn(4000, 'cad'), trainedOn(20, 'cad'));
  expect(text).toMatch(/\bcad\b.*\b4000\b.*\b100\b.*\bcad\b.*\b20\b.*\b100\b/);
  // Once for its row, and once in a note that the rows differ in it.
  expect([times(4000, text), times(20, text)]).toEqual([2, 2]);
});

it('has no note on that where the numbers are equal, or a row was not trained', () => {
  // Once, for both.
  expect(times(20, textOf(trainedOn(20, 'cad'), trainedOn(20, 'cad')))).toBe(1);
  expect(times(4000, textOf(trainedOn(4000, 'cad'), trainedOn(20, 'cad'), 'random'))).toBe(1);
});

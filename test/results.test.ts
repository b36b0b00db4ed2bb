/** @file The committed results: small, each in the index, and the index says what their files say. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type AnyResults, type Inspection, isMissing, RESULTS_FORMAT, SUPERVISED_FORMAT } from '../src/records/index.ts';
import { openResults } from '../src/reports/index.ts';
import { headlineOf } from '../src/reports/summary.ts';
import { withInterval } from '../src/reports/tables/format.ts';
import { packedPath, readJson } from '../src/util/files.ts';
import { ROOT } from './helpers/command.ts';

/** Bytes that all committed results may take. */
const MOST_BYTES = 4 * 2 ** 20;

const RESULTS = join(ROOT, 'results');
const names = readdirSync(RESULTS).filter(name => statSync(join(RESULTS, name)).isDirectory());
const index = readFileSync(join(RESULTS, 'README.md'), 'utf8');

/** The other cells of the rows of a folder. */
const comparableTable = (name: string) =>
  index
    .split('\n')
    .filter(line => line.startsWith(`| [${name}]`))
    .map(line => line.split(' | ').map(cell => cell.replace(/^\| | \|$/g, '').trim()));

const shown = ({ mean, low, high }: { mean: number; low: number; high: number }) =>
  withInterval(mean, [low, high], value => value.toFixed(3));

/** The main number of a method. */
function numberOf(results: AnyResults, method: string): string {
  if (results.format === RESULTS_FORMAT) {
    const { mean, meanLow: low, meanHigh: high } = results.methods[method].final;
    return shown({ mean, low, high });
  }
  if (results.format !== SUPERVISED_FORMAT || method !== headlineOf(results)!.method) throw new Error(`no main number of ${method}`);
  return shown(headlineOf(results)!);
}

it('are small', () => {
  const files = readdirSync(RESULTS, { recursive: true, encoding: 'utf8' }).map(name => statSync(join(RESULTS, name)));
  const bytes = files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
  expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
});

it('are all in the index, which names no others', () => {
  const linked = [...index.matchAll(/^\[([^\]]+)\]: (.+)$/gm)].map(([, label, target]) => [label, target]);
  expect(linked).toEqual(names.map(name => [name, name]));
  const listed = new Set([...index.matchAll(/^\| \[([^\]]+)\]/gm)].map(([, name]) => name));
  expect([...listed].sort()).toEqual(names);
});

describe.each(names.filter(name => existsSync(packedPath(join(RESULTS, name, 'results.json')))))('%s', name => {
  const { results } = openResults(join(RESULTS, name));

  it('has the numbers of the index', () => {
    const scores = comparableTable(name).filter(cells => cells.length === 4);
    expect(scores.length).toBeGreaterThan(0);
    for (const [, , method, number] of scores) expect(number, method).toBe(numberOf(results, method));
    // What `cadenza list results` prints is among them.
    expect(scores.map(([, , method]) => method)).toContain(headlineOf(results)!.method);
  });

  it('was made by the commit of the index', () => {
    const [made, ...others] = comparableTable(name).filter(cells => cells.length === 3);
    expect(others).toEqual([]);
    expect(results.run.commit).toMatch(new RegExp(`^${made[1]}`));
  });
});

it('of an inspection are those of the index', () => {
  const { transplants, run } = readJson(packedPath(join(RESULTS, 'inspect-dark-room/inspect.json'))) as Inspection;
  if (isMissing(transplants)) throw new Error('no memories were exchanged');
  const [[, , share], [, commit]] = comparableTable('inspect-dark-room');
  expect(share).toBe(shown(transplants.heldOut.transplanted.pursues));
  expect(run.commit).toMatch(new RegExp(`^${commit}`));
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { sha256 } from '../util/files.ts';
import { openRun, rawTable } from './open.ts';

const root = mkdtempSync(join(tmpdir(), 'cadenza-open-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const returns = '{"format":"cadenza-returns-1","tables":{"small":{"tasks":["a"]}}}\n';
function folder(name: string, results: object, raw: string | undefined = returns): string {
  const path = join(root, name);
  mkdirSync(path);
  writeFileSync(join(path, 'results.json'), JSON.stringify({ format: 'cadenza-results-1', name: 'small', ...results }));
  if (raw) writeFileSync(join(path, 'returns.json'), raw);
  return path;
}
const hashed = (text: string) => ({ raw: { file: 'returns.json', sha256: sha256(text) } });

it('opens a run by its folder or its results.json, with its returns', () => {
  const path = folder('whole', hashed(returns));
  const run = openRun(path);
  expect(openRun(join(path, 'results.json'))).toEqual(run);
  expect(rawTable(run)).toEqual({ tasks: ['a'] });
  expect(() => rawTable(run, 'other')).toThrow(/no table "other"; expected one of small/);
});

it('opens older runs, and says so where raw returns are needed', () => {
  const run = openRun(folder('older', {}, ''));
  expect(run.results.name).toBe('small');
  expect(() => rawTable(run)).toThrow(/no raw returns.*Run the same command again/);
});

it('refuses what is not a run, and returns that are not those of the results', () => {
  expect(() => openRun(join(root, 'nowhere'))).toThrow(/cannot read .*nowhere.*Give the folder of a finished run/s);
  expect(() => openRun(folder('other', { format: 'cadenza-supervised-1' }))).toThrow(/cadenza-supervised-1; expected cadenza-results-1/);
  expect(() => openRun(folder('altered', hashed('something else')))).toThrow(/not what results.json was computed from/);
  expect(() => openRun(folder('lost', hashed(returns), ''))).toThrow(/cannot read .*returns\.json.*copy both/s);
  const newer = '{"format":"cadenza-returns-9"}';
  expect(() => openRun(folder('newer', hashed(newer), newer))).toThrow(/cadenza-returns-9; expected cadenza-returns-1/);
});

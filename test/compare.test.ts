/** @file `cadenza compare` on tiny runs by the real command line: twins, a crippled one, and runs that may not be compared. */

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Results } from '../src/records/index.ts';
import { sealResults } from '../src/records/seal.ts';
import type { ComparisonReport } from '../src/reports/index.ts';
import type { ErrorCode } from '../src/util/errors.ts';
import { settings, TINY, withinProcess } from './helpers/command.ts';
import { carrying, exit, type Needle } from './helpers/failure.ts';

const root = mkdtempSync(join(tmpdir(), 'cadenza-compare-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string) => join(root, name);

/** A small Dark Room where 200 steps learn something. */
const SMALL = settings({
  'env.options': { size: 5, horizon: 12 },
  'source.histories': 6,
  'source.noise.fraction': 0,
  'model.width': 32,
  'optimizer.batch': 32,
  'teacher.steps': 0,
  'pretrain.steps': 0,
  'distill.steps': 0,
  'distill.beta': 0,
  'baselines.steps': 0,
  'evaluate.streams': 8,
});

async function run(name: string, values: Record<string, unknown>): Promise<void> {
  const { status, stderr } = await withinProcess(['run', TINY, '--out', at(name), ...SMALL, ...settings(values)]);
  expect(status, stderr).toBe(0);
}

const compare = (...args: string[]) => withinProcess(['compare', ...args]);
const verdict = async (...args: string[]): Promise<ComparisonReport> => {
  const { status, stdout, stderr } = await compare(...args, '--json');
  expect(status, stdout + stderr).toBe(0);
  return JSON.parse(stdout);
};

/** A copy of a run whose results say something else. */
function altered(name: string, from: string, change: (results: Results) => void): string {
  cpSync(at(from), at(name), { recursive: true });
  const file = join(at(name), 'results.json');
  const results = JSON.parse(readFileSync(file, 'utf8')) as Results;
  change(results);
  writeFileSync(file, JSON.stringify(sealResults(results)));
  return at(name);
}

beforeAll(async () => {
  await run('good', { 'finetune.steps': 200 });
  cpSync(at('good'), at('twin'), { recursive: true });
  await run('crippled', { 'finetune.steps': 1 });
  await run('elsewhere', { 'finetune.steps': 1, 'split.seed': 1 });
  await run('reseeded', { 'finetune.steps': 1, seeds: [5] });
  await run('shorter', { 'finetune.steps': 1, 'evaluate.episodes': 2 });
}, 240_000);

describe('two runs', () => {
  it('that are identical are not distinguishable', async () => {
    const { verdict: found, measures, before, after, tasks, side } = await verdict(at('good'), at('twin'));
    expect([found, tasks, side, before.run, after.run]).toEqual(['not distinguishable', 4, 'test', at('good'), at('twin')]);
    expect(measures.final!.difference).toEqual({ value: 0, low: 0, high: 0, by: 'run', pairs: 32, seeds: 1, resampled: 'runs' });
    expect((await compare(at('good'), at('twin'))).stdout.split('\n')[0]).toEqual(carrying(/\bA\b/, /\bB\b/, 'not distinguishable'));
  });

  it('of which the second is crippled: worse, and better the other way round', async () => {
    const { status, stdout } = await compare(at('good'), at('crippled'));
    expect([status, stdout.split('\n')[0]]).toEqual([0, carrying(/\bA\b/, /\bB\b/, /\bworse\b/)]);
    const report = await verdict(at('good'), at('crippled'));
    const { before, after, difference, improvement } = report.measures.final!;
    expect([report.verdict, after < before, difference.high < 0, improvement.high < 0.5]).toEqual(['worse', true, true, true]);
    expect(difference.value).toBeCloseTo(after - before, 12);
    expect(report.after.budget).toEqual([{ stage: 'finetune', steps: 1, examples: 32 }]);
    expect((await verdict(at('crippled'), at('good'), '--score', 'area')).verdict).toBe('better');
  });

  it('of other seeds are compared task by task', async () => {
    const { measures, intervalNote } = await verdict(at('good'), at('reseeded'));
    expect(measures.final!.difference).toMatchObject({ by: 'task', pairs: 4, resampled: 'tasks' });
    expect(intervalNote).toEqual(carrying(4));
  });

  it('says who is who, how they were trained, and the rule', async () => {
    const prose = (await compare(at('good'), at('crippled'))).stdout.replace(/\s+/g, ' ');
    const [good, crippled] = [at('good'), at('crippled')];
    expect(prose).toMatch(
      new RegExp(`\\bcad\\b.*${good}\\b.*\\b200\\b.*\\b6,400\\b.*\\bcad\\b.*${crippled}\\b.*\\b1\\b.*\\b32\\b.*\\b21\\b.*\\b4\\b`),
    );
    const { rule, intervalNote } = await verdict(good, crippled);
    expect(prose).toEqual(carrying(/(?<![\w-])final \* /, 3, '95%'));
    for (const text of [rule, intervalNote]) expect(prose).toContain(text);
  });
});

describe('two rows of one run', () => {
  it('are compared under one name each', async () => {
    const { verdict: found, before, after } = await verdict(at('good'), '--method', 'random,source');
    expect([found, before.method, after.method, before.run === after.run]).toEqual(['better', 'random', 'source', true]);
  });
});

describe('refuses', () => {
  const older = () =>
    altered('older', 'good', results => {
      delete results.raw;
      delete results.protocols;
    });
  const chosen = () =>
    altered('chosen', 'good', results => {
      results.protocols!.tiny.selection = { by: 'test' };
    });
  const cases: [string, () => string[], ErrorCode, Needle[]][] = [
    ['other test tasks', () => [at('good'), at('elsewhere')], 'E_SPLIT', [4, 'split.heldOut', 'split.seed']],
    ['another number of episodes', () => [at('good'), at('shorter')], 'E_DATA', ['evaluate.episodes', 3, /\bshorter\b/, 2]],
    [
      'another environment',
      () => [at('good'), altered('env', 'good', r => (r.protocols!.tiny.env.id = 'dark-room-hard'))],
      'E_SPLIT',
      [/\bdark-room\b(?!-)/, /\bdark-room-hard\b/],
    ],
    [
      'actions taken otherwise',
      () => [at('good'), altered('greedy', 'good', r => (r.protocols!.tiny.sampling = 'greedy'))],
      'E_DATA',
      ['evaluate.sampling', /\bsample\b/, /\bgreedy\b/],
    ],
    ['settings that were selected on test tasks', () => [at('good'), chosen()], 'E_SPLIT', ['selection.by']],
    ['a run without raw returns', () => [at('good'), older()], 'E_DATA', [at('older')]],
    ['a row that is not there', () => [at('good'), at('twin'), '--method', 'nobody'], 'E_DATA', ['"nobody"', 'cad, random, source']],
    ['a table that is not there', () => [at('good'), at('twin'), '--table', 'far'], 'E_DATA', ['"far"', /\btiny\b/]],
    ['one row alone', () => [at('good')], 'E_USAGE', ['--method']],
    ['three rows', () => [at('good'), '--method', 'a,b,c'], 'E_USAGE', ['--method', 'a,b,c']],
    ['what is no run', () => [at('good'), root], 'E_DATA', [root]],
  ];
  it.each(cases)('%s', async (_name, args, code, needles) => {
    const ended = await compare(...args());
    expect(ended).toEqual(exit(code, ...needles));
    expect(ended.stdout).toBe('');
  });

  it('as JSON where that is asked for', async () => {
    const { status, stdout } = await compare(at('good'), at('elsewhere'), '--json');
    expect([status, JSON.parse(stdout).error.code]).toEqual([10, 'E_SPLIT']);
  });
});

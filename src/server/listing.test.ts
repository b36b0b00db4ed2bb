import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ROOT, withinProcess } from '../../test/helpers/command.ts';
import { carrying, exit } from '../../test/helpers/failure.ts';
import { CHECKPOINT, saveCheckpoint } from '../cache/checkpoint.ts';
import { formatRuns } from '../cli/commands/list.ts';
import { claim } from '../util/lock.ts';
import { listRuns } from './listing.ts';

const runs = mkdtempSync(join(tmpdir(), 'cadenza-list-'));
afterAll(() => rmSync(runs, { recursive: true }));

const stage = (run: string, name: string, finished: boolean) => {
  const folder = join(runs, run, 'stages', `${name}-0123456789ab`);
  mkdirSync(folder, { recursive: true });
  if (finished) writeFileSync(join(folder, 'stage.json'), '{}');
  return folder;
};
const copy = (result: string, run: string) => {
  cpSync(join(ROOT, 'results', result), join(runs, run), { recursive: true });
};

copy('dark-room-quick', 'quick');
copy('dark-room-full', 'full');
copy('matrix', 'matrix');
copy('regression', 'regression');
copy('regression', 'cut');
truncateSync(join(runs, 'cut/results.json'), 1000);
mkdirSync(join(runs, 'other'));
writeFileSync(join(runs, 'file'), '');
stage('trained', 'generate', true);
const half = stage('trained', 'pretrain-seed0', false);
saveCheckpoint(join(half, CHECKPOINT), { key: 'k', step: 40, tensors: new Map([['a', { data: new Float32Array(3), shape: [3] }]]) });
const broken = stage('broken', 'audit-seed0', false);
writeFileSync(join(broken, CHECKPOINT), 'not a checkpoint');

it('finds runs, with their state and headline, whatever else lies there', () => {
  const found = Object.fromEntries(listRuns([runs]).map(run => [run.folder.slice(runs.length + 1), run]));
  expect(Object.keys(found)).toEqual(['broken', 'cut', 'full', 'matrix', 'quick', 'regression', 'trained']);
  const { methods } = JSON.parse(readFileSync(join(runs, 'quick/results.json'), 'utf8'));
  const { mean, meanLow, meanHigh } = methods.cad.final;
  const { quick, matrix, regression, trained, cut } = found;
  expect(quick).toMatchObject({ name: 'dark-room', kind: 'reinforcement', state: 'finished' });
  expect(quick.score).toMatchObject({ method: 'cad', mean, low: meanLow, high: meanHigh });
  expect([matrix.kind, regression.kind]).toEqual(['ablation', 'supervised']);
  expect(trained).toMatchObject({ kind: 'reinforcement', state: 'stopped', stage: 'pretrain-seed0', step: 40 });
  expect(found.broken).toMatchObject({ kind: 'supervised', state: 'stopped', stage: 'audit-seed0', step: undefined });
  expect(cut).toMatchObject({ state: 'damaged', reason: carrying('results.json') });
});

it('has the settings in which runs of a kind differ, and no others', () => {
  const [full, quick] = listRuns([join(runs, 'full'), join(runs, 'quick'), join(runs, 'regression')]).map(({ settings }) => settings);
  expect(full.seeds).toEqual([0, 1, 2]);
  expect(quick).toMatchObject({ seeds: [0], 'finetune.steps': expect.any(Number) });
  expect(Object.keys(full)).not.toContain('model.width');
  expect(listRuns([join(runs, 'quick')])[0].settings).toEqual({});
});

it('says which runs a process is at work in', async () => {
  const lock = `${half}.lock`;
  const release = await claim(lock, { signal: new AbortController().signal });
  const state = () => listRuns([join(runs, 'trained')])[0].state;
  expect(state()).toBe('running');
  release();
  expect(state()).toBe('stopped');
});

it('fits its table into the terminal, and leaves out settings first', async () => {
  const found = listRuns([runs]);
  const widest = (text: string) =>
    Math.max(
      ...text
        .split('\n\n')[0]
        .split('\n')
        .map(line => line.length),
    );
  const all = await formatRuns(found, Number.POSITIVE_INFINITY);
  const [some, few] = [await formatRuns(found, widest(all) - 1), await formatRuns(found, 1)];
  expect(widest(some)).toBeLessThan(widest(all));
  expect(some.split('\n')[0]).toMatch(/run.*kind.*state.*score.*time.*seeds.*folder/);
  expect(few.split('\n')[0]).toMatch(/^run +state +score \[interval\] +folder$/);
});

it('prints a table, or JSON', async () => {
  const { status, stdout } = await withinProcess(['list', runs]);
  expect(status).toBe(0);
  expect(stdout).toEqual(carrying('dark-room-full', /pretrain-seed0\b.*\b40\b/, 'damaged', 'seeds'));
  const json = await withinProcess(['list', join(runs, 'quick'), join(runs, 'full'), '--json']);
  expect(JSON.parse(json.stdout)).toEqual(listRuns([join(runs, 'quick'), join(runs, 'full')]));
  expect((await withinProcess(['list', join(runs, 'other')])).status).toBe(0);
  expect(await withinProcess(['list', join(runs, 'nowhere')])).toEqual(exit('E_DATA', 'nowhere'));
});

it('says before the first run that there is none', async () => {
  const here = process.cwd();
  process.chdir(mkdtempSync(join(runs, 'fresh-')));
  try {
    expect(await withinProcess(['list'])).toMatchObject({ status: 0, stderr: '', stdout: carrying('cadenza run') });
  } finally {
    process.chdir(here);
  }
});

/** @file `--dry-run` in folders where some of the work is done. */

import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { TimedEstimate } from '../src/cli/estimate.ts';
import { settings, stageFolder, TINY, withinProcess } from './helpers/command.ts';
import { exit } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-dry-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SHORT = { 'teacher.steps': 5, 'pretrain.steps': 5, 'distill.steps': 0, 'distill.beta': 0, 'finetune.steps': 5, 'baselines.steps': 5 };
const set = settings({ ...SHORT, 'evaluate.timedActions': 0, seeds: [0, 1], 'baselines.methods': ['none'] });

async function run(...args: string[]) {
  const { status, stdout, stderr } = await withinProcess(args);
  expect(status, stderr).toBe(0);
  return stdout;
}

/** What of each stage is finished. */
async function finished(...args: string[]) {
  const { stages, seconds } = JSON.parse(await run(...args, '--dry-run', '--json')) as TimedEstimate;
  return { stages: Object.fromEntries(stages.map(({ stage, parts, finished }) => [stage, `${finished}/${parts}`])), seconds };
}

it('says which stages are finished, by their keys', async () => {
  const out = join(folder, 'run');
  const command = ['run', TINY, ...set, '--out', out];
  const nothing = await finished(...command);
  expect(nothing.stages).toEqual({ generate: '0/1', teacher: '0/2', pretrain: '0/2', finetune: '0/2', none: '0/2', evaluate: '0/1' });
  // A second for each of the ten parts.
  expect(nothing.seconds).toBeGreaterThan(10);
  await run(...command, '--set', 'seeds=[0]', '--until', 'teacher');
  const before = readdirSync(out, { recursive: true });
  const part = await finished(...command);
  expect(part.stages).toEqual({ generate: '1/1', teacher: '1/2', pretrain: '0/2', finetune: '0/2', none: '0/2', evaluate: '0/1' });
  expect(readdirSync(out, { recursive: true })).toEqual(before);
  expect(await run(...command, '--dry-run')).toMatch(/teacher.*\b1\b.*\b2\b/);
  expect((await finished('teacher', TINY, ...set, '--out', out)).stages).toEqual({ generate: '1/1', teacher: '1/2' });
  expect((await finished(...command, '--set', 'teacher.steps=6')).stages).toMatchObject({ generate: '1/1', teacher: '0/2' });
  expect((await finished(...command, '--fresh')).stages).toEqual(nothing.stages);
  await run(...command);
  const all = await finished(...command);
  expect(all).toEqual({
    stages: { generate: '1/1', teacher: '2/2', pretrain: '2/2', finetune: '2/2', none: '2/2', evaluate: '1/1' },
    seconds: 0,
  });
}, 60_000);

it('says of the work of another version what a run would do', async () => {
  const out = join(folder, 'older');
  const command = ['run', TINY, ...set, '--set', 'seeds=[0]', '--out', out];
  await run(...command);
  expect((await finished(...command)).stages).toMatchObject({ generate: '1/1', none: '1/1', evaluate: '1/1' });
  const stages = join(out, 'stages');
  const generated = join(stageFolder(out, 'generate')!, 'stage.json');
  const { sha256: _, ...unsealed } = JSON.parse(readFileSync(generated, 'utf8'));
  writeFileSync(generated, JSON.stringify(unsealed));
  for (const more of [['--dry-run'], []])
    expect(await withinProcess([...command, ...more])).toEqual(exit('E_CHECKPOINT', generated, '--fresh'));
  // Of another version, stages have other keys.
  for (const name of readdirSync(stages)) renameSync(join(stages, name), join(stages, name.replace(/[0-9a-f]{12}/, '0'.repeat(12))));
  const other = await finished(...command);
  expect(other.stages).toEqual({ generate: '0/1', teacher: '0/1', pretrain: '0/1', finetune: '0/1', none: '0/1', evaluate: '0/1' });
}, 60_000);

it('names what combinations share once', async () => {
  const file = join(folder, 'small.yaml');
  const base = `name: small\nbase: ${TINY}\nset: { teacher: { steps: 5 }, distill: { steps: 0 }, baselines: { steps: 0 } }`;
  const axes = 'axes: [{ name: m, values: { m1: { model: { latents: 1 } }, m2: { model: { latents: 2 } } } }]';
  writeFileSync(file, `${base}\n${axes}\n`);
  const { stages } = await finished('ablate', file, '--out', join(folder, 'small'));
  expect(Object.keys(stages)).toEqual([
    'generate',
    'teacher',
    'm1: pretrain',
    'm1: finetune',
    'm1: evaluate',
    'm2: pretrain',
    'm2: finetune',
    'm2: evaluate',
  ]);
  const sweep = await finished('run', TINY, ...set, '--set', 'model.latents=1,2', '--out', join(folder, 'sweep'));
  expect(sweep.stages).toMatchObject({ generate: '0/1', teacher: '0/2', '1: pretrain': '0/2', '2: pretrain': '0/2' });
});

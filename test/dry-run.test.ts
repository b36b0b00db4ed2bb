/** @file `--dry-run` in folders where some of the work is done. */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { TimedEstimate } from '../src/cli/estimate.ts';
import { settings, TINY, withinProcess } from './helpers/command.ts';

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

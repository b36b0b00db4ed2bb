/** @file `--jobs`: stages of an experiment run in parallel processes, to the bytes of one process that runs them all. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import type { Results } from '../src/records/index.ts';
import { claim } from '../src/util/lock.ts';
import { cadenza, ROOT, settings, stageFiles, stageFolder, start, TINY, withinProcess } from './helpers/command.ts';
import { failure } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-parallel-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const STEPS = Object.fromEntries(['teacher', 'pretrain', 'distill', 'finetune', 'baselines'].map(stage => [`${stage}.steps`, 20]));
// Two seeds, each an agent and two baselines. The oracle is trained by nobody.
const SETTINGS = settings({ ...STEPS, seeds: [0, 1], 'baselines.methods': ['truncated', 'none', 'oracle'], 'checkpoint.everySteps': 1e6 });
const { signal } = new AbortController();
const run = (out: string, ...args: string[]) => ['run', TINY, '--out', join(folder, out), '--json', ...SETTINGS, ...args];
const methods = (stdout: string) => (JSON.parse(stdout) as Results).methods;

it('runs stages in parallel, and goes on after an interrupt, to the same bytes', async () => {
  const one = await withinProcess(run('one'));
  expect(one.status, one.stderr).toBe(0);
  // What its processes wait for is shown.
  const out = join(folder, 'two');
  const stages = join(out, 'stages');
  mkdirSync(stages, { recursive: true });
  const release = await claim(join(stages, `${basename(stageFolder(join(folder, 'one'), 'generate')!)}.lock`), { signal });
  const command = run('two', '--jobs', '3');
  const { child, ended, says } = start(command);
  await says(new RegExp(`\\b${process.pid}\\b`));
  expect(child.exitCode).toBe(null);
  release();

  // Interrupted, every process saves, and the same command goes on.
  await says(/^tiny\b.*\b3\b/m);
  while (!stageFolder(out, 'truncated-seed0') && child.exitCode === null) await sleep(5);
  child.kill('SIGINT');
  expect((await ended).status, (await ended).stderr).toBe(130);
  expect(existsSync(join(out, 'results.json'))).toBe(false);
  expect(readdirSync(stages).filter(name => name.endsWith('.lock'))).toEqual([]);
  const two = await cadenza(...command);
  expect(two.status, two.stderr).toBe(0);
  expect(two.stderr).toMatch(/^tiny\b.*\b3\b/m);
  // The process that reports found everything there.
  expect(two.stderr).not.toMatch(/^(finetune|none|evaluate).*: 0\b/m);
  expect(methods(two.stdout)).toEqual(methods(one.stdout));
  expect(stageFiles(out)).toEqual(stageFiles(join(folder, 'one')));
  const returns = (run: string) => readFileSync(join(folder, run, 'returns.json'), 'utf8');
  expect(returns('two')).toBe(returns('one'));
}, 240_000);

it('stops at the first failure, and names its stage', async () => {
  const out = join(folder, 'failed');
  const before = await withinProcess(['pretrain', TINY, '--out', out, ...SETTINGS]);
  expect(before.status, before.stderr).toBe(0);
  appendFileSync(join(stageFolder(out, 'pretrain-seed1')!, 'model.safetensors'), 'x');
  const { status, stdout, stderr } = await cadenza(...run('failed', '--jobs', '2'));
  expect([status, JSON.parse(stdout).error], stderr).toEqual([5, failure('E_CHECKPOINT', 'pretrain-seed1')]);
  expect(stderr).toMatch(/^distill-seed1\b/m);
  expect(stageFolder(out, 'finetune-seed1')).toBe(undefined);
  expect(readdirSync(join(out, 'stages')).filter(name => name.endsWith('.lock'))).toEqual([]);
}, 120_000);

it('runs a stage after everything that it reads, such as contexts to retrieve', async () => {
  const short = Object.fromEntries(['teacher', 'pretrain', 'distill', 'finetune', 'retrieve'].map(stage => [`${stage}.steps`, 2]));
  const more = { 'policy.retrieval.contexts': 1, 'baselines.steps': 0, 'evaluate.episodes': 2, 'evaluate.streams': 1 };
  const retrieval = settings({ ...short, ...more, 'evaluate.timedActions': 0 });
  const [one, three] = ['1', '3'].map(jobs => [
    'run',
    TINY,
    '--out',
    join(folder, `retrieval${jobs}`),
    '--json',
    ...retrieval,
    '--jobs',
    jobs,
  ]);
  expect((await withinProcess(one)).status).toBe(0);
  const { status, stderr } = await cadenza(...three);
  expect(status, stderr).toBe(0);
  expect(stageFiles(join(folder, 'retrieval3'))).toEqual(stageFiles(join(folder, 'retrieval1')));
}, 120_000);

it('says so when one of its processes is killed', async () => {
  const out = join(folder, 'killed');
  const { child, ended, says } = start(run('killed', '--jobs', '2'));
  await says(/^tiny\b.*\b2\b/m);
  const lock = () => (existsSync(join(out, 'stages')) ? readdirSync(join(out, 'stages')) : []).find(name => /^pretrain.*lock$/.test(name));
  while (!lock() && child.exitCode === null) await sleep(5);
  const { pid } = JSON.parse(readFileSync(join(out, 'stages', lock()!), 'utf8'));
  expect(pid).not.toBe(child.pid);
  process.kill(pid, 'SIGKILL');
  const { status, stdout } = await ended;
  expect([status, JSON.parse(stdout).error]).toEqual([9, failure('E_EXECUTOR', 'SIGKILL')]);
}, 60_000);

/** Two seeds whose teachers are trained for as long as it takes to stop them; resolves when both have a checkpoint. */
async function training(out: string) {
  const stages = join(folder, out, 'stages');
  const long = settings({ seeds: [0, 1], 'teacher.steps': 1e6, 'checkpoint.everySteps': 10 });
  const started = start(['teacher', TINY, '--out', join(folder, out), ...long, '--jobs', '2'], { detached: true });
  const saved = (seed: number) =>
    existsSync(join(stageFolder(join(folder, out), `teacher-seed${seed}`) ?? stages, 'checkpoint.safetensors'));
  while (!(saved(0) && saved(1)) && started.child.exitCode === null) await sleep(20);
  return { ...started, locks: () => readdirSync(stages).filter(name => name.endsWith('.lock')) };
}

// A process that saves leaves no lock, which one that is killed does.
it.each([
  ['the whole group is terminated, as by timeout(1)', (pid: number) => process.kill(-pid, 'SIGTERM'), 143],
  ['the process that reports is killed', (pid: number) => process.kill(pid, 'SIGKILL'), null],
])(
  'saves when %s',
  async (_, stop, status) => {
    const { child, ended, locks } = await training(String(status));
    expect(locks()).toHaveLength(2);
    stop(child.pid!);
    const { stderr, status: found } = await ended;
    expect(locks(), stderr).toEqual([]);
    expect(found).toBe(status);
    expect(stderr).not.toMatch(/^ {4}at |Error/m);
  },
  120_000,
);

it.skipIf(process.platform === 'win32')('is quiet in a process that has something to tell when nobody is there any more', async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/helpers/orphan.ts'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', text => (stderr += text));
  // The other process has the same stderr, so this is the end of both.
  const [, signal] = await once(child, 'close');
  expect([signal, stderr]).toEqual(['SIGKILL', '']);
});

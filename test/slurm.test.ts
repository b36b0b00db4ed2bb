/** @file `--launcher slurm`, with programs that stand in for Slurm's and run each array at once. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { provenance } from '../src/cache/provenance.ts';
import { arraysOf } from '../src/pipeline/launchers/arrays.ts';
import type { ScheduledStage } from '../src/pipeline/schedule.ts';
import type { Study } from '../src/records/index.ts';
import { cadenza, ROOT, stageFiles, TINY, withinProcess } from './helpers/command.ts';

let folder: string;
let state: string;
const { PATH } = process.env;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cadenza-slurm-'));
  mkdirSync(join(folder, 'bin'));
  for (const program of ['sbatch', 'squeue', 'scancel', 'scontrol']) {
    copyFileSync(join(ROOT, 'test/helpers/slurm.mjs'), join(folder, 'bin', program));
    chmodSync(join(folder, 'bin', program), 0o755);
  }
  // Without an extension, a program is a module by the package around it.
  writeFileSync(join(folder, 'bin', 'package.json'), '{"type":"module"}');
  process.env.PATH = `${join(folder, 'bin')}${delimiter}${PATH}`;
});
afterAll(() => {
  process.env.PATH = PATH;
  delete process.env.STAND_IN_SLURM;
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  state = mkdtempSync(join(folder, 'state-'));
  process.env.STAND_IN_SLURM = state;
});

/** Calls of Slurm's programs. */
const calls = (): string[][] =>
  readFileSync(join(state, 'calls'), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));

/** Few stages, as each is a process. */
const FEW = [TINY, '--set', 'baselines.methods=[]', '--set', 'evaluate.imitationHistories=0'];

const launched = (out: string, ...more: string[]) =>
  cadenza('run', ...FEW, '--out', join(folder, out), '--launcher', 'slurm', '--json', ...more);

/** The hold makes jobs wait in the queue. */
const hold = (reason = '') => writeFileSync(join(state, 'hold'), reason);

it('runs each stage as a job, to the bytes of one machine, and builds the results at the end', async () => {
  const { status, stdout } = await launched('all', '--wait', '--launch-option=--time=10');
  expect(status).toBe(0);
  await cadenza('run', ...FEW, '--out', join(folder, 'here'), '--jobs', '1');
  const files = stageFiles(join(folder, 'all'));
  expect(files.size).toBeGreaterThan(5);
  expect(files).toEqual(stageFiles(join(folder, 'here')));
  const { methods } = JSON.parse(readFileSync(join(folder, 'here', 'results.json'), 'utf8'));
  expect(JSON.parse(stdout).methods).toEqual(methods);
  const scripts = readdirSync(join(folder, 'all', 'slurm')).filter(name => name.endsWith('.sh'));
  for (const name of scripts) expect(readFileSync(join(folder, 'all', 'slurm', name), 'utf8')).toContain('\n#SBATCH --time=10\n');
  expect(calls().filter(([program]) => program === 'sbatch')).toHaveLength(scripts.length);
});

it('returns at once, refuses a second launch meanwhile, and can be canceled', async () => {
  hold();
  const first = await launched('held');
  expect(first.status).toBe(0);
  const { submitted, jobs } = JSON.parse(first.stdout);
  expect(jobs).toBeGreaterThanOrEqual(submitted.length);
  const planned = async () => JSON.parse((await cadenza('plan', ...FEW, '--out', join(folder, 'held'), '--json')).stdout).launch;
  expect(await planned()).toEqual({ launcher: 'slurm', active: submitted, running: 0, waiting: submitted.length, notes: [] });
  hold('PartitionTimeLimit');
  expect((await planned()).notes).toEqual([expect.stringContaining('PartitionTimeLimit')]);
  const second = await launched('held');
  expect([second.status, JSON.parse(second.stdout).error.code]).toEqual([2, 'E_USAGE']);
  const canceled = await cadenza('cancel', join(folder, 'held'), '--json');
  expect(JSON.parse(canceled.stdout).canceled).toEqual(submitted);
  expect((await cadenza('cancel', join(folder, 'held'))).status).toBe(2);
  expect((await launched('held')).status).toBe(0);
});

it.each([
  ['RUNNING', 1],
  ['COMPLETING', 0],
])('queues a job again that is stopped while Slurm says %s: %i times', async (jobState, times) => {
  hold();
  await launched('stopped');
  writeFileSync(join(state, 'jobState'), jobState);
  const scripts = join(folder, 'stopped', 'slurm');
  const [name] = readdirSync(scripts).filter(file => file.endsWith('.sh'));
  // In place of the job: a program that ends like one when it is stopped.
  const program = `process.on("SIGTERM", () => process.exit(143)); setInterval(() => {}, 1e6); console.log("started");`;
  const command = readFileSync(join(scripts, name), 'utf8').replace(/^'.*&$/m, `'${process.execPath}' -e '${program}' &`);
  const env = { ...process.env, SLURM_ARRAY_JOB_ID: '7', SLURM_ARRAY_TASK_ID: '3' };
  const batch = spawn('bash', ['-c', command], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  await once(batch.stdout, 'data');
  batch.kill('SIGTERM');
  expect(await once(batch, 'close')).toEqual([143, null]);
  expect(calls().filter(([program, verb]) => program === 'scontrol' && verb === 'requeue')).toEqual(
    Array.from({ length: times }, () => ['scontrol', 'requeue', '7_3']),
  );
  rmSync(join(folder, 'stopped'), { recursive: true });
});

it('submits once if two commands launch a folder at the same time', async () => {
  hold();
  const both = await Promise.all([launched('twice'), launched('twice')]);
  expect(both.map(({ status }) => status).toSorted()).toEqual([0, 2]);
  const submitted = both.flatMap(({ status, stdout }) => (status === 0 ? JSON.parse(stdout).submitted : []));
  expect(calls().filter(([program]) => program === 'sbatch')).toHaveLength(submitted.length);
});

it.each(['', 'partition=short'])('refuses the option "%s", which is none of sbatch', async option => {
  const { status, stdout } = await launched('odd', `--launch-option=${option}`);
  expect([status, JSON.parse(stdout).error.code]).toEqual([2, 'E_USAGE']);
});

it('submits all jobs or none', async () => {
  const { status, stdout } = await launched('refused', '--launch-option=--partition=nonesuch');
  expect([status, JSON.parse(stdout).error.code]).toEqual([9, 'E_EXECUTOR']);
  expect(readdirSync(join(folder, 'refused'))).not.toContain('launch.json');
});

it('submits only what is missing', async () => {
  await cadenza('run', ...FEW, '--out', join(folder, 'resumed'), '--until', 'teacher');
  hold();
  await launched('resumed');
  const { jobs } = JSON.parse(readFileSync(join(folder, 'resumed', 'jobs.json'), 'utf8'));
  const stages = jobs.map(({ stage }: { stage: string }) => stage);
  expect(stages).toContain('pretrain-seed0');
  expect(stages).not.toContain('generate');
});

it('says which job failed, and where its log is', async () => {
  const out = join(folder, 'damaged');
  await cadenza('run', ...FEW, '--out', out, '--until', 'generate');
  const [histories] = [...stageFiles(out).keys()].filter(path => path.endsWith('.arrow'));
  writeFileSync(join(out, 'stages', histories), 'damaged');
  const { status, stderr } = await launched('damaged', '--wait');
  expect(status).toBe(9);
  const [, log] = /FAILED.* (slurm\/\S+\.log)/.exec(stderr)!;
  expect(readFileSync(join(out, log), 'utf8')).toContain('was modified');
});

it('runs the rounds of a search, to the same study', async () => {
  const space = join(folder, 'space.yaml');
  writeFileSync(space, 'finetune.gamma: { uniform: [0, 1] }\n');
  const search = [TINY, '--space', space, '--trials', '2', '--method', 'halving', '--eta', '2', '--json'];
  const few = ['teacher', 'pretrain', 'distill'].flatMap(stage => ['--set', `${stage}.steps=0`]);
  const tune = async (out: string, ...more: string[]) => {
    const zero = ['--set', 'distill.beta=0', '--set', 'finetune.beta=0'];
    const { status, stdout, stderr } = await cadenza('tune', ...search, ...few, ...zero, '--out', join(folder, out), ...more);
    expect(status, stderr).toBe(0);
    const { trials, tied, reference } = JSON.parse(stdout) as Study;
    return { trials, tied, reference };
  };
  const here = await tune('searched-here');
  expect(here.trials.map(({ rungs }) => rungs.length).toSorted()).toEqual([1, 2]);
  expect(await tune('searched', '--launcher', 'slurm')).toEqual(here);
  expect(stageFiles(join(folder, 'searched'))).toEqual(stageFiles(join(folder, 'searched-here')));
  // Every stage of both rounds ran as a job: generation, three trainings and their evaluations.
  const { jobs } = JSON.parse(readFileSync(join(folder, 'searched', 'jobs.json'), 'utf8'));
  expect(jobs.map(({ stage }: { stage: string }) => stage)).toEqual(['finetune-seed0', 'evaluate-cad-seed0']);
  expect(calls().filter(([program]) => program === 'sbatch')).toHaveLength(5);
});

it('is missing on other machines', async () => {
  process.env.PATH = join(folder, 'nothing');
  const found = await launched('nowhere');
  process.env.PATH = `${join(folder, 'bin')}${delimiter}${PATH}`;
  expect([found.status, JSON.parse(found.stdout).error.code]).toEqual([11, 'E_INSTALL']);
});

it.each([
  ['--wait'],
  ['--launch-option=--time=1'],
  ['--launcher', 'slurm', '--jobs', '2'],
  ['--launcher', 'slurm', '--fresh'],
  ['--launcher', 'slurm', '--redis', 'redis://here'],
  ['--launcher', 'bullmq', '--launch-option=--time=1'],
])('%s %s %s %s is refused, as it would have no effect', async (...options) => {
  const { status, stderr } = await withinProcess(['run', TINY, '--out', join(folder, 'idle'), ...options.filter(Boolean)]);
  expect(status).toBe(2);
  expect(stderr).toContain('E_USAGE');
});

describe('a job', () => {
  const job = (file: string, index: string) => cadenza('job', join(folder, 'all', file), index);

  it('is refused where it is not in the file, or is of another version', async () => {
    expect((await job('jobs.json', '999')).status).toBe(4);
    expect((await job('jobs.json', 'first')).status).toBe(2);
    const { version } = provenance();
    const text = readFileSync(join(folder, 'all', 'jobs.json'), 'utf8');
    writeFileSync(join(folder, 'all', 'other.json'), text.replace(`"version": "${version}"`, '"version": "0.0.1"'));
    const { status, stderr } = await job('other.json', '0');
    expect(status).toBe(4);
    expect(stderr).toContain('0.0.1');
    expect(stderr).toContain(version);
  });
});

describe('arrays', () => {
  const stage = (name: string, after: string[] = [], bytes = 4e8): ScheduledStage => ({
    stage: name,
    key: name,
    after,
    finished: false,
    heading: '',
    config: {} as ScheduledStage['config'],
    cores: 2,
    bytes,
    flops: 0,
    work: 0,
    chain: { stages: 1, flops: 0 },
  });

  it('hold the seeds of a stage, and wait for the arrays of what they read', () => {
    const jobs = [
      stage('generate'),
      stage('teacher-seed0', ['generate']),
      stage('teacher-seed1', ['generate']),
      stage('finetune-seed0', ['generate', 'teacher-seed0']),
      stage('finetune-seed1', ['generate', 'teacher-seed1'], 9e9),
    ];
    const arrays = arraysOf(jobs);
    expect(arrays.map(({ name, first, after, cores }) => [name, first, after, cores])).toEqual([
      ['generate', 0, [], 2],
      ['teacher', 1, [0], 2],
      ['finetune', 3, [0, 1], 2],
      ['finetune', 4, [0, 1], 2],
    ]);
    expect(arrays.flatMap(array => array.jobs)).toEqual(jobs);
    for (const array of arrays) expect(array.memory * 2 ** 20).toBeGreaterThanOrEqual(array.jobs[0].bytes);
  });
});

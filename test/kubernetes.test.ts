/**
 * @file `--launcher kubernetes`, with a program that stands in for kubectl, and pods that are processes here: each is started as its manifest
 * says, and its status is what the manifest's policy of failures makes of it.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Job } from 'kubernetes-models/batch/v1';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { provenance } from '../src/cache/provenance.ts';
import { manifestOf } from '../src/pipeline/launchers/kubernetes.ts';
import type { ScheduledStage } from '../src/pipeline/schedule.ts';
import { EXIT_CODES } from '../src/util/errors.ts';
import { startBucket, type TestBucket } from './helpers/bucket.ts';
import { cadenza, PROGRAM, ROOT, stageFiles, TINY, withinProcess } from './helpers/command.ts';
import { failure } from './helpers/failure.ts';

let folder: string;
let state: string;
let bucket: TestBucket;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cadenza-kubernetes-'));
  mkdirSync(join(folder, 'bin'));
  // What is in the image.
  const command = [process.execPath, ...PROGRAM].map(part => `'${part}'`).join(' ');
  writeFileSync(join(folder, 'bin', 'cadenza'), `#!/bin/sh\ncd '${ROOT}'\nexec ${command} "$@"\n`);
  // Within this package, so that it finds yaml.
  writeFileSync(join(folder, 'bin', 'kubectl'), `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'test/helpers/kubectl.mjs')}' "$@"\n`);
  for (const program of ['cadenza', 'kubectl']) chmodSync(join(folder, 'bin', program), 0o755);
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  bucket = await startBucket();
  state = mkdtempSync(join(folder, 'state-'));
  for (const [name, value] of Object.entries(bucket.environment)) vi.stubEnv(name, value);
  vi.stubEnv('STAND_IN_KUBECTL', state);
  vi.stubEnv('PATH', `${join(folder, 'bin')}${delimiter}${process.env.PATH}`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await bucket.stop();
});

/** Few stages, as each is a process. */
const NONE = ['teacher.steps', 'pretrain.steps', 'distill.steps', 'distill.beta', 'finetune.beta', 'evaluate.imitationHistories'];
const FEW = [TINY, '--set', 'baselines.methods=[none]', ...NONE.flatMap(key => ['--set', `${key}=0`])];

const launched = (out: string, ...more: string[]) =>
  cadenza('run', ...FEW, '--out', join(folder, out), '--launcher', 'kubernetes', '--store', bucket.address, '--json', ...more);

interface Manifest {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly completions: number;
    readonly backoffLimitPerIndex: number;
    readonly podFailurePolicy: {
      readonly rules: readonly { readonly action: string; readonly onExitCodes?: { readonly values: readonly number[] } }[];
    };
    readonly template: {
      readonly spec: { readonly containers: readonly { readonly image: string; readonly command: readonly string[] }[] };
    };
  };
}

const manifests = (text: string): Manifest[] => parseAllDocuments(text).map(document => document.toJS() as Manifest);
const submitted = (): Manifest[] =>
  readdirSync(state)
    .filter(name => name.endsWith('.json'))
    .map(name => JSON.parse(readFileSync(join(state, name), 'utf8')) as Manifest);

let pods = 0;
/** Runs one pod, whose files are its own, and returns its status. */
async function runPod({ spec }: Manifest, index: number): Promise<number> {
  const [program, ...args] = spec.template.spec.containers[0].command;
  const env = { ...process.env, JOB_COMPLETION_INDEX: String(index), XDG_CACHE_HOME: join(folder, `pod-${pods++}`) };
  const [status] = await once(spawn(program, args, { env, stdio: 'ignore' }), 'close');
  return status as number;
}

/** Runs all Jobs as Kubernetes does, at first those that wait for others; returns all statuses by Job. */
async function runAll(): Promise<ReadonlyMap<string, readonly number[]>> {
  const statuses = new Map<string, number[]>();
  let open = submitted()
    .toReversed()
    .flatMap(job => Array.from({ length: job.spec.completions }, (_, index) => ({ job, index, failures: 0 })));
  const failed = new Set<Manifest>();
  while (open.length > 0) {
    const left: typeof open = [];
    for (const pod of open) {
      const { metadata, spec } = pod.job;
      const status = await runPod(pod.job, pod.index);
      statuses.set(metadata.name, [...(statuses.get(metadata.name) ?? []), status]);
      if (status === 0) continue;
      const action = spec.podFailurePolicy.rules.find(({ onExitCodes }) => onExitCodes?.values.includes(status))?.action ?? 'Count';
      const failures = pod.failures + (action === 'Count' ? 1 : 0);
      if (action === 'FailIndex' || failures > spec.backoffLimitPerIndex) failed.add(pod.job);
      else left.push({ ...pod, failures });
    }
    // In their order from here on: each start of a process takes time.
    open = left.toReversed();
  }
  for (const job of submitted()) {
    const conditions = [{ type: failed.has(job) ? 'Failed' : 'Complete', status: 'True' }];
    writeFileSync(join(state, `${job.metadata.name}.json`), JSON.stringify({ ...job, status: { conditions } }));
  }
  return statuses;
}

it('runs each stage in a pod, to the bytes of one machine; those whose inputs are missing are started again', async () => {
  expect((await launched('first')).status).toBe(0);
  const statuses = await runAll();
  expect([...statuses.values()].flat()).toContain(EXIT_CODES.E_UNFINISHED);
  for (const own of statuses.values()) expect(own.at(-1)).toBe(0);
  const collected = await cadenza('collect', ...FEW, '--out', join(folder, 'first'), '--store', bucket.address, '--json');
  expect(collected.status, collected.stderr).toBe(0);
  await cadenza('run', ...FEW, '--out', join(folder, 'here'), '--jobs', '1');
  expect(stageFiles(join(folder, 'first'))).toEqual(stageFiles(join(folder, 'here')));
  const { methods } = JSON.parse(readFileSync(join(folder, 'here', 'results.json'), 'utf8'));
  expect(JSON.parse(collected.stdout).methods).toEqual(methods);
}, 300_000);

it('refuses a second launch while Jobs run, and deletes what has ended before the next', async () => {
  expect((await launched('again')).status).toBe(0);
  const before = submitted();
  const second = await launched('again');
  expect([second.status, JSON.parse(second.stdout).error.code]).toEqual([2, 'E_USAGE']);
  const put = (job: Manifest, status: unknown) =>
    writeFileSync(join(state, `${job.metadata.name}.json`), JSON.stringify({ ...job, status }));
  const planned = async () => JSON.parse((await cadenza('plan', ...FEW, '--out', join(folder, 'again'), '--json')).stdout).launch;
  const waiting = before.reduce((sum, { spec }) => sum + spec.completions, 0);
  expect(await planned()).toMatchObject({ running: 0, waiting, notes: [] });
  put(before[0], { active: 1 });
  expect(await planned()).toMatchObject({ running: 1, waiting: waiting - 1 });
  for (const job of before) put(job, { failedIndexes: '0', conditions: [{ type: 'Failed', status: 'True' }] });
  expect(await planned()).toMatchObject({ active: [], running: 0, waiting: 0 });
  expect((await planned()).notes).toHaveLength(before.length);
  expect((await launched('again')).status).toBe(0);
  expect(submitted()).toEqual(before);
  const canceled = await cadenza('cancel', join(folder, 'again'), '--json');
  expect(JSON.parse(canceled.stdout).canceled).toEqual([join(folder, 'again', 'kubernetes.yaml')]);
  expect(submitted()).toEqual([]);
}, 60_000);

it('writes the manifest where kubectl is missing, and says so', async () => {
  vi.stubEnv('PATH', join(folder, 'nothing'));
  await launched('nowhere', '--launch-option=metadata.namespace=mistyped');
  const { status, stdout } = await launched('nowhere', '--launch-option=metadata.namespace=lab');
  expect([status, JSON.parse(stdout).error.code]).toEqual([11, 'E_INSTALL']);
  expect(JSON.parse(stdout).error.message).toContain(join(folder, 'nowhere', 'kubernetes.yaml'));
  const written = manifests(readFileSync(join(folder, 'nowhere', 'kubernetes.yaml'), 'utf8'));
  expect(written.length).toBeGreaterThan(1);
  for (const { metadata } of written) expect(metadata.namespace).toBe('lab');
});

it.each([
  ['E_EXECUTOR', '--store', 's3://lab/runs', '--launch-option=metadata.namespace=nonesuch'],
  ['E_USAGE', '--store', 's3://lab/runs', '--launch-option=--namespace'],
  ['E_USAGE', '--store', 's3://lab/runs', '--launch-option=--namespace=lab'],
  ['E_USAGE', '--store', 's3://lab/runs', '--launch-option=spec.completions=3'],
  ['E_USAGE'],
])('%s: %s %s %s', async (code, ...options) => {
  const out = join(folder, `refused-${code}-${options.length}`);
  const { status, stdout } = await withinProcess(['run', ...FEW, '--out', out, '--launcher', 'kubernetes', '--json', ...options]);
  expect([status, JSON.parse(stdout).error.code]).toEqual([EXIT_CODES[code as keyof typeof EXIT_CODES], code]);
  expect(existsSync(join(out, 'launch.json'))).toBe(false);
});

it.each([
  ['E_DATA', 's3://lab/runs/launches/none.json', '0'],
  ['E_USAGE', 's3://Lab/none.json', '0'],
])('a job is refused with %s: %s', async (code, file, index) => {
  const { status } = await withinProcess(['job', file, index, '--cache', join(folder, 'cache')]);
  expect(status).toBe(EXIT_CODES[code as keyof typeof EXIT_CODES]);
});

describe('a manifest', () => {
  const array = (name: string, first: number, completions: number) => ({
    name,
    first,
    jobs: Array.from({ length: completions }, () => ({}) as ScheduledStage),
    cores: 4,
    memory: 700,
    after: [],
  });
  const written = (...options: string[]) =>
    manifestOf(
      { name: 'Keys & doors', arrays: [array('generate', 0, 1), array('evaluate-cad', 1, 30)] },
      's3://lab/runs/launches/x.json',
      options,
    );

  it('is valid by the schema of Kubernetes', () => {
    for (const manifest of manifests(written('metadata.namespace=lab'))) expect(() => new Job(manifest as never).validate()).not.toThrow();
    const [other] = manifests(written('spec.parallelism=many'));
    expect(() => new Job(other as never).validate()).toThrow();
  });

  it('has a Job for each array, with its needs', () => {
    const [first, second] = manifests(written());
    expect([first, second].map(({ spec }) => spec.completions)).toEqual([1, 30]);
    expect(first.metadata.name).not.toBe(second.metadata.name);
    for (const { metadata, spec } of [first, second]) {
      expect(metadata.name).toMatch(/^[a-z][a-z0-9-]{0,49}$/);
      const [container] = spec.template.spec.containers;
      expect(container.image).toBe(`cadenza:${provenance().version}`);
      expect(container).toMatchObject({ resources: { requests: { cpu: '4', memory: '700Mi' }, limits: { memory: '700Mi' } } });
    }
  });

  it('takes fields from options', () => {
    const options = ['spec.template.spec.containers.0.image=lab/cadenza:1', 'metadata.namespace=lab', 'spec.parallelism=2'];
    for (const manifest of manifests(written(...options))) {
      expect(manifest.metadata.namespace).toBe('lab');
      expect(manifest.spec.template.spec.containers[0].image).toBe('lab/cadenza:1');
      expect(manifest.spec).toMatchObject({ parallelism: 2 });
    }
    expect(() => written('=1')).toThrow(failure('E_USAGE', '=1'));
  });

  it('counts failures that may pass, ignores those that are none, and ends where nothing would help', () => {
    const [{ spec }] = manifests(written());
    const actionOf = (status: number) => spec.podFailurePolicy.rules.find(rule => rule.onExitCodes?.values.includes(status))?.action;
    expect([EXIT_CODES.E_UNFINISHED, 143].map(actionOf)).toEqual(['Ignore', 'Ignore']);
    expect([EXIT_CODES.E_CONFIG, EXIT_CODES.E_DATA, EXIT_CODES.E_CHECKPOINT].map(actionOf)).toEqual([
      'FailIndex',
      'FailIndex',
      'FailIndex',
    ]);
    expect([EXIT_CODES.E_EXECUTOR, EXIT_CODES.E_DISK, 70, 137].map(actionOf)).toEqual([undefined, undefined, undefined, undefined]);
  });
});

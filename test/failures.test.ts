/** @file Every way in which a run can go wrong that a user can mend: one paragraph, a stable code and its exit status. */

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveCheckpoint } from '../src/cache/checkpoint.ts';
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from '../src/engine/index.ts';
import { type ErrorCode, EXIT_CODES } from '../src/util/errors.ts';
import { hashJson, sha256 } from '../src/util/files.ts';
import { type Ended, settings, stageFolder, start, TINY, withinProcess } from './helpers/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-failures-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A run with its histories and its teacher done; every case damages a copy. */
const base = join(folder, 'base');
beforeAll(async () => {
  const { status, stderr } = await withinProcess(['teacher', TINY, '--out', base]);
  expect(status, stderr).toBe(0);
}, 60_000);

const TEACHER = 'teacher-seed0';
const MODEL = 'model.safetensors';
const stage = (out: string, name: string, file: string) => join(stageFolder(out, name)!, file);
const shard = (out: string) => stage(out, 'generate', readdirSync(stageFolder(out, 'generate')!).find(name => name.endsWith('.arrow'))!);

/** Changes one bit in the middle. */
function alter(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] ^= 1;
  writeFileSync(path, bytes);
}

/** A tensor of another width in the place of the one called `name`. */
function narrow(tensors: Map<string, StoredTensor>, name: string): Map<string, StoredTensor> {
  expect(tensors.get(name)!.shape.at(-1)).toBe(16);
  const shape = [...tensors.get(name)!.shape.slice(0, -1), 8];
  return new Map(tensors).set(name, { shape, data: new Float32Array(shape.reduce((a, b) => a * b)) });
}

const embedding = 'teacher.policy.embed.weight';

/** Turns the finished teacher into one that stopped half-way, with the checkpoint that `change` makes of its weights. */
function unfinish(out: string, change: (tensors: Map<string, StoredTensor>) => Map<string, StoredTensor>, key?: string): void {
  const manifest = JSON.parse(readFileSync(stage(out, TEACHER, 'stage.json'), 'utf8'));
  const { tensors } = decodeSafetensors(readFileSync(stage(out, TEACHER, MODEL)));
  const state = ['parameters', 'moment1', 'moment2'].flatMap(slot =>
    [...tensors].map(([name, value]) => [`${slot}/${name}`, value] as const),
  );
  saveCheckpoint(stage(out, TEACHER, 'checkpoint.safetensors'), { key: key ?? manifest.key, step: 40, tensors: change(new Map(state)) });
  for (const name of ['stage.json', MODEL]) rmSync(stage(out, TEACHER, name));
}

/** A symbolic link in the folder of the tests. */
function link(target: string, name: string): void {
  rmSync(join(folder, name), { force: true });
  symlinkSync(target, join(folder, name));
}

/** Puts other bytes in the place of a finished file, as if they had been written there to begin with. */
function replace(out: string, name: string, file: string, bytes: Uint8Array): void {
  const path = stage(out, name, 'stage.json');
  const { sha256: _, ...record } = JSON.parse(readFileSync(path, 'utf8'));
  record.files[file] = sha256(bytes);
  writeFileSync(path, JSON.stringify({ ...record, sha256: hashJson(record) }));
  writeFileSync(stage(out, name, file), bytes);
}

interface Case {
  what: string;
  code: ErrorCode;
  /** Texts that the message must hold. */
  says: (string | RegExp)[];
  command?: string;
  set?: Record<string, unknown>;
  args?: string[];
  /** The experiment, when it is not the tiny one. */
  yaml?: string;
  prepare?: (out: string) => void;
  out?: string;
  limit?: number;
}

const unknown = (what: string, key: string, says: string[]): Case => ({ what, code: 'E_CONFIG', set: { [key]: 'nonesuch' }, says });

const CASES: Case[] = [
  {
    what: 'an unknown key',
    code: 'E_CONFIG',
    yaml: 'name: a\nmodel:\n  widht: 3\n',
    says: ['a.yaml:3:3: model.widht', 'nearest known key is "model.width"'],
  },
  {
    what: 'a mistyped value',
    code: 'E_CONFIG',
    yaml: 'name: a\nseed: one\n',
    says: ['a.yaml:2:7: seed: expected a number, came "one"'],
  },
  { what: 'a value out of range', code: 'E_CONFIG', set: { 'optimiser.learningRate': 7 }, says: ['expected at most 1, came 7'] },
  {
    what: 'a bad key of --set',
    code: 'E_CONFIG',
    set: { 'model.latent': 3 },
    says: ['--set model.latent=3', 'nearest known key is "model.latents"'],
  },
  { what: 'a missing file', code: 'E_CONFIG', yaml: '', says: ['a.yaml: there is no such file'] },
  unknown('an unknown tokenizer', 'tokenizer', ['expected one of packed, interleaved, came "nonesuch"']),
  unknown('an unknown environment', 'env.id', ['no environment "nonesuch"', 'dark-room']),
  unknown('an unknown source', 'source.id', ['no source "nonesuch"', 'r-max']),
  unknown('an unknown compressor', 'compressor', ['no compressor "nonesuch"', 'bottleneck']),
  { what: 'a compressor that makes no latents', code: 'E_CONFIG', set: { compressor: 'none' }, says: ['"none" makes no latents'] },
  { what: 'an unknown option of a source', code: 'E_CONFIG', set: { 'source.options': { foo: 1 } }, says: ['no option "foo"'] },
  {
    what: 'an unknown source in a further table',
    code: 'E_CONFIG',
    set: { tables: [{ name: 'q', set: { source: { id: 'nonesuch' } } }] },
    says: ['no source "nonesuch"'],
  },
  {
    what: 'a working memory longer than what it is the end of',
    code: 'E_SHAPE',
    set: { compressor: 'recurrent', 'compression.workingMemory': 21 },
    says: ['segment of 20 tokens', 'cannot hold 21'],
  },
  { what: 'more tasks held out than there are', code: 'E_SPLIT', set: { 'split.heldOut': 81 }, says: ['81 tasks of dark-room, got 81'] },
  {
    what: 'a number of tasks to draw where they are listed',
    code: 'E_SPLIT',
    set: { 'split.tasks': 9 },
    says: ['lists its 81 tasks', 'got 9'],
  },
  {
    what: 'an unknown option of an environment',
    code: 'E_CONFIG',
    set: { 'env.options': { foo: 1 } },
    says: ['no option "foo"', 'size, horizon'],
  },
  {
    what: 'a bandit without a number of tasks to draw',
    code: 'E_SPLIT',
    set: { env: { id: 'delayed-bandit' }, 'source.id': 'ucb' },
    says: ['tasks of delayed-bandit are drawn', 'split.tasks'],
  },
  {
    what: 'a source that plans where there is nothing to plan in',
    code: 'E_CONFIG',
    set: { env: { id: 'delayed-bandit' }, 'split.tasks': 9 },
    says: ['Source r-max plans in a table of states', 'delayed-bandit'],
  },
  {
    what: 'optimal actions as a teacher where there is nothing to plan in',
    code: 'E_CONFIG',
    set: { env: { id: 'delayed-bandit' }, 'source.id': 'ucb', 'split.tasks': 9, 'teacher.kind': 'monte-carlo' },
    says: ['teacher.kind monte-carlo plans in a table'],
  },
  {
    what: 'an evaluation with other actions than were trained',
    code: 'E_CONFIG',
    set: {
      env: { id: 'delayed-bandit' },
      'source.id': 'ucb',
      'split.tasks': 9,
      'evaluate.envs': [{ name: 'more', options: { arms: 12 } }],
    },
    says: ['evaluate.envs.more: its options change the action space', '"n":10', '"n":12'],
  },
  {
    what: 'an evaluation in which the models would have other shapes',
    code: 'E_CONFIG',
    set: { 'evaluate.envs': [{ name: 'long', options: { horizon: 30 } }] },
    says: ['evaluate.envs.long: its options change compressor.embed.positions (bottleneck) from [40,16]', 'to [60,16]'],
  },
  {
    what: 'a truncated shard',
    code: 'E_DATA',
    prepare: out => truncateSync(shard(out), 1000),
    says: ['shard-0000-', '.arrow', 'cut short', 'SHA-256'],
  },
  {
    what: 'an altered shard',
    code: 'E_DATA',
    prepare: out => alter(shard(out)),
    says: ['shard-0000-', '.arrow', 'altered', 'Delete the folder'],
  },
  { what: 'a missing shard', code: 'E_DATA', prepare: out => rmSync(shard(out)), says: ['shard-0000-', '.arrow', 'found no file'] },
  {
    what: 'an altered model',
    code: 'E_CHECKPOINT',
    prepare: out => alter(stage(out, TEACHER, MODEL)),
    says: [`${MODEL} was altered`, TEACHER],
  },
  {
    what: 'a manifest that is not JSON',
    code: 'E_CHECKPOINT',
    prepare: out => truncateSync(stage(out, TEACHER, 'stage.json'), 40),
    says: ['stage.json is not JSON', TEACHER],
  },
  {
    what: 'a checkpoint of another shape',
    code: 'E_CHECKPOINT',
    prepare: out => unfinish(out, tensors => narrow(tensors, `parameters/${embedding}`)),
    says: ['checkpoint.safetensors', `expected "parameters/${embedding}" of shape [26, 16], found shape [26, 8]`],
  },
  {
    what: 'a checkpoint of another configuration',
    code: 'E_CHECKPOINT',
    prepare: out => unfinish(out, tensors => tensors, 'f'.repeat(64)),
    says: ['checkpoint.safetensors', 'another configuration (key ffffffffffff', 'Delete it'],
  },
  {
    what: 'a truncated checkpoint',
    code: 'E_CHECKPOINT',
    prepare(out) {
      unfinish(out, tensors => tensors);
      truncateSync(stage(out, TEACHER, 'checkpoint.safetensors'), 50_000);
    },
    says: ['checkpoint.safetensors: this is not a whole safetensors file', '50000 bytes'],
  },
  {
    what: 'a checkpoint with a changed byte',
    code: 'E_CHECKPOINT',
    prepare(out) {
      unfinish(out, tensors => tensors);
      alter(stage(out, TEACHER, 'checkpoint.safetensors'));
    },
    says: ['checkpoint.safetensors was altered', 'expected SHA-256', 'Delete it'],
  },
  {
    what: 'a stage in the folder of another',
    code: 'E_CHECKPOINT',
    prepare(out) {
      const [own, other] = [stageFolder(out, TEACHER)!, stageFolder(out, 'generate')!];
      rmSync(own, { recursive: true });
      cpSync(other, own, { recursive: true });
    },
    says: ['stage.json is the record of another stage', TEACHER],
  },
  {
    what: 'a stage of an earlier version, without a hash of its record',
    code: 'E_CHECKPOINT',
    prepare(out) {
      const path = stage(out, TEACHER, 'stage.json');
      const { sha256: _, ...record } = JSON.parse(readFileSync(path, 'utf8'));
      writeFileSync(path, JSON.stringify(record));
    },
    says: ['stage.json', 'sha256', 'an earlier version', 'Delete the folder', 'cadenza run'],
  },
  {
    what: 'a finished model of another shape',
    code: 'E_CHECKPOINT',
    command: 'distil',
    set: { 'pretrain.steps': 0 },
    prepare(out) {
      const { tensors } = decodeSafetensors(readFileSync(stage(out, TEACHER, MODEL)));
      replace(out, TEACHER, MODEL, encodeSafetensors(narrow(tensors, embedding)));
    },
    says: [`${MODEL}: expected "${embedding}" of shape [26, 16], found shape [26, 8]`],
  },
  {
    // The kernel's own refusal to grow a file; src/util/files.test.ts has a disk that is really full.
    what: 'no room for a checkpoint',
    code: 'E_DISK',
    set: { 'teacher.steps': 70 },
    limit: 100,
    says: ['cannot write', 'checkpoint.safetensors', 'bytes)', 'EFBIG', 'What was there before is unchanged'],
  },
  {
    what: 'a read-only folder',
    code: 'E_DISK',
    // Root may write wherever permissions are all that forbids it.
    out: process.getuid?.() === 0 ? '/sys/cadenza' : join(folder, 'closed', 'run'),
    prepare: () => mkdirSync(join(folder, 'closed'), { mode: 0o555, recursive: true }),
    says: ['cannot write', 'Choose a folder you may write to'],
  },
  {
    what: 'a file in the place of the folder',
    code: 'E_DISK',
    out: join(TINY, 'run'),
    says: ['tiny.yaml/run', 'A file stands where a folder is needed'],
  },
  { what: 'an empty path', code: 'E_USAGE', out: '', says: ['--out: expected a path', 'empty'] },
  { what: 'a path with a NUL character', code: 'E_USAGE', out: 'a\0b', says: ['--out: expected a path', 'NUL'] },
  { what: 'a name that is too long', code: 'E_DISK', out: join(folder, 'x'.repeat(300)), says: ['ENAMETOOLONG', 'shorter'] },
  { what: 'a path that is too long', code: 'E_DISK', out: join(folder, 'x/'.repeat(3000)), says: ['ENAMETOOLONG', '…'] },
  {
    what: 'a symbolic link that leads nowhere',
    code: 'E_DISK',
    out: join(folder, 'dangling', 'run'),
    prepare: () => link('gone', 'dangling'),
    says: ['dangling', 'ENOENT', 'symbolic links'],
  },
  {
    what: 'a symbolic link that leads back to itself',
    code: 'E_DISK',
    out: join(folder, 'loop'),
    prepare: () => link('loop', 'loop'),
    says: ['loop', 'ELOOP'],
  },
  {
    what: 'a loss that turns NaN before any checkpoint',
    code: 'E_NUMERICS',
    set: { 'teacher.weightDecay': 1000, 'checkpoint.everySteps': 1000 },
    says: ['teacher (seed 0): the loss became NaN', /at step \d+ of 80/, 'No checkpoint had been written yet', 'Lower the learning rate'],
  },
];

/** The arguments of a case, in a fresh copy of the base. */
function prepared({ command = 'teacher', set = {}, args = [], yaml, prepare, out }: Case): string[] {
  const copy = mkdtempSync(join(folder, 'case-'));
  cpSync(base, copy, { recursive: true });
  prepare?.(copy);
  const file = join(copy, 'a.yaml');
  if (yaml) writeFileSync(file, yaml);
  return [command, yaml === undefined ? TINY : file, '--out', out ?? copy, ...settings(set), ...args];
}

function expectOneParagraph({ stderr }: Pick<Ended, 'stderr'>, code: ErrorCode, says: readonly (string | RegExp)[]): void {
  const lines = stderr.trimEnd().split('\n');
  const message = lines.at(-1)!;
  expect(message.startsWith(`cadenza: [${code}] `), stderr).toBe(true);
  // Whatever stands before is progress.
  for (const line of lines.slice(0, -1)) expect(line).toMatch(/^[a-z -]+(\(seed \d\))?: (\d+ of \d+|continues at|done in)/);
  for (const text of says) expect(message).toEqual(typeof text === 'string' ? expect.stringContaining(text) : expect.stringMatching(text));
}

describe('the command line explains', () => {
  it.each(CASES.filter(({ limit }) => !limit))('$what', async failure => {
    const { code, says } = failure;
    const ended = await withinProcess(prepared(failure));
    expect([ended.status, ended.stdout], ended.stderr).toEqual([EXIT_CODES[code], '']);
    expectOneParagraph(ended, code, says);
    const json = await withinProcess([...prepared(failure), '--json']);
    expect([json.status, json.stderr.includes('cadenza:')]).toEqual([EXIT_CODES[code], false]);
    expect(JSON.parse(json.stdout)).toEqual({ error: { code, message: expect.any(String) } });
  });

  // A process is slow to start, so each code ends only one.
  const sample = CASES.filter(({ code }, i) => CASES.findIndex(other => other.code === code) === i);
  it.each(sample)('$what, as a process that ends with $code', async failure => {
    const ended = await start(prepared(failure), failure).ended;
    expect([ended.status, ended.stdout], ended.stderr).toEqual([EXIT_CODES[failure.code], '']);
    expectOneParagraph(ended, failure.code, failure.says);
  });
});

describe('after a failure', () => {
  it('a loss that turned NaN leaves the last good checkpoint as it was, however often it is tried', async () => {
    const out = join(folder, 'diverging');
    cpSync(base, out, { recursive: true });
    rmSync(stageFolder(out, TEACHER)!, { recursive: true });
    const set = settings({ 'teacher.weightDecay': 1000, 'checkpoint.everySteps': 5 });
    const first = await withinProcess(['teacher', TINY, '--out', out, ...set]);
    const path = stage(out, TEACHER, 'checkpoint.safetensors');
    expectOneParagraph(first, 'E_NUMERICS', [`The last good checkpoint is ${path}`]);
    const failed = Number(/at step (\d+) of 80/.exec(first.stderr)?.[1]);
    const bytes = readFileSync(path);
    const { tensors, metadata } = decodeSafetensors(bytes);
    expect(Number(metadata.step)).toBe(5 * Math.floor((failed - 1) / 5));
    for (const { data } of tensors.values()) expect(data.every(Number.isFinite)).toBe(true);

    const again = await withinProcess(['teacher', TINY, '--out', out, ...set]);
    expect(again.status).toBe(EXIT_CODES.E_NUMERICS);
    expect(again.stderr.split('\n').at(-2)).toBe(first.stderr.split('\n').at(-2));
    expect(sha256(readFileSync(path))).toBe(sha256(bytes));
  });

  it('a run that had no room goes on once there is some', async () => {
    const out = join(folder, 'full');
    cpSync(base, out, { recursive: true });
    rmSync(stageFolder(out, TEACHER)!, { recursive: true });
    const args = ['teacher', TINY, '--out', out];
    expect((await start(args, { limit: 100 }).ended).status).toBe(EXIT_CODES.E_DISK);
    expect(readdirSync(stageFolder(out, TEACHER)!)).toEqual(['metrics.jsonl']);
    expect(await withinProcess(args)).toMatchObject({ status: 0 });
    expect(readFileSync(stage(out, TEACHER, MODEL)).equals(readFileSync(stage(base, TEACHER, MODEL)))).toBe(true);
  });
});

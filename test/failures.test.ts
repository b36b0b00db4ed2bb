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
import { carrying, type Needle } from './helpers/failure.ts';

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
  /** Settings, paths and values that the message must carry. */
  carries: Needle[];
  command?: string;
  set?: Record<string, unknown>;
  args?: string[];
  /** The experiment, when it is not the tiny one. */
  yaml?: string;
  prepare?: (out: string) => void;
  out?: string;
  limit?: number;
}

const unknown = (what: string, key: string, ...carries: Needle[]): Case => ({
  what,
  code: 'E_CONFIG',
  set: { [key]: 'nonesuch' },
  carries,
});

const CASES: Case[] = [
  {
    what: 'an unknown key',
    code: 'E_CONFIG',
    yaml: 'name: a\nmodel:\n  widht: 3\n',
    carries: ['a.yaml:3:3: model.widht', '"model.width"'],
  },
  { what: 'a mistyped value', code: 'E_CONFIG', yaml: 'name: a\nseed: one\n', carries: ['a.yaml:2:7: seed', '"one"'] },
  { what: 'a value out of range', code: 'E_CONFIG', set: { 'optimizer.learningRate': 7 }, carries: ['optimizer.learningRate', 1, 7] },
  { what: 'a bad key of --set', code: 'E_CONFIG', set: { 'model.latent': 3 }, carries: ['--set model.latent=3', '"model.latents"'] },
  { what: 'a missing file', code: 'E_CONFIG', yaml: '', carries: ['a.yaml'] },
  unknown('an unknown tokenizer', 'tokenizer', 'packed, interleaved', '"nonesuch"'),
  unknown('an unknown environment', 'env.id', '"nonesuch"', 'dark-room'),
  unknown('an unknown source', 'source.id', '"nonesuch"', 'r-max'),
  unknown('an unknown compressor', 'compressor', '"nonesuch"', 'bottleneck'),
  { what: 'a compressor that makes no latents', code: 'E_CONFIG', set: { compressor: 'none' }, carries: ['"none"'] },
  { what: 'an unknown option of a source', code: 'E_CONFIG', set: { 'source.options': { foo: 1 } }, carries: ['"foo"'] },
  {
    what: 'an unknown source in a further table',
    code: 'E_CONFIG',
    set: { tables: [{ name: 'q', set: { source: { id: 'nonesuch' } } }] },
    carries: ['"nonesuch"'],
  },
  {
    what: 'a working memory longer than what it is the end of',
    code: 'E_SHAPE',
    set: { compressor: 'recurrent', 'compression.workingMemory': 21 },
    carries: [20, 21],
  },
  {
    what: 'more tasks held out than there are',
    code: 'E_SPLIT',
    set: { 'split.heldOut': 81 },
    carries: ['split.heldOut', 81, 'dark-room'],
  },
  { what: 'a number of tasks to draw where they are listed', code: 'E_SPLIT', set: { 'split.tasks': 9 }, carries: ['split.tasks', 81, 9] },
  {
    what: 'an unknown option of an environment',
    code: 'E_CONFIG',
    set: { 'env.options': { foo: 1 } },
    carries: ['"foo"', 'size, horizon'],
  },
  {
    what: 'a bandit without a number of tasks to draw',
    code: 'E_SPLIT',
    set: { env: { id: 'delayed-bandit' }, 'source.id': 'ucb' },
    carries: ['delayed-bandit', 'split.tasks'],
  },
  {
    what: 'a source that plans where there is nothing to plan in',
    code: 'E_CONFIG',
    set: { env: { id: 'delayed-bandit' }, 'split.tasks': 9 },
    carries: ['r-max', 'delayed-bandit'],
  },
  {
    what: 'optimal actions as a teacher where there is nothing to plan in',
    code: 'E_CONFIG',
    command: 'finetune',
    set: { env: { id: 'delayed-bandit' }, 'source.id': 'ucb', 'split.tasks': 9, 'teacher.kind': 'monte-carlo' },
    carries: ['teacher.kind', 'monte-carlo', 'delayed-bandit'],
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
    carries: ['evaluate.envs.more', '"n":10', '"n":12'],
  },
  {
    what: 'an evaluation in which the models would have other shapes',
    code: 'E_CONFIG',
    set: { 'evaluate.envs': [{ name: 'long', options: { horizon: 30 } }] },
    carries: ['evaluate.envs.long', 'compressor.embed.positions', 'agent', '[40,16]', '[60,16]'],
  },
  {
    what: 'a truncated shard',
    code: 'E_DATA',
    prepare: out => truncateSync(shard(out), 1000),
    carries: ['shard-0000-', '.arrow', 'SHA-256'],
  },
  { what: 'an altered shard', code: 'E_DATA', prepare: out => alter(shard(out)), carries: ['shard-0000-', '.arrow', 'SHA-256'] },
  { what: 'a missing shard', code: 'E_DATA', prepare: out => rmSync(shard(out)), carries: ['shard-0000-', '.arrow'] },
  {
    what: 'an altered model',
    code: 'E_CHECKPOINT',
    prepare: out => alter(stage(out, TEACHER, MODEL)),
    carries: [MODEL, TEACHER, 'SHA-256'],
  },
  {
    what: 'a manifest that is not JSON',
    code: 'E_CHECKPOINT',
    prepare: out => truncateSync(stage(out, TEACHER, 'stage.json'), 40),
    carries: ['stage.json', 'JSON', TEACHER],
  },
  {
    what: 'a checkpoint of another shape',
    code: 'E_CHECKPOINT',
    prepare: out => unfinish(out, tensors => narrow(tensors, `parameters/${embedding}`)),
    carries: ['checkpoint.safetensors', `"parameters/${embedding}"`, '[26, 16]', '[26, 8]'],
  },
  {
    what: 'a checkpoint of another configuration',
    code: 'E_CHECKPOINT',
    prepare: out => unfinish(out, tensors => tensors, 'f'.repeat(64)),
    carries: ['checkpoint.safetensors', 'ffffffffffff'],
  },
  {
    what: 'a truncated checkpoint',
    code: 'E_CHECKPOINT',
    prepare(out) {
      unfinish(out, tensors => tensors);
      truncateSync(stage(out, TEACHER, 'checkpoint.safetensors'), 50_000);
    },
    carries: ['checkpoint.safetensors', 50000],
  },
  {
    what: 'a checkpoint with a changed byte',
    code: 'E_CHECKPOINT',
    prepare(out) {
      unfinish(out, tensors => tensors);
      alter(stage(out, TEACHER, 'checkpoint.safetensors'));
    },
    carries: ['checkpoint.safetensors', 'SHA-256'],
  },
  {
    what: 'a stage in the folder of another',
    code: 'E_CHECKPOINT',
    prepare(out) {
      const [own, other] = [stageFolder(out, TEACHER)!, stageFolder(out, 'generate')!];
      rmSync(own, { recursive: true });
      cpSync(other, own, { recursive: true });
    },
    carries: ['stage.json', TEACHER],
  },
  {
    what: 'a stage of an earlier version, without a hash of its record',
    code: 'E_CHECKPOINT',
    prepare(out) {
      const path = stage(out, TEACHER, 'stage.json');
      const { sha256: _, ...record } = JSON.parse(readFileSync(path, 'utf8'));
      writeFileSync(path, JSON.stringify(record));
    },
    carries: ['stage.json', 'sha256', '--fresh', /^(?!.*<experiment>)/],
  },
  {
    what: 'a finished model of another shape',
    code: 'E_CHECKPOINT',
    command: 'distill',
    set: { 'pretrain.steps': 0 },
    prepare(out) {
      const { tensors } = decodeSafetensors(readFileSync(stage(out, TEACHER, MODEL)));
      replace(out, TEACHER, MODEL, encodeSafetensors(narrow(tensors, embedding)));
    },
    carries: [MODEL, `"${embedding}"`, '[26, 16]', '[26, 8]'],
  },
  {
    // The kernel's own refusal to grow a file; src/util/files.test.ts has a disk that is really full.
    what: 'no room for a checkpoint',
    code: 'E_DISK',
    set: { 'teacher.steps': 70 },
    limit: 100,
    carries: ['checkpoint.safetensors', /\d+ bytes/, 'EFBIG'],
  },
  {
    what: 'a read-only folder',
    code: 'E_DISK',
    // Root may write wherever permissions are all that forbids it.
    out: process.getuid?.() === 0 ? '/sys/cadenza' : join(folder, 'closed', 'run'),
    prepare: () => mkdirSync(join(folder, 'closed'), { mode: 0o555, recursive: true }),
    carries: [/\/(sys\/cadenza|closed\/run)/],
  },
  { what: 'a file in the place of the folder', code: 'E_DISK', out: join(TINY, 'run'), carries: ['tiny.yaml/run'] },
  { what: 'an empty path', code: 'E_USAGE', out: '', carries: ['--out'] },
  { what: 'a path with a NUL character', code: 'E_USAGE', out: 'a\0b', carries: ['--out', 'NUL'] },
  { what: 'a name that is too long', code: 'E_DISK', out: join(folder, 'x'.repeat(300)), carries: ['ENAMETOOLONG'] },
  { what: 'a path that is too long', code: 'E_DISK', out: join(folder, 'x/'.repeat(3000)), carries: ['ENAMETOOLONG', '…'] },
  {
    what: 'a symbolic link that leads nowhere',
    code: 'E_DISK',
    out: join(folder, 'dangling', 'run'),
    prepare: () => link('gone', 'dangling'),
    carries: ['dangling', 'ENOENT'],
  },
  {
    what: 'a symbolic link that leads back to itself',
    code: 'E_DISK',
    out: join(folder, 'loop'),
    prepare: () => link('loop', 'loop'),
    carries: ['loop', 'ELOOP'],
  },
  {
    what: 'a loss that turns NaN before any checkpoint',
    code: 'E_NUMERICS',
    set: { 'teacher.weightDecay': 1000, 'checkpoint.everySteps': 1000 },
    carries: ['teacher', 'NaN', /\d+\b.*\b80\b/],
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

function expectOneParagraph({ stderr }: Pick<Ended, 'stderr'>, code: ErrorCode, carries: readonly Needle[]): void {
  const lines = stderr.trimEnd().split('\n');
  const message = lines.at(-1)!;
  expect(message.startsWith(`cadenza: [${code}] `), stderr).toBe(true);
  // Whatever stands before is progress.
  for (const line of lines.slice(0, -1)) expect(line).toMatch(/^\S.*: .*\d/);
  expect(message).toEqual(carrying(...carries));
}

describe('the command line explains', () => {
  it.each(CASES.filter(({ limit }) => !limit))('$what', async failure => {
    const { code, carries } = failure;
    const ended = await withinProcess(prepared(failure));
    expect([ended.status, ended.stdout], ended.stderr).toEqual([EXIT_CODES[code], '']);
    expectOneParagraph(ended, code, carries);
    const json = await withinProcess([...prepared(failure), '--json']);
    expect([json.status, json.stderr.includes('cadenza:')]).toEqual([EXIT_CODES[code], false]);
    expect(JSON.parse(json.stdout)).toEqual({ error: { code, message: expect.any(String) } });
  });

  // A process is slow to start, so each code ends only one.
  const sample = CASES.filter(({ code }, i) => CASES.findIndex(other => other.code === code) === i);
  it.each(sample)('$what, as a process that ends with $code', async failure => {
    const ended = await start(prepared(failure), failure).ended;
    expect([ended.status, ended.stdout], ended.stderr).toEqual([EXIT_CODES[failure.code], '']);
    expectOneParagraph(ended, failure.code, failure.carries);
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
    expectOneParagraph(first, 'E_NUMERICS', [path]);
    const failed = Number(/ (\d+)\D+80\b/.exec(first.stderr.split('\n').at(-2)!)?.[1]);
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

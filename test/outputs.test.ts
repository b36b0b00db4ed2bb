/** @file One folder, several configurations: what lies in it is always of one, what is examined belongs together, and nothing is lost. */

import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { openRun } from '../src/analysis/finished.ts';
import { openTasks } from '../src/histories/tasks.ts';
import { sha256 } from '../src/util/files.ts';
import { settings, TINY, withinProcess } from './helpers/command.ts';
import { describeAs } from './helpers/exported.ts';
import { carrying, exit } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-outputs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SHORT = {
  ...Object.fromEntries(['teacher', 'pretrain', 'distill', 'finetune', 'baselines'].map(stage => [`${stage}.steps`, 2])),
  'source.episodes': 6,
  'evaluate.streams': 1,
  'evaluate.episodes': 2,
  'baselines.methods': [],
};
const run = (out: string, set: Record<string, unknown> = {}, ...args: string[]) =>
  withinProcess(['run', TINY, '--out', out, ...settings({ ...SHORT, ...set }), ...args]);
const base = join(folder, 'base');
const copy = (name: string) => {
  const out = join(folder, name);
  cpSync(base, out, { recursive: true });
  return out;
};
const outputs = (out: string) => readdirSync(out).filter(name => !['stages', 'earlier', 'progress.json'].includes(name));
const hashes = (out: string) =>
  Object.fromEntries(
    ['config.yaml', 'results.json', 'returns.json', 'model/model.json'].map(file => [file, sha256(readFileSync(join(out, file)))]),
  );
const OTHER = { 'split.seed': 3 };

beforeAll(async () => {
  expect(await run(base)).toMatchObject({ status: 0 });
}, 60_000);

describe('a second configuration in the folder of a finished run', () => {
  it('leaves the first one whole until it is finished itself', async () => {
    const out = copy('interrupted');
    const before = hashes(out);
    // Fails on the way, as an interrupt would.
    const ended = await run(out, { ...OTHER, 'teacher.weightDecay': 1e30, 'teacher.steps': 80 });
    expect(ended).toEqual(exit('E_NUMERICS'));
    expect(ended.stderr).toEqual(carrying('split.seed: 0 → 3', /\bearlier.[0-9a-f]{12}\b/));
    expect(hashes(out)).toEqual(before);
    const { config, family } = await openRun(out);
    const stored = await withinProcess(['store', 'build', out, '--out', join(out, 'a.db'), '--from', 'test', '--streams', '1', '--json']);
    expect([stored.status, config.split.seed], stored.stderr).toEqual([0, 0]);
    const { trainTasks } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')).split;
    for (const task of openTasks(config).test) expect(trainTasks ?? []).not.toContain(family.taskKey(task));
  });

  it('moves the first one to earlier/, whole, and the first comes back without training', async () => {
    const out = copy('second');
    const [before, names] = [hashes(out), outputs(out)];
    const second = await run(out, OTHER);
    expect(second.status, second.stderr).toBe(0);
    const [moved] = readdirSync(join(out, 'earlier'));
    expect(moved).toBe(before['config.yaml'].slice(0, 12));
    expect(hashes(join(out, 'earlier', moved))).toEqual(before);
    expect(readdirSync(join(out, 'earlier', moved)).sort()).toEqual(names.sort());
    expect((await openRun(out)).config.split.seed).toBe(3);
    const back = await run(out);
    expect([back.status, back.stderr.match(/^(teacher|distill|finetune) .*done/m)]).toEqual([0, null]);
    expect({ ...hashes(out), 'results.json': '' }).toEqual({ ...before, 'results.json': '' });
    expect(readdirSync(join(out, 'earlier'))).toHaveLength(2);
    // And again: what was moved before is not overwritten.
    expect(await run(out, OTHER)).toMatchObject({ status: 0 });
    expect(readdirSync(join(out, 'earlier')).sort()).toEqual(expect.arrayContaining([moved, `${moved}-2`]));
  });

  it('that is for some stages only touches no output', async () => {
    const out = copy('stages');
    const before = hashes(out);
    expect(await withinProcess(['generate', TINY, '--out', out, ...settings({ ...SHORT, ...OTHER })])).toMatchObject({ status: 0 });
    expect(hashes(out)).toEqual(before);
    expect(existsSync(join(out, 'earlier'))).toBe(false);
  });
});

describe('the same command again', () => {
  it('says in one line what it reuses and what it makes', async () => {
    const out = copy('again');
    const said = async (...args: Parameters<typeof run>) =>
      (await run(...args)).stderr.split('\n').filter(line => /^\w+: generate\b.*;/.test(line));
    expect(await said(join(folder, 'new'))).toEqual([]);
    const [again] = await said(out);
    const [before, after] = again.split(';');
    expect([before, /finetune|seed/.test(after)]).toEqual([
      carrying('generate, ', 'teacher, pretrain, distill, finetune, ', 'evaluate-cad'),
      false,
    ]);
    const [some] = await said(out, { 'finetune.steps': 3 });
    expect(some.split(';')).toEqual([carrying('generate, ', 'teacher, pretrain, distill, '), carrying('finetune, ', 'evaluate-cad')]);
  });

  it('removes old halves of files of ours, and nothing else', async () => {
    const out = copy('halves');
    const [old, fresh, foreign, half] = ['results.json.4.tmp', 'returns.json.5.tmp', 'mine.json.6.tmp', 'model/act.onnx.7.tmp'];
    for (const name of [old, fresh, foreign, half]) {
      writeFileSync(join(out, name), 'half');
      if (name !== fresh) utimesSync(join(out, name), 1e9, 1e9);
    }
    expect(await run(out)).toMatchObject({ status: 0 });
    expect([old, fresh, foreign, half].map(name => existsSync(join(out, name)))).toEqual([false, true, true, false]);
  });
});

describe('inspect and store refuse', () => {
  const refused = async (out: string, file: string) => {
    for (const args of [
      ['inspect', out],
      ['store', 'build', out, '--out', join(out, 'a.db'), '--from', 'test'],
    ]) {
      expect(await withinProcess(args)).toEqual(exit('E_CHECKPOINT', file));
    }
  };

  it('a config.yaml that is not the one of the model', async () => {
    const out = copy('mixed');
    const path = join(out, 'config.yaml');
    const text = readFileSync(path, 'utf8');
    expect(parse(text).split.seed).toBe(0);
    writeFileSync(path, text.replace(/(split:[\s\S]*?seed: )0/, '$13'));
    await refused(out, 'config.yaml');
    rmSync(path);
    await refused(out, 'config.yaml');
  });

  it('a model that does not say which experiment it is of, and one of other tasks', async () => {
    const out = copy('old');
    const model = join(out, 'model');
    const { experiment, ...old } = JSON.parse(readFileSync(join(model, 'model.json'), 'utf8'));
    describeAs(model, old);
    await refused(out, 'config.yaml');
    describeAs(model, { ...old, experiment: { ...experiment, tasks: '0'.repeat(64) } });
    await refused(out, out);
  });
});

it('names the path where config.yaml is a folder', async () => {
  const out = join(folder, 'obstructed');
  mkdirSync(join(out, 'config.yaml'), { recursive: true });
  expect(await run(out)).toEqual(exit('E_DISK', join(out, 'config.yaml')));
});

describe('without the stage that made the histories', () => {
  const commands = [
    ['export', '--format', 'minari', '--out', join(folder, 'none.hdf5')],
    ['store', 'build', '--out', join(folder, 'none.db')],
    ['inspect', '--out', join(folder, 'none')],
  ];

  it.each(commands)('%s says which command makes it again', async (...args) => {
    const deleted = copy(`deleted ${args[0]}`);
    const damaged = copy(`damaged ${args[0]}`);
    const older = copy(`older ${args[0]}`);
    const stageOf = (out: string) => join(out, 'stages', readdirSync(join(out, 'stages')).find(name => name.startsWith('generate-'))!);
    rmSync(stageOf(deleted), { recursive: true });
    writeFileSync(join(stageOf(damaged), 'stage.json'), '{}');
    for (const out of [deleted, damaged]) {
      const { status, stderr } = await withinProcess([...args, out]);
      expect(status, stderr).toBeGreaterThan(0);
      expect(stderr).toContain(`"cadenza run <experiment> --out ${out}"`);
      expect(stderr).not.toContain('--fresh');
    }
    // Of a version that wrote no hashes, every stage is to be made again.
    for (const name of readdirSync(join(older, 'stages'))) {
      const path = join(older, 'stages', name, 'stage.json');
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), sha256: undefined }));
    }
    expect(await withinProcess([...args, older])).toEqual(exit('E_CHECKPOINT', 'stage.json', '--fresh'));
  });
});

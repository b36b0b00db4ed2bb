import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import type { Task } from '../rl/env.ts';
import { type History, inMemory } from '../rl/history.ts';
import { writeJson } from '../util/files.ts';
import { readManifest } from './manifest.ts';
import { splitTasks } from './split.ts';
import { openHistories, type Provenance, saveHistories } from './store.ts';

const family = {
  id: 'toy-line',
  observationSpace: { kind: 'multi-discrete', nvec: [10] } as const,
  actionSpace: { kind: 'discrete', n: 3 } as const,
  horizon: 5,
  tasks: (): Task[] => Array.from({ length: 10 }, (_, goal) => ({ goal })),
  taskKey: (task: Task) => `goal=${task.goal}`,
};
const sides = splitTasks(family, { heldOut: 2, seed: 3 });
const about: Provenance = {
  source: { id: 'toy', options: { rate: 0.5, depths: [1, 2] }, knows: 'nothing' },
  seed: 3,
  noise: null,
  split: { train: sides.train.map(family.taskKey), test: sides.test.map(family.taskKey) },
  creator: { version: '0.1.0', node: process.version, commit: null },
};

function historyOf(task: Task, T = 20): History {
  const column = (n: number) => Float32Array.from({ length: n }, (_, i) => (i + Number(task.goal)) % 7);
  const truncated = Uint8Array.from({ length: T }, (_, t) => Number(t % 5 === 4));
  const flags = { terminated: new Uint8Array(T), truncated };
  const labels = { task, taskKey: family.taskKey(task), stream: `toy/${task.goal}` };
  const seen = { observation: column(T), nextObservation: column(T), reward: column(T), probabilities: column(3 * T) };
  return { ...labels, ...seen, ...flags, action: Int32Array.from({ length: T }, (_, t) => t % 3) };
}
const histories = sides.train.map(task => historyOf(task));

let folder: string;
const save = (data: readonly History[] = histories, shardBytes?: number) => saveHistories(folder, family, data, about, shardBytes);
const shardFiles = () => readdirSync(folder).filter(file => file.endsWith('.arrow'));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cadenza-store-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test.each([undefined, 1500, 1])('what is saved is what is opened, in shards of at most %s bytes', shardBytes => {
  const { manifest, dataHash } = save(histories, shardBytes);
  const opened = openHistories(folder, family);
  expect({ ...opened, histories: opened.histories.map(inMemory) }).toEqual({ manifest, dataHash, histories });
  expect(manifest.shards.length).toBe(shardBytes === undefined ? 1 : shardBytes === 1 ? 8 : 4);
});

test('the data hash names the content: not its maker, but its order, its split and its numbers', () => {
  const { dataHash } = save();
  const creator = { version: '9.9.9', node: 'v99', commit: 'abc' };
  expect(saveHistories(folder, family, histories, { ...about, creator }).dataHash).toBe(dataHash);
  expect(saveHistories(folder, family, histories, { ...about, seed: 4 }).dataHash).not.toBe(dataHash);
  expect(save([...histories].reverse()).dataHash).not.toBe(dataHash);
});

test('saving again replaces the older shards, and a refused save leaves them whole', () => {
  save(histories, 1);
  const { dataHash } = save(histories.slice(0, 3));
  expect(shardFiles().length).toBe(1);
  expect(() => save(sides.test.map(task => historyOf(task)))).toThrow(failure('E_SPLIT', family.taskKey(sides.test[0])));
  expect(openHistories(folder, family).dataHash).toBe(dataHash);
});

describe('openHistories refuses', () => {
  test('a missing shard', () => {
    save(histories, 1);
    rmSync(join(folder, shardFiles()[4]));
    expect(() => openHistories(folder, family)).toThrow(failure('E_DATA', 'shard-0004'));
  });
  test('an altered shard', () => {
    save();
    const path = join(folder, shardFiles()[0]);
    const bytes = readFileSync(path);
    bytes[700] ^= 128;
    writeFileSync(path, bytes);
    expect(() => openHistories(folder, family)).toThrow(failure('E_DATA', 'shard-0000', 'sha256'));
  });
  test('counts that the shard does not have', () => {
    const { manifest } = save();
    writeJson(join(folder, 'manifest.json'), { ...manifest, shards: [{ ...manifest.shards[0], histories: 9 }] });
    expect(() => openHistories(folder, family)).toThrow(failure('E_DATA', 9, 8));
  });
  test('another environment', () => {
    save();
    expect(() => openHistories(folder, { ...family, horizon: 6 })).toThrow(failure('E_DATA', '"horizon":5', '"horizon":6'));
  });
  test('a manifest whose split was edited to overlap', () => {
    const { manifest } = save();
    const test = [...manifest.split.test, manifest.split.train[0]];
    writeJson(join(folder, 'manifest.json'), { ...manifest, split: { ...manifest.split, test } });
    expect(() => openHistories(folder, family)).toThrow(failure('E_SPLIT', manifest.split.train[0]));
  });
  test('a manifest whose held-out task was swapped for a trained one', () => {
    const { manifest } = save();
    const { train, test } = manifest.split;
    writeJson(join(folder, 'manifest.json'), { ...manifest, split: { train: [...train.slice(1), test[0]], test: [train[0], test[1]] } });
    expect(() => openHistories(folder, family)).toThrow(failure('E_SPLIT', train[0]));
  });
});

describe('readManifest', () => {
  test('a folder without one', () => {
    expect(() => readManifest(folder)).toThrow(failure('E_DATA', 'manifest.json', '`cadenza generate`'));
  });
  test('a cut-off one', () => {
    save();
    const path = join(folder, 'manifest.json');
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 200));
    expect(() => readManifest(folder)).toThrow(failure('E_DATA', 'manifest.json'));
  });
  test.each([
    ['shards.0.sha256', undefined],
    ['shards.0.file', '../../etc/passwd'],
    ['environment.observationSpace.kind', 'sound'],
    ['formatVersion', 2],
    ['split.test', 'none'],
    ['source.options', 'fast'],
  ])('a fault at %s is named', (field, value) => {
    const manifest: unknown = structuredClone(save().manifest);
    const keys = field.split('.');
    const parent = keys.slice(0, -1).reduce((part, key) => (part as Record<string, unknown>)[key], manifest);
    (parent as Record<string, unknown>)[keys[keys.length - 1]] = value;
    writeJson(join(folder, 'manifest.json'), manifest);
    expect(() => readManifest(folder)).toThrow(failure('E_DATA', `${field}: `));
  });
});

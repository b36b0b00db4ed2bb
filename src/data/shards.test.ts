import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { failure, type Needle } from '../../test/helpers/failure.ts';
import { episodeStarts, type History, inMemory } from '../rl/history.ts';
import { Random } from '../util/random.ts';
import { type ShardEntry, writeShard } from './shards.ts';
import { openShards } from './stored.ts';

const meta = { environment: 'toy', F: 2, A: 5 };

function randomHistory(T: number, random: Random, { F, A } = meta): History {
  const fill = (n: number) => Float32Array.from({ length: n }, () => random.uniform());
  return {
    task: { goal: [random.integer(9), 1] },
    taskKey: `goal ${random.integer(9)}`,
    stream: `seed ${T}`,
    observation: fill(T * F),
    action: Int32Array.from({ length: T }, () => random.integer(A)),
    probabilities: fill(T * A),
    reward: fill(T),
    nextObservation: fill(T * F),
    terminated: Uint8Array.from({ length: T }, () => random.integer(2)),
    truncated: Uint8Array.from({ length: T }, () => random.integer(2)),
  };
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cadenza-shards-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('histories of any length and width come back equal', () => {
  const sizes = fc.record({
    lengths: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }),
    F: fc.integer({ min: 1, max: 5 }),
    A: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(sizes, ({ lengths, F, A }) => {
      const shape = { environment: 'toy', F, A };
      const histories = lengths.map((T, i) => randomHistory(T, Random.seeded(i), shape));
      const entry = writeShard(folder, 0, histories, shape);
      expect(entry.transitions).toBe(lengths.reduce((a, b) => a + b));
      expect(openShards(folder, [entry]).map(inMemory)).toEqual(histories);
    }),
    { numRuns: 50, seed: 1 },
  );
});

test('equal histories give equal bytes, and any Arrow reader opens them', () => {
  const write = () => writeShard(folder, 3, [randomHistory(20, Random.seeded(7)), randomHistory(9, Random.seeded(8))], meta);
  const entry = write();
  const bytes = readFileSync(join(folder, entry.file));
  expect(entry).toMatchObject({
    file: `shard-0003-${entry.sha256.slice(0, 16)}.arrow`,
    bytes: bytes.length,
    histories: 2,
    transitions: 29,
  });
  rmSync(join(folder, entry.file));
  expect(write()).toEqual(entry);
  expect(readFileSync(join(folder, entry.file)).equals(bytes)).toBe(true);
  const table = tableFromIPC(bytes);
  expect(table.numRows).toBe(29);
  expect(table.schema.fields.map(String)).toContain('probabilities: FixedSizeList[5]<Float32>');
});

test('columns of a history are views of one buffer', () => {
  const entry = writeShard(folder, 0, [randomHistory(20, Random.seeded(1)), randomHistory(30, Random.seeded(2))], meta);
  const [first, second] = openShards(folder, [entry]);
  expect(first.observation.buffer).toBe(first.truncated.buffer);
  expect(first.observation.buffer).not.toBe(second.observation.buffer);
});

describe('histories on the disk', () => {
  const written = [40, 7, 23, 1].map((T, i) => randomHistory(T, Random.seeded(i)));
  const open = (kept?: number) => {
    const entries = [written.slice(0, 3), written.slice(3)].map((some, i) => writeShard(folder, i, some, meta));
    return { entries, histories: openShards(folder, entries, { kept }) };
  };

  test.each([0, 2000, undefined])('come back equal in any order, however many bytes are kept (%s)', kept => {
    const { histories } = open(kept);
    for (const i of [0, 3, 1, 1, 2, 0, 3, 2]) expect(inMemory(histories[i])).toEqual(written[i]);
  });
  test('are read again only if others took their place', () => {
    const { histories } = open(2000);
    const before = histories[1].reward;
    expect(histories[1].reward).toBe(before);
    expect(histories[0].reward.length).toBe(40);
    expect(histories[1].reward).not.toBe(before);
    expect(histories[1].reward).toEqual(before);
  });
  test('tell their episodes without their columns', () => {
    const { entries, histories } = open();
    for (const { file } of entries) rmSync(join(folder, file));
    expect(histories.map(episodeStarts)).toEqual(written.map(episodeStarts));
    expect(() => histories[2].reward).toThrow(failure('E_DATA', 'shard-0000-'));
  });
  test('that were cut off after they were opened are refused when they are read', () => {
    const { entries, histories } = open();
    truncateSync(join(folder, entries[0].file), 2000);
    expect(() => histories[2].reward).toThrow(failure('E_DATA', 'shard-0000-'));
  });
  test('of one task share it', () => {
    const same = written.map(history => ({ ...history, task: { goal: [3, 1] }, taskKey: 'goal 3' }));
    const [first, second] = openShards(folder, [writeShard(folder, 0, same, meta)]);
    expect(first.task).toBe(second.task);
  });
});

describe('damage', () => {
  const damaged = (damage: (path: string) => void) => {
    const entry = writeShard(folder, 0, [randomHistory(200, Random.seeded(1))], meta);
    const path = join(folder, entry.file);
    damage(path);
    return () => openShards(folder, [entry]);
  };
  const refusal = (...needles: Needle[]) => failure('E_DATA', ...needles);

  test.each([0.01, 0.5, 0.999])('one altered byte, %d of the way in', where => {
    const read = damaged(path => {
      const bytes = readFileSync(path);
      bytes[Math.floor(bytes.length * where)] ^= 1;
      writeFileSync(path, bytes);
    });
    expect(read).toThrow(refusal('shard-0000-', /\b[0-9a-f]{64}\b.*\b[0-9a-f]{64}\b/));
  });
  test('truncated', () => {
    expect(damaged(path => truncateSync(path, 100))).toThrow(refusal('shard-0000-', /\d+ bytes/, 100));
  });
  test('missing', () => {
    expect(damaged(path => rmSync(path))).toThrow(refusal('shard-0000-'));
  });
  test('the right hash of something else', () => {
    const sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    const entry: ShardEntry = { file: 'abc.arrow', sha256, bytes: 3, histories: 1, transitions: 1, tasks: 1 };
    writeFileSync(join(folder, 'abc.arrow'), 'abc');
    expect(() => openShards(folder, [entry])).toThrow(refusal('abc.arrow'));
  });
});

describe('unusable histories are refused before anything is written', () => {
  const good = randomHistory(10, Random.seeded(1));
  test.each([
    [{ ...good, reward: new Float32Array(9) }, failure('E_SHAPE', "'seed 10'", 'reward', '[10 × 1]', 10, 9)],
    [{ ...good, probabilities: new Float32Array(40) }, failure('E_SHAPE', 'probabilities', '[10 × 5]', 50, 40)],
    [{ ...good, action: new Int32Array(10).fill(5) }, failure('E_SHAPE', '[0, 5)', 0, 5)],
    [{ ...good, observation: new Float64Array(20) as never }, failure('E_SHAPE', 'observation', 'Float32Array', 'Float64Array')],
    [{ ...good, reward: new Float32Array(10).fill(Number.NaN, 4) }, failure('E_NUMERICS', 'reward[4]', 'NaN')],
    [randomHistory(0, Random.seeded(1)), failure('E_SHAPE')],
  ])('%#', (history, refusal) => {
    expect(() => writeShard(folder, 0, [history], meta)).toThrow(refusal);
  });
});

import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { failure, type Needle } from '../../test/helpers/failure.ts';
import type { History } from '../rl/history.ts';
import { Random } from '../util/random.ts';
import { readShard, writeShard } from './shards.ts';

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
      expect(readShard(join(folder, entry.file), entry)).toEqual(histories);
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

test('columns are views of one buffer: nothing is copied', () => {
  const entry = writeShard(folder, 0, [randomHistory(20, Random.seeded(1)), randomHistory(30, Random.seeded(2))], meta);
  const [first, second] = readShard(join(folder, entry.file), entry);
  expect(first.observation.buffer).toBe(second.truncated.buffer);
});

describe('damage', () => {
  const damaged = (damage: (path: string) => void) => {
    const entry = writeShard(folder, 0, [randomHistory(200, Random.seeded(1))], meta);
    const path = join(folder, entry.file);
    damage(path);
    return () => readShard(path, entry);
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
    const entry = { sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', bytes: 3 };
    writeFileSync(join(folder, 'abc.arrow'), 'abc');
    expect(() => readShard(join(folder, 'abc.arrow'), entry)).toThrow(refusal('abc.arrow'));
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

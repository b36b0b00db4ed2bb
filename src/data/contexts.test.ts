import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { damagedBytes, fuzz } from '../../test/helpers/fuzz.ts';
import type { ErrorCode } from '../util/errors.ts';
import { Random } from '../util/random.ts';
import { type Context, ContextDatabase, type ContextModel, DatabaseLocked } from './contexts.ts';
import { codeUsage, metricsOf, nearestContexts, retrievals } from './retrieval.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cadenza-contexts-'));
  path = join(folder, 'deep', 'contexts.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const model: ContextModel = { hash: 'a'.repeat(64), environment: 'toy', latentShape: [1, 2], configuration: { width: 2 } };

const context = (hash: string, task: string, stream: string, latents: [number, number], codes?: number[]): Context => ({
  hash,
  task,
  side: 'train',
  stream,
  episode: 3,
  return: 1.5,
  latents: Float32Array.from(latents),
  ...(codes ? { codes: Uint16Array.from(codes) } : {}),
});

const three = [
  context('1', 'x', 'x#0', [0, 0.1], [1, 2, 3]),
  context('2', 'x', 'x#1', [3, 4], [1, 2, 65535]),
  context('3', 'y', 'y#0', [-1, 0], [0, 2, 3]),
];

const fill = (contexts: readonly Context[]) => {
  const store = ContextDatabase.open(path, model);
  store.insert(contexts);
  return store;
};

describe('ContextStore', () => {
  it('gives back what was put in, in order, after it was closed', () => {
    fill(three).close();
    const store = ContextDatabase.open(path);
    const { rows, latents, codes } = store.load();
    expect(store.model).toEqual({ ...model, format: 'cadenza-contexts-2' });
    expect(rows).toEqual(three.map(({ latents: _l, codes: _c, ...about }) => about));
    expect(latents).toEqual(Float32Array.of(0, 0.1, 3, 4, -1, 0));
    expect(codes).toEqual(Uint16Array.of(1, 2, 3, 1, 2, 65535, 0, 2, 3));
    store.close();
  });

  it('keeps a context once, however often it is inserted', () => {
    const store = fill(three);
    expect([store.insert(three), store.count]).toEqual([0, 3]);
    expect(store.insert([three[0], context('4', 'y', 'y#1', [0, 0], [1, 1, 1])])).toBe(1);
    expect([store.count, store.has('4'), store.has('5')]).toEqual([4, true, false]);
    store.close();
  });

  it('takes all contexts of one insertion or none', () => {
    const store = fill([]);
    const wrong = { ...three[1], latents: new Float32Array(3) };
    expect(() => store.insert([three[0], wrong])).toThrow(failure('E_SHAPE', 2, '[1,2]', 3));
    expect(store.count).toBe(0);
    store.close();
  });

  it('has no codes where the model has none', () => {
    const store = fill([context('1', 'x', 'x#0', [1, 2])]);
    expect(store.load().codes).toBeUndefined();
    store.close();
  });

  it('refuses another model, and says which two there are', () => {
    fill(three).close();
    const open = () => ContextDatabase.open(path, { ...model, hash: 'b'.repeat(64) });
    expect(open).toThrow(failure('E_CHECKPOINT', 'a'.repeat(12), 'b'.repeat(12)));
    ContextDatabase.open(path, { ...model, configuration: 'given otherwise' }).close();
  });

  it('takes little more room than its latents', () => {
    const wide = ContextDatabase.open(path, { ...model, latentShape: [8, 64] });
    const contexts = Array.from({ length: 400 }, (_, i) => ({
      ...context(String(i).padStart(64, '0'), 'x', 'x#0', [0, 0]),
      latents: new Float32Array(512),
    }));
    wide.insert(contexts);
    expect(wide.bytes / contexts.length).toBeLessThan(1.35 * 2048);
    wide.close();
  });

  it('begins in the empty file that a killed process left', () => {
    const empty = join(folder, 'empty.db');
    writeFileSync(empty, '');
    const store = ContextDatabase.open(empty, model);
    expect([store.insert(three), store.count]).toEqual([3, 3]);
    store.close();
  });

  it('refuses a file that is not there, is no database, or is another one', () => {
    expect(() => ContextDatabase.open(path)).toThrow(failure('E_DATA', path, '"cadenza store build"'));
    expect(() => ContextDatabase.open(path, model, { create: false })).toThrow(failure('E_DATA', path));
    const text = join(folder, 'text.db');
    writeFileSync(text, 'not a database at all, but long enough to be read as the header of one'.repeat(20));
    expect(() => ContextDatabase.open(text, model)).toThrow(failure('E_DATA', 'text.db'));
    const other = join(folder, 'other.db');
    const db = new Database(other);
    db.exec('CREATE TABLE songs (name TEXT)');
    db.close();
    expect(() => ContextDatabase.open(other, model)).toThrow(failure('E_DATA', 'other.db'));
    const empty = join(folder, 'empty.db');
    writeFileSync(empty, '');
    expect(() => ContextDatabase.open(empty)).toThrow(failure('E_DATA', 'empty.db', '"cadenza store build'));
    expect(() => ContextDatabase.open(folder, model)).toThrow(failure('E_DISK', folder));
  });
});

describe('a damaged store', () => {
  const refused = (code: ErrorCode) => failure(code, 'contexts.db');
  const read = (at = path) => {
    const store = ContextDatabase.open(at);
    try {
      return store.load();
    } finally {
      store.close();
    }
  };

  it.each([
    ["UPDATE contexts SET task = CAST(X'ff41' AS TEXT)"],
    ["UPDATE contexts SET hash = CAST(X'ff41' AS TEXT) WHERE rowid = 2"],
    ["UPDATE about SET value = CAST(X'ff' AS TEXT)"],
    ["UPDATE about SET key = CAST(X'ff' AS TEXT) WHERE key = 'format'"],
    ["UPDATE about SET value = '[1e9, 1e9]' WHERE key = 'latentShape'"],
    ["UPDATE about SET value = '{' WHERE key = 'hash'"],
    ["DELETE FROM about WHERE key = 'environment'"],
    ['DROP TABLE contexts'],
    ['DROP TABLE about'],
    ['ALTER TABLE contexts RENAME COLUMN latents TO other'],
    ['ALTER TABLE contexts DROP COLUMN codes'],
    ["UPDATE contexts SET side = 'other'"],
    ["UPDATE contexts SET latents = X'00' WHERE rowid = 1"],
    ["UPDATE contexts SET latents = 'text'"],
    ['UPDATE contexts SET latents = zeroblob(8) WHERE rowid = 2'],
    ["UPDATE contexts SET codes = X'0000'"],
    ["UPDATE contexts SET episode = 'many'"],
    ['UPDATE contexts SET episode = 4'],
    ['UPDATE contexts SET "return" = 9e999'],
    ["UPDATE contexts SET stream = X'00'"],
  ])('is refused after %s', sql => {
    fill(three).close();
    const db = new Database(path);
    db.exec(sql);
    db.close();
    expect(() => read()).toThrow(refused('E_DATA'));
  });

  it('is refused with any change in its bytes', async () => {
    fill(three).close();
    const { accepted } = await fuzz(damagedBytes(readFileSync(path), { seed: 1, count: 150 }), bytes => {
      writeFileSync(path, bytes);
      // Free space and the header's counters hold nothing: what is read there must be what was stored.
      expect(read().rows.map(({ hash }) => hash)).toEqual(['1', '2', '3']);
    });
    expect(accepted.length).toBeLessThan(150);
  });

  it('names a place that cannot be used', () => {
    mkdirSync(path, { recursive: true });
    expect(() => ContextDatabase.open(path, model)).toThrow(refused('E_DISK'));
    writeFileSync(join(folder, 'file'), '');
    expect(() => ContextDatabase.open(join(folder, 'file', 'contexts.db'), model)).toThrow(refused('E_DISK'));
  });

  it('is not one that another process writes to', () => {
    const store = fill(three);
    const other = new Database(path);
    other.exec('BEGIN EXCLUSIVE');
    expect(() => store.insert([context('4', 'y', 'y#1', [0, 0], [1, 1, 1])])).toThrow(DatabaseLocked);
    expect(() => ContextDatabase.open(path, model)).toThrow(DatabaseLocked);
    other.exec('COMMIT');
    other.close();
    expect(store.insert([context('4', 'y', 'y#1', [0, 0], [1, 1, 1])])).toBe(1);
    store.close();
  });
});

describe('looking up', () => {
  const table = () => {
    const store = fill(three);
    const loaded = store.load();
    store.close();
    return loaded;
  };
  const probe = { latents: Float32Array.of(0, 0, 0.3, 0.4), codes: Uint16Array.of(9, 9, 9, 0, 2, 65535), index: 1 };
  const near = (metric: 'l2' | 'cosine' | 'hamming', k = 3) => nearestContexts(table(), probe, { metric, k });

  it('finds the nearest by each distance', () => {
    expect(near('l2').map(({ row }) => row)).toEqual([0, 2, 1]);
    expect(near('l2')[2].distance).toBeCloseTo(Math.hypot(2.7, 3.6), 6);
    expect(near('cosine').map(({ row }) => row)).toEqual([1, 0, 2]);
    expect(near('cosine').map(({ distance }) => distance)).toEqual([0, 0.2, 1.6].map(value => expect.closeTo(value, 6)));
    // Two ties at one differing code: the one stored first.
    expect(near('hamming')).toEqual([
      { row: 1, distance: 1 },
      { row: 2, distance: 1 },
      { row: 0, distance: 2 },
    ]);
    expect(near('l2', 1)).toHaveLength(1);
    expect(near('l2', 9)).toHaveLength(3);
  });

  it('leaves out the excluded contexts', () => {
    const found = nearestContexts(table(), probe, { metric: 'l2', k: 3, accepts: ({ task }) => task === 'x' });
    expect(found.map(({ row }) => row)).toEqual([0, 1]);
  });

  it('finds one context of a stream at most on request: the nearest, in whatever order they are stored', () => {
    const store = fill([
      context('1', 'x', 'x#0', [0, 4]),
      context('2', 'x', 'x#1', [0, 2]),
      context('3', 'x', 'x#0', [0, 1]),
      context('4', 'y', 'y#0', [0, 3]),
      context('5', 'x', 'x#1', [0, 5]),
    ]);
    const loaded = store.load();
    store.close();
    const origin = { latents: new Float32Array(2), index: 0 };
    const rows = (k: number) => nearestContexts(loaded, origin, { metric: 'l2', k, perStream: true }).map(({ row }) => row);
    expect([rows(1), rows(2), rows(3), rows(9)]).toEqual([[2], [2, 1], [2, 1, 3], [2, 1, 3]]);
  });

  it.each([3, 32, 33, 100])('finds among contexts of %d numbers what looking at all of their distances finds', length => {
    const random = Random.seeded(length);
    const latents = Float32Array.from({ length: 60 * length }, () => random.normal());
    const rows = Array.from({ length: 60 }, (_, i) => ({ stream: `x#${i}` }));
    const distance = (row: number) => Math.hypot(...latents.slice(0, length).map((value, i) => value - latents[row * length + i]));
    const nearest = rows.map((_, row) => row).sort((a, b) => distance(a) - distance(b));
    const found = nearestContexts({ rows, latents }, { latents, index: 0 }, { metric: 'l2', k: 5 });
    expect(found.map(({ row }) => row)).toEqual(nearest.slice(0, 5));
    for (const { row, distance: d } of found) expect(d).toBeCloseTo(distance(row), 5);
  });

  it('says so when codes are compared that are not there', () => {
    const { rows, latents } = table();
    expect(metricsOf({ rows, latents })).toEqual(['l2', 'cosine']);
    expect(() => nearestContexts({ rows, latents }, probe, { metric: 'hamming', k: 1 })).toThrow(failure('E_DATA', 'l2, cosine'));
  });

  it('holds every context against those of other streams only', () => {
    const store = fill([
      context('1', 'x', 'x#0', [0, 0]),
      context('2', 'x', 'x#0', [0, 0.01]), // would be the nearest, but is of the same stream
      context('3', 'x', 'x#1', [0, 1]),
      context('4', 'y', 'y#0', [0, 3]),
    ]);
    const found = retrievals(store.load(), [0, 1, 2, 3], 'l2');
    store.close();
    expect(found.map(({ query, hit }) => [query.hash, hit])).toEqual([
      ['1', true],
      ['2', true],
      ['3', true],
      ['4', false],
    ]);
  });
});

describe('codeUsage', () => {
  it('is the number of codes, and as many equally frequent ones as would have their entropy', () => {
    expect(codeUsage(Uint16Array.of(5, 5, 5))).toEqual({ used: 1, perplexity: 1 });
    expect(codeUsage(Uint16Array.of(1, 2, 3, 4))).toEqual({ used: 4, perplexity: expect.closeTo(4, 12) });
    // H = 1/2 ln 2 + 2 · 1/4 ln 4
    expect(codeUsage(Uint16Array.of(7, 7, 8, 9)).perplexity).toBeCloseTo(2 ** 1.5, 12);
  });
});

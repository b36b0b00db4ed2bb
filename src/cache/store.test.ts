import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { carrying, failure, type Needle } from '../../test/helpers/failure.ts';
import { damagedJson, fuzz } from '../../test/helpers/fuzz.ts';
import { hashJson } from '../util/files.ts';
import { claim } from '../util/lock.ts';
import { silentProgress } from '../util/progress.ts';
import { diskTime, reportOf, StageCache, type StageContext, type StageRequest } from './store.ts';

let out: string;
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), 'cadenza-store-'));
});
afterEach(() => rmSync(out, { recursive: true, force: true }));

const open = (fresh = false, { signal = new AbortController().signal, said = [] as string[] } = {}) =>
  new StageCache(out, { fresh, progress: { ...silentProgress, say: text => void said.push(text) }, signal });

let runs = 0;
const request = (change: Partial<StageRequest> = {}): StageRequest => ({
  stage: 'toy',
  settings: { width: 4, nested: { a: 1, b: 2 } },
  inputs: { data: 'd' },
  run: async ({ folder }) => {
    runs++;
    writeFileSync(join(folder, 'result.bin'), 'result');
    writeFileSync(join(folder, 'metrics.jsonl'), 'times');
    return { answer: 42 };
  },
  ...change,
});

/** A stage that dies after its first file. */
const dying = request({
  run: async ({ folder }) => {
    writeFileSync(join(folder, 'half.bin'), 'half');
    writeFileSync(join(folder, 'result.bin.77.tmp'), 'hal');
    throw new Error('killed');
  },
});

describe('StageStore', () => {
  it('says once that it waits for another process, however many stages that runs', async () => {
    const said: string[] = [];
    const store = open(false, { said });
    await store.run(request());
    const lockOf = (folder: string) => `${folder}.lock`;
    for (const width of [5, 6]) {
      const settings = { width };
      const { folder } = await open(true).run(request({ settings }));
      rmSync(folder, { recursive: true });
      const release = await claim(lockOf(folder), { signal: new AbortController().signal });
      setTimeout(release, 300);
      await store.run(request({ settings }));
    }
    expect(said).toEqual([carrying('toy', process.pid)]);
  });

  it('runs a stage once, and tells again what it reported', async () => {
    runs = 0;
    const first = await open().run(request());
    const again = open();
    expect(await again.run(request())).toEqual(first);
    expect([runs, first.report, again.seconds.toy]).toEqual([1, { answer: 42 }, first.seconds]);
    expect(first.folder).toBe(join(out, 'stages', `toy-${first.key.slice(0, 12)}`));
  });

  it('keys a stage by its name, its settings and its inputs, not by the order in which they are given', async () => {
    const store = open();
    const changes: Partial<StageRequest>[] = [
      {},
      { stage: 'other' },
      { settings: { width: 5, nested: { a: 1, b: 2 } } },
      { settings: { width: 4, nested: { a: 1, b: 3 } } },
      { inputs: { data: 'e' } },
      { inputs: { more: 'd' } },
    ];
    const keys = [];
    for (const change of changes) keys.push((await store.run(request(change))).key);
    expect(new Set(keys).size).toBe(changes.length);
    expect((await store.run(request({ settings: { nested: { b: 2, a: 1 }, width: 4 } }))).key).toBe(keys[0]);
  });

  it('passes on that TensorBoard is wanted, which is no part of the key', async () => {
    const contexts: StageContext[] = [];
    const look = request({
      run: async context => {
        contexts.push(context);
        writeFileSync(join(context.folder, 'events.out.tfevents.1700000000.host'), 'times');
        return {};
      },
    });
    const keys = [];
    for (const tensorboard of [undefined, true]) {
      const options = { fresh: true, tensorboard, progress: silentProgress, signal: new AbortController().signal };
      keys.push((await new StageCache(out, options).run(look)).key);
    }
    expect(contexts.map(({ tensorboard }) => tensorboard)).toEqual([undefined, true]);
    expect(keys[0]).toBe(keys[1]);
    await open().run(look);
    expect(contexts).toHaveLength(2);
  });

  it('holds finished files against their hashes, but for the ones with times in them', async () => {
    const { folder } = await open().run(request());
    writeFileSync(join(folder, 'metrics.jsonl'), 'other times');
    writeFileSync(join(folder, 'events.out.tfevents.1700000000.host'), 'more times');
    await open().run(request());
    writeFileSync(join(folder, 'result.bin'), 'resulT');
    await expect(open().run(request())).rejects.toThrow(failure('E_CHECKPOINT', 'result.bin', 'SHA-256'));
    rmSync(join(folder, 'result.bin'));
    await expect(open().run(request())).rejects.toThrow(failure('E_CHECKPOINT', 'result.bin'));
  });

  it.each([
    [false, ['half.bin'], []],
    [true, [], [carrying(/toy-[0-9a-f]{12}\b/)]],
  ])('finds of an unfinished stage, with fresh %s, %j', async (fresh, left, discarded) => {
    await expect(open().run(dying)).rejects.toThrow('killed');
    const said: string[] = [];
    let found: string[] = [];
    const look = async ({ folder }: StageContext) => {
      found = readdirSync(folder);
      return {};
    };
    const { folder } = await open(fresh, { said }).run(request({ run: look }));
    expect(found).toEqual(left);
    expect(said).toEqual(discarded);
    expect(existsSync(join(folder, 'stage.json'))).toBe(true);
  });

  it('believes no folder by its name, and no record that was changed', async () => {
    const first = await open().run(request());
    const path = join(first.folder, 'stage.json');
    const whole = readFileSync(path, 'utf8');
    // One change in the record, whatever it is; and changes whose hash was mended.
    const store = open();
    const { refused, accepted } = await fuzz(damagedJson(JSON.parse(whole), { seed: 27, count: 200 }), content => {
      writeFileSync(path, content);
      return store.run(request());
    });
    expect([accepted, new Set(refused.map(({ code }) => code))]).toEqual([[], new Set(['E_CHECKPOINT'])]);
    const { sha256: _, ...record } = JSON.parse(whole);
    const other = await open().run(request({ stage: 'other' }));
    const changes: [Needle, Record<string, unknown>][] = [
      ['stage.json', { settings: { width: 5 } }],
      ['stage.json', { key: `${record.key.slice(0, 12)}${'0'.repeat(52)}` }],
      ['files', { files: { '../../outside.bin': record.files['result.bin'] } }],
      ['files', { files: { '..': record.files['result.bin'] } }],
      ['result.bin', { files: {} }],
      ['more.bin', { files: { ...record.files, 'more.bin': record.files['result.bin'] } }],
    ];
    for (const [says, change] of changes) {
      const changed = { ...record, ...change };
      writeFileSync(path, JSON.stringify({ ...changed, sha256: hashJson(changed) }));
      await expect(store.run(request())).rejects.toThrow(failure('E_CHECKPOINT', says));
    }
    // A whole other stage, with a record that is genuine.
    rmSync(first.folder, { recursive: true });
    cpSync(other.folder, first.folder, { recursive: true });
    await expect(open().run(request())).rejects.toThrow(failure('E_CHECKPOINT', first.key));
  });

  it('computes a value once, and gives it back checked', async () => {
    const numbers = { name: 'numbers.json', schema: z.strictObject({ numbers: z.array(z.number()) }) };
    let computed = 0;
    const compute = <T>(file: { name: string; schema: z.ZodType<T> }, value: T) =>
      open().compute({
        ...request(),
        file,
        run: async () => {
          computed++;
          return value;
        },
        report: () => ({ count: 2 }),
      });
    const first = await compute(numbers, { numbers: [1, 0.1] });
    expect(first).toMatchObject({ value: { numbers: [1, 0.1] }, report: { count: 2 } });
    expect(await compute(numbers, { numbers: [] })).toEqual(first);
    expect(computed).toBe(1);

    const path = join(first.folder, numbers.name);
    const refused = { code: 'E_CHECKPOINT', message: expect.stringContaining(path) };
    // An earlier version wrote other fields, whose hash is right all the same.
    const texts = { name: numbers.name, schema: z.strictObject({ numbers: z.array(z.string()) }) };
    await expect(compute(texts, { numbers: [] })).rejects.toMatchObject(refused);
    await expect(compute({ ...numbers, name: 'others.json' }, { numbers: [] })).rejects.toMatchObject({ code: 'E_CHECKPOINT' });
    writeFileSync(path, '{"numbers": [2]}');
    await expect(compute(numbers, { numbers: [] })).rejects.toMatchObject(refused);
  });

  it('gives a report as its reader declares it, or refuses it', async () => {
    const output = await open().run(request());
    expect(reportOf(output, z.object({ answer: z.number() })).answer).toBe(42);
    const record = { code: 'E_CHECKPOINT', message: expect.stringContaining(join(output.folder, 'stage.json')) };
    expect(() => reportOf(output, z.object({ answer: z.string() }))).toThrow(expect.objectContaining(record));
  });

  it('leaves alone what a file manager put into a stage', async () => {
    const first = await open().run(request());
    writeFileSync(join(first.folder, '.DS_Store'), '');
    expect((await open().run(request())).report).toEqual(first.report);
  });

  it('makes a finished stage again once for a fresh command, in whichever of its stores and processes', async () => {
    runs = 0;
    const { key } = await open().run(request());
    const other = await open().run(request({ stage: 'other' }));
    const since = diskTime(out);
    const said: string[] = [];
    const again = () =>
      new StageCache(out, {
        fresh: true,
        since,
        progress: { ...silentProgress, say: text => void said.push(text) },
        signal: new AbortController().signal,
      });
    await again().run(request());
    await again().run(request());
    expect([runs, said]).toEqual([3, [carrying(`toy-${key.slice(0, 12)}`)]]);
    expect(existsSync(other.folder)).toBe(true);
  });

  it('starts nothing once it was interrupted', async () => {
    runs = 0;
    await expect(open(false, { signal: AbortSignal.abort(new Error('stop')) }).run(request())).rejects.toThrow('stop');
    expect([runs, existsSync(join(out, 'stages'))]).toEqual([0, false]);
  });
});

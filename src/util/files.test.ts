import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { diskFault, hashJson, packedPath, readJson, sha256, sha256File, writeFileAtomic, writeJson } from './files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cadenza-files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('writeFileAtomic', () => {
  test('makes the folder, replaces the file and leaves no temporary one', () => {
    const path = join(folder, 'a', 'b.txt');
    writeFileAtomic(path, 'first');
    writeFileAtomic(path, Uint8Array.of(104, 105));
    expect(readFileSync(path, 'utf8')).toBe('hi');
    expect(readdirSync(join(folder, 'a'))).toEqual(['b.txt']);
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk leaves the earlier file whole', () => {
    const path = join(folder, 'checkpoint.bin');
    writeFileAtomic(path, 'earlier');
    symlinkSync('/dev/full', `${path}.${process.pid}.tmp`); // the kernel's own ENOSPC, at the temporary name
    expect(() => writeFileAtomic(path, new Uint8Array(4321))).toThrow(failure('E_DISK', 'checkpoint.bin', 4321, 'ENOSPC'));
    expect(readFileSync(path, 'utf8')).toBe('earlier');
    expect(readdirSync(folder)).toEqual(['checkpoint.bin']);
  });

  // Node's own recursive mkdir never ends there.
  test.skipIf(!existsSync('/proc/self'))('a place that has no room for names is explained', () => {
    expect(() => writeFileAtomic('/proc/cadenza/runs/metrics.json', '{}')).toThrow(expect.objectContaining({ code: 'E_DISK' }));
  });

  test('a file in the place of the folder is explained', () => {
    writeFileSync(join(folder, 'runs'), '');
    expect(() => writeFileAtomic(join(folder, 'runs', 'metrics.json'), '{}')).toThrow(failure('E_DISK', join(folder, 'runs')));
  });
});

describe('JSON', () => {
  test('one spelling for equal values, also nested and in arrays', () => {
    const path = join(folder, 'value.json');
    writeJson(path, { b: [{ z: 1, y: 2 }], a: 0.1 });
    const text = readFileSync(path, 'utf8');
    writeJson(path, { a: 0.1, b: [{ y: 2, z: 1 }] });
    expect(readFileSync(path, 'utf8')).toBe(text);
    expect(text.startsWith('{\n  "a": 0.1,\n')).toBe(true);
    expect(readJson(path)).toEqual({ a: 0.1, b: [{ y: 2, z: 1 }] });
  });

  test('missing and malformed files name themselves', () => {
    expect(() => readJson(join(folder, 'none.json'))).toThrow(failure('E_DATA', 'none.json'));
    writeFileSync(join(folder, 'bad.json'), '{"a": ');
    expect(() => readJson(join(folder, 'bad.json'), 'E_CHECKPOINT')).toThrow(failure('E_CHECKPOINT', 'bad.json'));
  });

  test('a compressed file stands in for one that is not there, and is refused where it is damaged', () => {
    const path = join(folder, 'value.json');
    expect(packedPath(path)).toBe(path);
    const packed = brotliCompressSync('{"a": 1}');
    writeFileSync(`${path}.br`, packed);
    expect(packedPath(path)).toBe(`${path}.br`);
    expect(readJson(packedPath(path))).toEqual({ a: 1 });
    for (const damaged of [packed.subarray(0, 6), Buffer.from('{"a": 1}')]) {
      writeFileSync(`${path}.br`, damaged);
      expect(() => readJson(packedPath(path))).toThrow(failure('E_DATA', 'value.json.br', 'Brotli'));
    }
    writeFileSync(path, '{"a": 2}');
    expect(readJson(packedPath(path))).toEqual({ a: 2 });
  });
});

test('hashes are SHA-256 and do not depend on key order', () => {
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(hashJson({ a: 1, b: { d: 2, c: 3 } })).toBe(hashJson({ b: { c: 3, d: 2 }, a: 1 }));
  expect(hashJson([1, 2])).not.toBe(hashJson([2, 1]));
});

test('sha256File reads larger files than a piece, and says which one is missing', () => {
  const path = join(folder, 'large.bin');
  const bytes = Buffer.alloc(2 ** 22 + 12_345, 7);
  writeFileSync(path, bytes);
  expect(sha256File(path)).toBe(sha256(bytes));
  expect(() => sha256File(join(folder, 'absent.bin'))).toThrow(failure('E_DATA', 'absent.bin'));
});

test.skipIf(process.platform === 'win32')('says that the working folder is gone, where a file is missing for that reason', () => {
  const error = Object.assign(new Error('absent'), { code: 'ENOENT' });
  const usual = diskFault(error)!;
  const cwd = vi.spyOn(process, 'cwd').mockReturnValue(join(tmpdir(), 'cadenza-gone'));
  expect(diskFault(error)!.reason).not.toBe(usual.reason);
  cwd.mockRestore();
});

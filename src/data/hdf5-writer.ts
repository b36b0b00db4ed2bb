/** @file Writing of HDF5 files: equal content gives equal bytes, and a file is either complete or absent. Node only. */

import { rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { File, Group } from 'h5wasm/node';
import { CadenzaError } from '../util/errors.ts';
import { makeFolder, placeFile } from '../util/files.ts';
import { library, reason } from './hdf5.ts';

/** Types that can be written: bytes, 32-bit and 64-bit integers, 32-bit and 64-bit reals. */
export type Numbers = Uint8Array | Int32Array | BigInt64Array | Float32Array | Float64Array;

export type Hdf5Writer = ReturnType<typeof writer>;

const CHUNK = 4096;
const LARGE = 2 ** 15;
const LEVEL = 6;
/** HDF5's element types, in Python's letters. */
const TYPES = new Map<unknown, string>([
  [Uint8Array, '<B'],
  [Int32Array, '<i'],
  [BigInt64Array, '<q'],
  [Float32Array, '<f'],
  [Float64Array, '<d'],
]);

/**
 * Writes a file. A file with the same bytes may exist; a different one is never replaced.
 *
 * @throws {CadenzaError} `E_DISK` if it cannot be written, or a different file exists.
 */
export async function writeHdf5(path: string, write: (file: Hdf5Writer) => void): Promise<void> {
  const { File } = await library();
  const temporary = `${resolve(path)}.${process.pid}.tmp`;
  const { now } = Date;
  try {
    makeFolder(dirname(temporary));
    // HDF5 stores the time in every dataset, and this library has no option to disable it.
    Date.now = () => 0;
    const file = new File(temporary, 'w');
    try {
      write(writer(file));
    } finally {
      file.close();
      Date.now = now;
    }
    placeFile(temporary, path);
  } catch (cause) {
    Date.now = now;
    rmSync(temporary, { force: true });
    if (cause instanceof CadenzaError) throw cause;
    throw new CadenzaError('E_DISK', `cannot write ${path}: ${reason(cause)}. Choose a writable folder with enough space.`, { cause });
  }
}

function writer(file: File) {
  const at = (name: string): Group => (name === '' ? file : (file.get(name) as Group));
  return {
    /** Writes a text or an integer. */
    attribute(group: string, name: string, value: string | number | bigint): void {
      if (typeof value === 'string') at(group).create_attribute(name, value);
      else at(group).create_attribute(name, BigInt64Array.of(BigInt(value)), [], '<q');
    },
    group: (name: string): void => void file.create_group(name),
    /** Writes a dataset; a large one is gzip-compressed, in chunks of at most 4,096 rows of `chunkAxis`. */
    dataset(group: string, name: string, data: Numbers, shape: readonly number[], chunkAxis = 0): void {
      const plain = { name, data, shape: [...shape], dtype: TYPES.get(data.constructor) };
      // For a small dataset, the index of its chunks would be larger than the data.
      if (data.byteLength < LARGE) return void at(group).create_dataset(plain);
      const chunks = shape.map((size, axis) => (axis < chunkAxis ? 1 : axis === chunkAxis ? Math.min(size, CHUNK) : size));
      at(group).create_dataset({ ...plain, chunks, compression: LEVEL });
    },
  };
}

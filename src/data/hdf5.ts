/**
 * @file HDF5 files by h5wasm (the HDF5 library in WebAssembly): datasets as plain numbers, attributes as plain values, and failures that name
 * file, group and dataset. Node only; the library's four megabytes are loaded when the first file is opened.
 */

import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Dataset, File, Group } from 'h5wasm/node';
import { CadenzaError } from '../util/errors.ts';

export type Attribute = string | number | readonly number[];

/** A file as it is read: groups at its root, with attributes and datasets of numbers in them. */
export interface Hdf5Reader {
  readonly path: string;
  /** Names of the groups at the root, those that are numbered by their numbers: `episode_2` before `episode_10`. */
  groups(): string[];
  /** Attributes of a group, '' for those of the file; texts, numbers and lists of numbers, others are left out. */
  attributes(group: string): Readonly<Record<string, Attribute>>;
  /** Names of what lies in a group. */
  names(group: string): string[];
  /** Shape of a dataset. Throws `E_DATA` where there is none of that name. */
  shape(group: string, name: string): readonly number[];
  /** The numbers of a dataset, or of one row of its first axis, row by row. Throws `E_DATA` where they are not numbers or cannot be read. */
  read(group: string, name: string, row?: number): ArrayLike<number>;
  /** A refusal of this file's content: where it is, what is wrong, what to do. */
  refuse(where: string, what: string, cause?: unknown): CadenzaError;
}

/** What can be written: bytes, 32-bit and 64-bit integers, 32-bit reals. */
export type Numbers = Uint8Array | Int32Array | BigInt64Array | Float32Array;

export interface Hdf5Writer {
  /** Writes a text or a whole number. */
  attribute(group: string, name: string, value: string | number): void;
  group(name: string): void;
  /** Writes a dataset; a large one is compressed by gzip, in chunks of at most 4,096 rows of `chunkAxis`. */
  dataset(group: string, name: string, data: Numbers, shape: readonly number[], chunkAxis?: number): void;
}

const INTEGER = 0;
const FLOAT = 1;
const CHUNK = 4096;
const LARGE = 2 ** 15;
const LEVEL = 6;
/** What every failure of HDF5 itself begins with. */
const TRACE = 'HDF5-DIAG';
/** HDF5's own codes of element types, in Python's letters. */
const TYPES = new Map<unknown, string>([
  [Uint8Array, '<B'],
  [Int32Array, '<i'],
  [BigInt64Array, '<q'],
  [Float32Array, '<f'],
]);

async function library() {
  const h5wasm = await import('h5wasm/node');
  // Without it, a filter that is missing gives numbers out of nowhere.
  (await h5wasm.ready).activate_throwing_error_handler();
  return h5wasm;
}

/** Opens a file, lets `use` read it, and closes it. Throws `E_DATA` where it is missing, cut short, damaged or no HDF5. */
export async function readHdf5<T>(path: string, use: (file: Hdf5Reader) => T): Promise<T> {
  const { File } = await library();
  let file: File;
  try {
    file = new File(resolve(path), 'r');
  } catch (cause) {
    throw new CadenzaError(
      'E_DATA',
      `${path}: expected a whole HDF5 file, but ${reason(cause)}. Check the path, and fetch or write the file again if it was cut short.`,
      { cause },
    );
  }
  try {
    return use(reader(path, file));
  } catch (cause) {
    // Listing a group fails where the tree of its names is damaged, or is just being written.
    if (!(cause instanceof Error && cause.message.startsWith(TRACE))) throw cause;
    throw new CadenzaError(
      'E_DATA',
      `${path}: expected a whole HDF5 file, but ${reason(cause)}. Wait until whatever writes it has ended, or fetch or write it again.`,
      { cause },
    );
  } finally {
    file.close();
  }
}

function reader(path: string, file: File): Hdf5Reader {
  const refuse = (where: string, what: string, cause?: unknown) =>
    new CadenzaError('E_DATA', `${path}${where && `, ${where}`}: ${what}. Check that --format is the file's layout, or mend the file.`, {
      cause,
    });
  const groupAt = (name: string): Group => (name === '' ? file : (file.get(name) as Group));
  const find = (group: string, name: string): Dataset => {
    const names = groupAt(group).keys();
    if (!names.includes(name))
      throw refuse(`group ${group}`, `expected a dataset "${name}", found ${names.length > 0 ? names.join(', ') : 'an empty group'}`);
    const found = groupAt(group).get(name);
    if (kindOf(found) !== 'Dataset') throw refuse(`group ${group}`, `expected "${name}" to be one array, found a ${kindOf(found)}`);
    return found as Dataset;
  };
  return {
    path,
    refuse,
    groups: () =>
      file
        .keys()
        .filter(name => kindOf(file.get(name)) === 'Group')
        .sort((a, b) => numberIn(a) - numberIn(b) || (a < b ? -1 : 1)),
    names: group => groupAt(group).keys(),
    attributes: group =>
      Object.fromEntries(
        Object.entries(groupAt(group).attrs).flatMap(([name, { value }]) => {
          const plain = plainAttribute(value);
          return plain === undefined ? [] : [[name, plain]];
        }),
      ),
    shape: (group, name) => find(group, name).shape ?? [],
    read(group, name, row) {
      const dataset = find(group, name);
      const where = `group ${group}, dataset "${name}"`;
      const half = dataset.metadata.type === FLOAT && dataset.metadata.size === 2;
      // JavaScript has no half-precision arrays; read as integers, the bits come through.
      if (half) Object.assign(dataset.metadata, { type: INTEGER, signed: false });
      let value: unknown;
      try {
        value = row === undefined ? dataset.value : dataset.slice([[row, row + 1]]);
      } catch (cause) {
        const filters = dataset.filters.map(filter => filter.name).join(', ') || 'none';
        throw refuse(where, `its numbers cannot be read: ${reason(cause)} (its filters: ${filters}; use gzip alone)`, cause);
      }
      if (value instanceof BigInt64Array || value instanceof BigUint64Array) return Float64Array.from(value as BigInt64Array, Number);
      if (!ArrayBuffer.isView(value))
        throw refuse(where, `expected numbers, found ${typeof value === 'object' ? 'texts or records' : typeof value}`);
      return half ? Float32Array.from(value as Uint16Array, fromHalf) : (value as Float64Array);
    },
  };
}

/** What lies at a place of a file, in the words of the library: Group, Dataset, …; links that lead nowhere have another class. */
const kindOf = (entity: ReturnType<Group['get']>): string | undefined => (entity as { type?: string } | null)?.type;

/** The number at the end of a name; names without one come last. */
const numberIn = (name: string) => Number(/(\d+)$/.exec(name)?.[1] ?? Number.MAX_SAFE_INTEGER);

function plainAttribute(value: unknown): Attribute | undefined {
  if (typeof value === 'string' || typeof value === 'number') return value;
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value);
  const list = ArrayBuffer.isView(value) ? Array.from(value as Float64Array, Number) : undefined;
  return list?.every(Number.isFinite) ? list : undefined;
}

/** An IEEE 754 half-precision number from its bits: sign, 5 bits of exponent, 10 of fraction. */
export function fromHalf(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** Where HDF5's trace of calls ends, but for its search for plug-ins: there stands what really went wrong. */
function reason(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  const trace = [...text.matchAll(/#\d+: \S*\/(\w+)\.c line \d+ in \w+\(\): (.*)/g)].filter(([, file]) => !file.startsWith('H5PL'));
  return trace.at(-1)?.[2] ?? text.split('\n')[0];
}

/** Writes a file that is whole or absent. Throws `E_DISK` where it cannot be written. */
export async function writeHdf5(path: string, write: (file: Hdf5Writer) => void): Promise<void> {
  const { File } = await library();
  const temporary = `${resolve(path)}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(temporary), { recursive: true });
    const file = new File(temporary, 'w');
    try {
      write(writer(file));
    } finally {
      file.close();
    }
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    if (cause instanceof CadenzaError) throw cause;
    throw new CadenzaError('E_DISK', `cannot write ${path}: ${reason(cause)}. Choose a place with room that you may write to.`, { cause });
  }
}

function writer(file: File): Hdf5Writer {
  const at = (name: string): Group => (name === '' ? file : (file.get(name) as Group));
  return {
    attribute: (group, name, value) =>
      typeof value === 'string'
        ? at(group).create_attribute(name, value)
        : at(group).create_attribute(name, BigInt64Array.of(BigInt(value)), [], '<q'),
    group: name => void file.create_group(name),
    dataset(group, name, data, shape, chunkAxis = 0) {
      const plain = { name, data, shape: [...shape], dtype: TYPES.get(data.constructor) };
      // The index of its chunks would take more room than a small dataset does.
      if (data.byteLength < LARGE) return void at(group).create_dataset(plain);
      const chunks = shape.map((size, axis) => (axis < chunkAxis ? 1 : axis === chunkAxis ? Math.min(size, CHUNK) : size));
      at(group).create_dataset({ ...plain, chunks, compression: LEVEL });
    },
  };
}

/**
 * @file Reading of HDF5 files by h5wasm (the HDF5 library in WebAssembly): datasets as plain numbers, attributes as plain values, and
 * errors that name file, group and dataset. Links are followed here, because the library reads texts of a linked file from the linking one,
 * and zeros if the source of a virtual dataset is missing. Node only; the library's four megabytes are loaded with the first file.
 */

import { existsSync, realpathSync, statSync } from 'node:fs';
import { freemem } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import type { Metadata } from 'h5wasm/node';
import { attempt, CadenzaError } from '../util/errors.ts';
import { emptyOf, exact, fromHalf, isHalf, isNumeric, numbersOf, TYPE } from './hdf5-numbers.ts';

/** A text, a number, an integer beyond the exact range of numbers, or a list of numbers. */
export type Attribute = string | number | bigint | readonly (number | bigint)[];

/** Bytes that all files of one import may still read. */
export class Budget {
  /** Free memory, or less if a container sets a limit. */
  left = process.availableMemory?.() ?? freemem();
}

/** Kinds of objects by the library's codes; others are not supported. */
const KIND = ['group', 'dataset'] as const;
const SPACE_PADDED = 2;
/**
 * Filters by their maximum compression per byte: shuffle and the checksum none, deflate 1,032. Other filters may store a constant in no
 * bytes at all.
 */
const PACKING: Readonly<Record<number, number>> = { 1: 1032, 2: 1, 3: 1 };
/** Maximum length of a chain of links, as in HDF5 itself; a longer one is a cycle. */
const MOST_LINKS = 16;
/** Maximum size of an attribute; real ones are short texts and few numbers. */
const MOST_ATTRIBUTE_BYTES = 2 ** 24;
/** Bytes read at once: the library's memory never shrinks. */
const PIECE = 2 ** 26;
/** Prefix of every error of HDF5 itself. */
const TRACE = 'HDF5-DIAG';
const AGAIN = 'Wait until the program that writes it has finished, or download or write it again.';

type Library = typeof import('h5wasm/node');
type Module = Awaited<Library['ready']>;

export async function library(): Promise<Library & { readonly module: Module }> {
  const h5wasm = await import('h5wasm/node');
  const module = await h5wasm.ready;
  // Otherwise a missing filter yields arbitrary numbers.
  module.activate_throwing_error_handler();
  return { ...h5wasm, module };
}

/** Opens a file, lets `use` read it, and closes it. Throws `E_DATA` if it is missing, truncated, damaged or not HDF5. */
export async function readHdf5<T>(path: string, use: (file: Hdf5Reader) => T, budget = new Budget()): Promise<T> {
  const { module } = await library();
  const file = new Hdf5Reader(module, path, budget);
  try {
    file.open();
    return use(file);
  } finally {
    file.close();
  }
}

interface OpenFile {
  readonly id: bigint;
  readonly path: string;
  readonly bytes: number;
}

/** An object of a file, its path without links. */
interface Place {
  readonly file: OpenFile;
  readonly path: string;
}

/** An open file. Groups and datasets are identified by their paths from the root, '' for the root itself. */
export class Hdf5Reader {
  /** As the user gave it. */
  readonly path: string;
  readonly #module: Module;
  readonly #budget: Budget;
  #root!: Place;
  /** Open files by their real paths: several links may lead to one. The first is the file itself. */
  readonly #files = new Map<string, OpenFile>();
  readonly #children = new Map<string, Set<string>>();
  readonly #places = new Map<string, Place | undefined>();
  readonly #datasets = new Map<string, { place: Place; metadata: Metadata; shape: readonly number[] }>();

  constructor(module: Module, path: string, budget: Budget) {
    this.path = path;
    this.#module = module;
    this.#budget = budget;
  }

  /** Opens the file itself. Throws `E_DATA` if it is missing, truncated, damaged or not HDF5. */
  open(): void {
    const advice = 'Check the path, and download or write the file again if it is truncated.';
    const refuse = (cause: unknown) => this.#fault(`: expected a complete HDF5 file, but ${reason(cause)}. ${advice}`, cause);
    this.#root = { file: this.#open(this.path, refuse), path: '' };
  }

  close(): void {
    // A file that could not be read may not close, either; nothing was written.
    for (const { id } of this.#files.values()) attempt(() => this.#module.close_file(id));
  }

  /** An error about this file's content: where, what is wrong, what to do. */
  refuse = (where: string, what: string, cause?: unknown) =>
    this.#fault(`${where && `, ${where}`}: ${what}. Check that --format is the file's layout, or fix the file.`, cause);

  #fault = (text: string, cause?: unknown) => new CadenzaError('E_DATA', `${this.path}${text}`, { cause });

  /** Names of the groups in a group, in numerical order: `episode_2` before `episode_10`. */
  groups(group = ''): string[] {
    return this.names(group)
      .filter(name => this.kind(pathOf(group, name)) === 'group')
      .sort((a, b) => numberIn(a) - numberIn(b) || (a < b ? -1 : 1));
  }

  /** Names of the objects in a group. */
  names = (group: string): string[] => [...this.#childrenOf(this.#group(group), group)];

  /** Whether a path is a group, a dataset, or nothing. Throws `E_DATA` for a broken or cyclic link. */
  kind(path: string) {
    const place = this.#find(path);
    return place && this.#kindOf(place, path);
  }

  attributeNames(group: string): string[] {
    const { file, path } = this.#group(group);
    return this.#names(group, () => this.#module.get_attribute_names(file.id, path || '/'));
  }

  /** An attribute of a group; undefined if it is missing, or neither text nor numbers. Throws `E_DATA` for text that is not UTF-8. */
  attribute(group: string, name: string): Attribute | undefined {
    if (!this.attributeNames(group).includes(name)) return undefined;
    const { file, path } = this.#group(group);
    const module = this.#module;
    const at = path || '/';
    const metadata = this.#ask(group, () => module.get_attribute_metadata(file.id, at, name));
    const { shape, total_size: count, size, vlen, type, strpad } = metadata;
    if (!shape || !(vlen || type === TYPE.text || isNumeric(metadata))) return undefined;
    const most = `expected an attribute "${name}" of at most ${inWords(MOST_ATTRIBUTE_BYTES)}, found ${inWords(count * size)}`;
    if (count * size > MOST_ATTRIBUTE_BYTES) throw this.refuse(groupName(group), most);
    const text = (bytes: Uint8Array) => this.#text(bytes, group, name);
    return this.#ask(group, () =>
      this.#memory(count * size, pointer => {
        module.get_attribute_data(file.id, at, name, BigInt(pointer));
        const bytes = module.HEAPU8.slice(pointer, pointer + count * size);
        if (vlen) {
          if (count !== 1) return undefined;
          const start = new DataView(bytes.buffer).getUint32(0, true);
          // An empty text has no address.
          const found = start === 0 ? new Uint8Array() : module.HEAPU8.slice(start, module.HEAPU8.indexOf(0, start));
          module.reclaim_vlen_memory(file.id, at, name, BigInt(pointer));
          return text(found);
        }
        if (type === TYPE.text) {
          if (count !== 1) return undefined;
          const end = bytes.indexOf(0);
          const whole = text(end < 0 ? bytes : bytes.subarray(0, end));
          return strpad === SPACE_PADDED ? whole.replace(/ +$/, '') : whole;
        }
        const list = Array.from(numbersOf(bytes, metadata) as ArrayLike<number | bigint>, exact);
        return shape.length === 0 ? list[0] : list;
      }),
    );
  }

  /** Shape of a dataset. Throws `E_DATA` if there is no dataset with that name. */
  shape = (group: string, name: string): readonly number[] => this.#dataset(group, name).shape;

  /**
   * The numbers of a dataset, or of one row of its first axis, row-major. Throws `E_DATA` if they are not numbers, cannot be read, are not
   * all in the file, are integers beyond ±2⁵³, or do not fit into memory.
   */
  read(group: string, name: string, row?: number): ArrayLike<number> {
    const { place, metadata, shape } = this.#dataset(group, name);
    const where = datasetName(group, name);
    const [rows, ...axes] = shape.length === 0 ? [1] : shape;
    const [first, end] = row === undefined ? [0, rows] : [row, row + 1];
    const width = axes.reduce((product, size) => product * size, 1);
    const count = (end - first) * width;
    if (!isNumeric(metadata))
      throw this.refuse(where, 'expected numbers of 1, 2, 4 or 8 bytes, found another type, such as texts or records');
    this.#spend(where, count, metadata.size);
    const module = this.#module;
    const values = emptyOf(metadata, count);
    const step = Math.max(1, Math.floor(PIECE / Math.max(1, width * metadata.size)));
    for (let from = first; from < end; from += step) {
      const size = Math.min(step, end - from);
      const hyperslab = (first: number, rest: (axis: number) => number) => [first, ...axes.map(rest)].map(BigInt);
      const [counts, offsets, strides] =
        shape.length === 0 ? [null, null, null] : [hyperslab(size, axis => axis), hyperslab(from, () => 0), hyperslab(1, () => 1)];
      try {
        this.#memory(size * width * metadata.size, pointer => {
          module.get_dataset_data(place.file.id, place.path, counts, offsets, strides, BigInt(pointer));
          const bytes = module.HEAPU8.slice(pointer, pointer + size * width * metadata.size);
          values.set(numbersOf(bytes, metadata) as never, (from - first) * width);
        });
      } catch (cause) {
        const filters = this.#filters(place).join(', ') || 'none';
        throw this.refuse(where, `its numbers cannot be read: ${reason(cause)} (its filters: ${filters}; use only gzip)`, cause);
      }
    }
    if (isHalf(metadata)) return Float32Array.from(values as Uint16Array, fromHalf);
    if (!(values instanceof BigInt64Array || values instanceof BigUint64Array)) return values;
    const numbers = Float64Array.from(values as BigInt64Array, Number);
    const beyond = numbers.findIndex(value => !Number.isSafeInteger(value));
    if (beyond >= 0)
      throw this.refuse(where, `number ${beyond} is ${values[beyond]}; integers beyond ±2^53 would be rounded. Renumber them`);
    return numbers;
  }

  /** Other files that were read because this one refers to them. */
  linked = (): string[] => [...this.#files.keys()].slice(1);

  // ---- the library's calls -----------------------------------------------------------------------------------------------------

  /** Calls the library; an error means that the file's name trees, types or texts are damaged. */
  #ask<T>(group: string, call: () => T): T {
    try {
      return call();
    } catch (cause) {
      if (cause instanceof CadenzaError) throw cause;
      throw this.#fault(`${group && `, ${groupName(group)}`}: expected a complete HDF5 file, but ${reason(cause)}. ${AGAIN}`, cause);
    }
  }

  #memory<T>(bytes: number, use: (pointer: number) => T): T {
    const module = this.#module;
    const pointer = bytes > module.MAXIMUM_MEMORY ? 0 : module._malloc(Math.max(1, bytes));
    if (pointer === 0) throw this.#fault(`: reading ${inWords(bytes)} at once exceeds the memory of the HDF5 library.`);
    try {
      return use(pointer);
    } finally {
      module._free(pointer);
    }
  }

  #names(group: string, call: () => string[]): string[] {
    const names = this.#ask(group, call);
    const bad = names.find(name => name.includes('\ufffd'));
    if (bad !== undefined) throw this.refuse(groupName(group), `expected names in UTF-8, found "${bad}"`);
    return names;
  }

  #text(bytes: Uint8Array, group: string, name: string): string {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (cause) {
      throw this.refuse(groupName(group), `the attribute "${name}" is not UTF-8 text. Write it in UTF-8`, cause);
    }
  }

  #kindOf = ({ file, path }: Place, where: string): (typeof KIND)[number] | undefined =>
    KIND[this.#ask(where, () => this.#module.get_type(file.id, path || '/'))];

  #childrenOf(place: Place, where: string): Set<string> {
    const key = `${place.file.path}\n${place.path}`;
    let children = this.#children.get(key);
    if (!children) {
      const { file, path } = place;
      children = new Set(this.#names(where, () => this.#module.get_names(file.id, path || '/', false)));
      this.#children.set(key, children);
    }
    return children;
  }

  // ---- places --------------------------------------------------------------------------------------------------------------------

  #find(path: string): Place | undefined {
    if (!this.#places.has(path)) this.#places.set(path, this.#walk(this.#root, path, path, 0));
    return this.#places.get(path);
  }

  #walk(from: Place, path: string, where: string, links: number): Place | undefined {
    let place: Place | undefined = path.startsWith('/') ? { file: from.file, path: '' } : from;
    for (const name of path.split('/').filter(part => part !== '' && part !== '.')) {
      if (this.#kindOf(place, where) !== 'group' || !this.#childrenOf(place, where).has(name)) return undefined;
      place = this.#follow(place, name, where, links);
    }
    return place;
  }

  /** What a name in a group refers to, after following links. */
  #follow(group: Place, name: string, where: string, links: number): Place {
    const module = this.#module;
    const { file } = group;
    const path = `${group.path}/${name}`;
    if (links > MOST_LINKS) throw this.refuse(where, 'its links form a cycle');
    const { filename, obj_path: there = '' } = this.#ask(where, () => module.get_external_link(file.id, path));
    if (filename !== undefined) {
      const target = this.#refer(file, filename, `${where || name}: it is a link to ${there} of ${filename}`);
      const found = this.#walk({ file: target, path: '' }, there, where, links + 1);
      if (found) return found;
      throw this.refuse(where || name, `it is a link to ${there} of ${filename}, which does not exist`);
    }
    const soft = this.#ask(where, () => module.get_symbolic_link(file.id, path));
    if (soft === null) return { file, path };
    const found = this.#walk(group, soft, where, links + 1);
    if (found) return found;
    throw this.refuse(where || name, `it is a link to ${soft}, which does not exist`);
  }

  /** A file that another one refers to, by HDF5's rules: as named, relative to the folder of that file, or there by its last part. */
  #refer(from: OpenFile, name: string, what: string): OpenFile {
    const folder = dirname(from.path);
    const places = isAbsolute(name) ? [name, join(folder, basename(name))] : [join(folder, name), resolve(name)];
    const found = places.find(path => existsSync(path));
    const refuse = (why: string, cause?: unknown) =>
      this.#fault(`, ${what}, ${why}. Restore that file, or copy its content into this one.`, cause);
    if (found === undefined) throw refuse(`but there is no such file in ${folder}`);
    return this.#open(found, cause => refuse(`but ${reason(cause)}`, cause));
  }

  #open(path: string, refuse: (cause: unknown) => CadenzaError): OpenFile {
    try {
      const real = realpathSync(resolve(path));
      const stats = statSync(real);
      if (!stats.isFile()) throw new Error(stats.isDirectory() ? 'it is a folder' : 'it is not a file');
      const before = this.#files.get(real);
      if (before) return before;
      const file = { id: this.#module.open(real, this.#module.H5F_ACC_RDONLY, false, -1, -1), path: real, bytes: stats.size };
      // Without its error handler (after an abort) the library gives no reason.
      if (file.id < 0n) throw new Error('it cannot be opened');
      this.#files.set(real, file);
      return file;
    } catch (cause) {
      throw refuse(cause);
    }
  }

  #group(path: string): Place {
    const place = this.#find(path);
    if (place && this.#kindOf(place, path) === 'group') return place;
    throw this.refuse('', `expected a group "${path}", found ${place ? 'another object with that name' : 'none'}`);
  }

  #dataset(group: string, name: string) {
    const key = pathOf(group, name);
    const before = this.#datasets.get(key);
    if (before) return before;
    const place = this.#find(key);
    if (!place)
      throw this.refuse(groupName(group), `expected a dataset "${name}", found ${this.names(group).join(', ') || 'an empty group'}`);
    const kind = this.#kindOf(place, key);
    if (kind !== 'dataset')
      throw this.refuse(groupName(group), `expected "${name}" to be one array, found a ${kind === 'group' ? 'Group' : 'type'}`);
    const metadata = this.#metadata(place, datasetName(group, name));
    const found = { place, metadata, shape: metadata.shape ?? [0] };
    this.#datasets.set(key, found);
    return found;
  }

  // ---- what a dataset claims to hold ---------------------------------------------------------------------------------------------

  #metadata(place: Place, where: string, links = 0): Metadata {
    const metadata = this.#ask(where, () => this.#module.get_dataset_metadata(place.file.id, place.path));
    if (links > MOST_LINKS) throw this.refuse(where, 'its sources form a cycle');
    if (metadata.virtual_sources) this.#expectSources(place, metadata, where, links);
    else this.#expectStored(place, metadata, where);
    return metadata;
  }

  /** HDF5 reads zeros if the source of a virtual dataset is missing or too short. */
  #expectSources({ file }: Place, { virtual_sources: sources = [], total_size: total }: Metadata, where: string, links: number): void {
    const distinct = new Map(sources.map(source => [`${source.file_name}\n${source.dset_name}`, source]));
    let held = 0;
    for (const { file_name: name, dset_name: dataset } of distinct.values()) {
      const what = `${where}: it is virtual, and its numbers are in ${dataset} of ${name === '.' ? 'this file' : name}`;
      const pattern = `its sources are named by a pattern, ${dataset} of ${name}, which is not supported. Copy its numbers into the file`;
      if (/%/.test(name + dataset)) throw this.refuse(where, pattern);
      const source = name === '.' ? file : this.#refer(file, name, what);
      const place = this.#walk({ file: source, path: '' }, dataset, where, links + 1);
      if (!place || this.#kindOf(place, where) !== 'dataset') throw this.refuse(what, 'but there is no such dataset');
      held += this.#metadata(place, where, links + 1).total_size;
    }
    if (held < total)
      throw this.refuse(where, `it is virtual and has ${total} numbers, but its sources hold only ${held}; the others would read as zeros`);
  }

  /** HDF5 reads zeros if nothing was ever written; a few bytes can claim any number of them. */
  #expectStored(place: Place, { shape, size }: Metadata, where: string): void {
    const { file } = place;
    // An empty axis does not make large other axes harmless: loops run over them.
    const claimed = (shape ?? []).reduce((product, axis) => product * Math.max(1, axis), size);
    if (claimed <= file.bytes) return;
    const packing = this.#filters(place, 'id').reduce<number>((product, id) => product * (PACKING[id as number] ?? Infinity), 1);
    const what = `it claims ${inWords(claimed)}, but all of ${file.path} is ${inWords(file.bytes)}`;
    if (claimed > file.bytes * packing) throw this.refuse(where, `${what}; missing data would read as zeros`);
  }

  #filters = ({ file, path }: Place, of: 'id' | 'name' = 'name'): (string | number)[] =>
    this.#ask(path, () => this.#module.get_dataset_filters(file.id, path)).map(filter => filter[of]);

  /** Accounts for memory: an import additionally holds each number once in 64 bits and twice in 32. */
  #spend(where: string, count: number, size: number): void {
    const needed = count * (size + 16);
    const memory = `about ${inWords(needed)} of memory, but only ${inWords(Math.max(0, this.#budget.left))} are free`;
    const advice = 'Import fewer histories with --tasks and --histories';
    if (needed > this.#budget.left) throw this.refuse(where, `reading its ${count} numbers takes ${memory}. ${advice}`);
    this.#budget.left -= needed;
  }
}

export const pathOf = (group: string, name: string) => (group === '' ? name : `${group}/${name}`);
export const groupName = (group: string) => (group === '' ? '' : `group ${group}`);
export const datasetName = (group: string, name: string) => `${group === '' ? '' : `group ${group}, `}dataset "${name}"`;

/** The number at the end of a name; names without one come last. */
const numberIn = (name: string) => Number(/(\d+)$/.exec(name)?.[1] ?? Number.MAX_SAFE_INTEGER);

/** The end of HDF5's trace of calls, without its search for plug-ins: the actual cause. */
export function reason(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  const trace = [...text.matchAll(/#\d+: \S*\/(\w+)\.c line \d+ in \w+\(\): (.*)/g)].filter(([, file]) => !file.startsWith('H5PL'));
  if (trace.length === 0 && text.startsWith(TRACE)) return 'the HDF5 library cannot read it';
  return trace.at(-1)?.[2] ?? text.split('\n')[0];
}

/** "1.5 GB", by powers of 1,000 as disks are measured. */
function inWords(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toPrecision(3)} ${units[power]}`;
}

/**
 * @file Learning histories on the disk. A folder is verified shard by shard when it is opened, with one shard in memory at a time; of each
 * history only its labels, its episodes and its place in the file stay. Its columns are read, all of them at once, when one is used, and the
 * latest that were read are kept. So a data set can be larger than memory, and one that is small is read once.
 *
 * Columns are read at a position of the file rather than mapped: Node has no mapping of files, and reading the 11 kB of a history from the
 * cache of the operating system takes microseconds.
 */

import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Task } from '../rl/env.ts';
import { episodeStarts, type History } from '../rl/history.ts';
import { CadenzaError } from '../util/errors.ts';
import { readBytesInto } from '../util/files.ts';
import { COLUMN_NAMES, type Columns, type DecodedHistory } from './columns.ts';
import { decodeShard, REGENERATE, SHARD_BYTES, type ShardEntry } from './shards.ts';

/** Bytes of columns that an opened folder keeps in memory. */
export const KEPT_BYTES = 256 * 2 ** 20;

/** Bytes of a history that stay in memory without its columns and episodes: 160 in Dark Room (measured), with room for longer labels. */
const HISTORY_BYTES = 300;

/**
 * Memory for writing histories, and for reading them again.
 *
 * @param histories their number.
 * @param bytes of all their columns together.
 * @param episodes of each.
 */
export const storedBytes = (histories: number, bytes: number, episodes: number): number =>
  Math.min(bytes, KEPT_BYTES) + Math.min(bytes, 4 * SHARD_BYTES) + histories * (HISTORY_BYTES + 4 * (episodes + 1));

/** How to open shards. */
export interface OpenOptions {
  /** Bytes of columns to keep in memory (default `KEPT_BYTES`). */
  readonly kept?: number;
  /** What to do about data that cannot be trusted, for errors. */
  readonly advice?: string;
  /** Checks the histories of each shard, after its hash. */
  readonly check?: (path: string, entry: ShardEntry, histories: readonly DecodedHistory[]) => void;
}

/**
 * Verifies the shards of a folder and returns their histories, in order. Treat the columns as read-only.
 *
 * @throws {CadenzaError} `E_DATA` if a file is missing, truncated or altered, or has another layout; as `check` does.
 */
export function openShards(folder: string, shards: readonly ShardEntry[], options: OpenOptions = {}): History[] {
  const { kept = KEPT_BYTES, advice = REGENERATE, check } = options;
  const reader = new ColumnReader(kept, advice);
  const known = new Labels();
  const buffer = new Uint8Array(Math.max(...shards.map(({ bytes }) => bytes)));
  return shards.flatMap(entry => {
    const path = join(folder, entry.file);
    const bytes = readBytesInto(buffer, path, advice);
    const decoded = decodeShard(path, bytes, entry, advice);
    check?.(path, entry, decoded);
    const shard = new StoredShard(path, bytes, decoded);
    return decoded.map((about, i) => new StoredHistory(shard, i, reader, known.of(about)));
  });
}

/** Tasks and keys of histories, each in memory once. */
class Labels {
  readonly #tasks = new Map<string, Task>();
  readonly #keys = new Map<string, string>();

  of({ task, taskKey, stream }: Pick<History, 'task' | 'taskKey' | 'stream'>) {
    const content = JSON.stringify(task);
    if (!this.#tasks.has(content)) this.#tasks.set(content, task);
    if (!this.#keys.has(taskKey)) this.#keys.set(taskKey, taskKey);
    return { task: this.#tasks.get(content)!, taskKey: this.#keys.get(taskKey)!, stream };
  }
}

type Kind = (new (buffer: ArrayBuffer, at: number, length: number) => Columns[keyof Columns]) & { readonly BYTES_PER_ELEMENT: number };

/** Where the histories of a shard are in its file. C is the number of columns, H of histories. */
class StoredShard {
  readonly path: string;
  /** Of every column: its type, and its numbers per transition. */
  readonly #kinds: readonly { readonly kind: Kind; readonly width: number }[];
  /** [H × C] first byte of each column. */
  readonly #at: Uint32Array;
  /** The episodes of all histories, as `episodeStarts`, one after another, and [H + 1] where each begins. */
  readonly #starts: Int32Array;
  readonly #first: Int32Array;

  constructor(path: string, bytes: Uint8Array, decoded: readonly DecodedHistory[]) {
    this.path = path;
    this.#kinds = COLUMN_NAMES.map(name => {
      const column = decoded[0].columns[name];
      return { kind: column.constructor as Kind, width: column.length / decoded[0].columns.reward.length };
    });
    this.#at = Uint32Array.from(decoded.flatMap(({ columns }) => COLUMN_NAMES.map(name => columns[name].byteOffset - bytes.byteOffset)));
    const starts = decoded.map(({ columns }) => episodeStarts(columns));
    this.#first = new Int32Array(decoded.length + 1);
    for (const [i, { length }] of starts.entries()) this.#first[i + 1] = this.#first[i] + length;
    this.#starts = new Int32Array(this.#first[decoded.length]);
    for (const [i, own] of starts.entries()) this.#starts.set(own, this.#first[i]);
  }

  starts(i: number): Int32Array {
    return this.#starts.subarray(this.#first[i], this.#first[i + 1]);
  }

  /** Reads the columns of history `i`: they are neighbors in the file. */
  read(i: number, advice: string): { readonly columns: Columns; readonly bytes: number } {
    const C = this.#kinds.length;
    const T = this.#starts[this.#first[i + 1] - 1];
    const at = this.#at.subarray(i * C, (i + 1) * C);
    const last = this.#kinds[C - 1];
    const buffer = new ArrayBuffer(at[C - 1] - at[0] + T * last.width * last.kind.BYTES_PER_ELEMENT);
    this.#fill(new Uint8Array(buffer), at[0], advice);
    const columns = this.#kinds.map(({ kind, width }, c) => [COLUMN_NAMES[c], new kind(buffer, at[c] - at[0], T * width)]);
    return { columns: Object.fromEntries(columns), bytes: buffer.byteLength };
  }

  #fill(bytes: Uint8Array, from: number, advice: string): void {
    let read = 0;
    try {
      const file = openSync(this.path, 'r');
      try {
        read = readSync(file, bytes, 0, bytes.length, from);
      } finally {
        closeSync(file);
      }
    } catch (cause) {
      throw new CadenzaError('E_DATA', `cannot read ${this.path}: ${(cause as Error).message}. ${advice}`, { cause });
    }
    if (read < bytes.length)
      throw new CadenzaError(
        'E_DATA',
        `${this.path}: expected ${bytes.length} bytes at ${from}, found ${read}; it was truncated. ${advice}`,
      );
  }
}

/** Keeps the columns that were read last. */
class ColumnReader {
  readonly #limit: number;
  readonly #advice: string;
  readonly #kept: { readonly history: StoredHistory; readonly bytes: number }[] = [];
  #first = 0;
  #bytes = 0;

  constructor(limit: number, advice: string) {
    this.#limit = limit;
    this.#advice = advice;
  }

  read(history: StoredHistory, shard: StoredShard, i: number): Columns {
    const { columns, bytes } = shard.read(i, this.#advice);
    this.#kept.push({ history, bytes });
    this.#bytes += bytes;
    while (this.#bytes > this.#limit && this.#first < this.#kept.length - 1) {
      const oldest = this.#kept[this.#first++];
      oldest.history.forget();
      this.#bytes -= oldest.bytes;
    }
    // The list is shortened in one go, because each time takes as long as it has entries.
    if (this.#first > 1000 && 2 * this.#first > this.#kept.length) this.#first -= this.#kept.splice(0, this.#first).length;
    return columns;
  }
}

/** A history whose columns are read when one is used. */
class StoredHistory implements History {
  readonly task: Task;
  readonly taskKey: string;
  readonly stream: string;
  readonly #shard: StoredShard;
  readonly #index: number;
  readonly #reader: ColumnReader;
  #columns: Columns | undefined;

  constructor(shard: StoredShard, index: number, reader: ColumnReader, { task, taskKey, stream }: ReturnType<Labels['of']>) {
    this.task = task;
    this.taskKey = taskKey;
    this.stream = stream;
    this.#shard = shard;
    this.#index = index;
    this.#reader = reader;
  }

  get #read(): Columns {
    this.#columns ??= this.#reader.read(this, this.#shard, this.#index);
    return this.#columns;
  }

  forget(): void {
    this.#columns = undefined;
  }

  get observation() {
    return this.#read.observation;
  }

  get action() {
    return this.#read.action;
  }

  get probabilities() {
    return this.#read.probabilities;
  }

  get reward() {
    return this.#read.reward;
  }

  get nextObservation() {
    return this.#read.nextObservation;
  }

  get terminated() {
    return this.#read.terminated;
  }

  get truncated() {
    return this.#read.truncated;
  }

  get knownStarts() {
    return this.#shard.starts(this.#index);
  }
}

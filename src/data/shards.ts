/**
 * @file A shard of learning histories: an Apache Arrow IPC file with one record batch per history, so that writing concatenates nothing and
 * the columns of a history are neighbors in the file. Everything else (task, key, stream) is JSON in the schema's metadata. Any Arrow reader
 * opens it.
 */

import { join } from 'node:path';
import {
  type Data,
  Field,
  FixedSizeList,
  Float32,
  Int32,
  MetadataVersion,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Struct,
  tableFromIPC,
  Uint8,
} from 'apache-arrow';
import { FileBlock, Footer } from 'apache-arrow/ipc/metadata/file';
import { z } from 'zod';
import { expectActions } from '../rl/actions.ts';
import type { History } from '../rl/history.ts';
import { type Space, spaceSize } from '../rl/spaces.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import { canonicalJson, sha256, writeFileAtomic } from '../util/files.ts';

const LAYOUT = 1;
const METADATA = 'cadenza';
/** What to do about data that cannot be trusted. */
export const REGENERATE = 'Delete the folder and run `cadenza generate` again.';

type Column = Exclude<keyof History, 'task' | 'taskKey' | 'stream' | 'knownStarts'>;

/** Sizes that all histories of a shard share. */
export interface ShardMeta {
  /** Id of the environment family. */
  readonly environment: string;
  /** Numbers per observation. */
  readonly F: number;
  /** Numbers per distribution over actions. */
  readonly A: number;
  /** The action space, unless an action is one integer below `A`. */
  readonly actionSpace?: Space;
}

/** Every column of a history: its element type, and its numbers per transition if it is a list. A missing column does not compile. */
const columnsOf = ({ F, A, actionSpace }: ShardMeta): Record<Column, { type: Float32 | Int32 | Uint8; width?: number }> => ({
  observation: { type: new Float32(), width: F },
  action: { type: actionSpace?.kind === 'box' ? new Float32() : new Int32(), width: actionSpace && spaceSize(actionSpace) },
  probabilities: { type: new Float32(), width: A },
  reward: { type: new Float32() },
  nextObservation: { type: new Float32(), width: F },
  terminated: { type: new Uint8() },
  truncated: { type: new Uint8() },
});
/** Names of the columns, in the order of the file. */
export const COLUMN_NAMES = Object.keys(columnsOf({ environment: '', F: 1, A: 1 })) as readonly Column[];

const count = z.int().min(1);
/** Schema of the manifest's entry for a shard. */
export const shardSchema = z.strictObject({
  /** File name inside the folder. A plain name: nothing outside the folder is ever read. */
  file: z.string().regex(/^[\w-]+\.arrow$/, 'expected a plain file name that ends in .arrow'),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits'),
  bytes: count,
  histories: count,
  transitions: count,
  /** Number of distinct tasks. */
  tasks: count,
});

/** The manifest's entry for a shard. */
export type ShardEntry = z.output<typeof shardSchema>;

/** Bytes of columns in a shard, at most, unless a single history has more. */
export const SHARD_BYTES = 32 * 2 ** 20;

/** Names of shards, as `encodeShard` forms them. */
export const SHARD_NAME = /^shard-\d+-[0-9a-f]{16}\.arrow$/;

/**
 * Encodes a shard: its bytes, and its entry in the manifest. The name contains the content's hash: a new shard never overwrites one that an
 * older manifest still refers to, and equal histories give equal bytes and names.
 *
 * @throws {CadenzaError} `E_SHAPE` if a column has the wrong length or an action is out of range, `E_NUMERICS` for a number that is not
 * finite.
 */
export function encodeShard(number: number, histories: readonly History[], meta: ShardMeta): { entry: ShardEntry; bytes: Uint8Array } {
  const bytes = encode(histories, meta);
  const hash = sha256(bytes);
  const file = `shard-${String(number).padStart(4, '0')}-${hash.slice(0, 16)}.arrow`;
  const transitions = histories.reduce((sum, history) => sum + history.reward.length, 0);
  const tasks = new Set(histories.map(history => history.taskKey)).size;
  return { entry: { file, sha256: hash, bytes: bytes.length, histories: histories.length, transitions, tasks }, bytes };
}

/**
 * Writes a shard into `folder`.
 *
 * @throws {CadenzaError} as `encodeShard`, and `E_DISK` if it cannot be written.
 */
export function writeShard(folder: string, number: number, histories: readonly History[], meta: ShardMeta): ShardEntry {
  const { entry, bytes } = encodeShard(number, histories, meta);
  writeFileAtomic(join(folder, entry.file), bytes);
  return entry;
}

/** The columns of one history. */
export type Columns = Pick<History, Column>;

/** A history in the bytes of a shard. */
export interface DecodedHistory extends Pick<History, 'task' | 'taskKey' | 'stream'> {
  /** Its columns, as views of the bytes. */
  readonly columns: Columns;
}

/**
 * The histories in the bytes of a shard, after verifying them: nothing is parsed before the hash agrees.
 *
 * @param path where the bytes come from, for errors.
 * @throws {CadenzaError} `E_DATA` if the bytes are too few or altered, or have another layout.
 */
export function decodeShard(
  path: string,
  bytes: Uint8Array,
  expected: Pick<ShardEntry, 'sha256' | 'bytes'>,
  advice: string,
): DecodedHistory[] {
  const refuse = (what: string, cause?: unknown) => new CadenzaError('E_DATA', `${path}: ${what}. ${advice}`, { cause });
  if (bytes.length !== expected.bytes)
    throw refuse(`expected ${expected.bytes} bytes, found ${bytes.length}; it was truncated or replaced`);
  const hash = sha256(bytes);
  if (hash !== expected.sha256) throw refuse(`expected sha256 ${expected.sha256}, found ${hash}; it was altered`);
  try {
    return decode(bytes);
  } catch (cause) {
    throw refuse(`not a shard of histories in layout ${LAYOUT}: ${(cause as Error).message}`, cause);
  }
}

/** Bytes of a history in a shard, without headers. */
export function historyBytes(history: History): number {
  return COLUMN_NAMES.reduce((sum, name) => sum + history[name].byteLength, 0);
}

/**
 * The bytes of a shard. Arrow writes what describes the data, and the columns are copied into their places: its own writer takes several
 * times as long for short histories. What describes a history depends on its length only.
 */
function encode(histories: readonly History[], meta: ShardMeta): Uint8Array {
  for (const history of histories) checkHistory(history, meta);
  const labels = histories.map(({ task, taskKey, stream }) => ({ task, taskKey, stream }));
  const schema = schemaOf(meta, new Map([[METADATA, canonicalJson({ layout: LAYOUT, ...meta, histories: labels })]]));
  const empty = arrowBytes(schema, []);
  const end = empty.length - footerBytes(schema, []).length - TAIL;
  const headers = new Map<number, Uint8Array>();
  const plain = schemaOf(meta);
  const blocks: FileBlock[] = [];
  let length = end;
  for (const { reward } of histories) {
    const T = reward.length;
    if (!headers.has(T)) headers.set(T, batchHeader(plain, meta, T));
    const header = headers.get(T)!.length;
    const body = COLUMN_NAMES.reduce((sum, name) => sum + aligned(columnBytes(name, meta, T)), 0);
    blocks.push(new FileBlock(header, body, length));
    length += header + body;
  }
  const footer = footerBytes(schema, blocks);
  const bytes = new Uint8Array(length + footer.length + TAIL);
  bytes.set(empty.subarray(0, end));
  for (const [i, history] of histories.entries()) {
    let at = blocks[i].offset;
    const header = headers.get(history.reward.length)!;
    bytes.set(header, at);
    at += header.length;
    for (const name of COLUMN_NAMES) {
      const { buffer, byteOffset, byteLength } = history[name];
      bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
      at += aligned(byteLength);
    }
  }
  // The end-of-stream mark comes before the footer, its length and the magic number after it.
  bytes.set(empty.subarray(end, end + EOS), length);
  bytes.set(footer, length + EOS);
  new DataView(bytes.buffer).setInt32(length + EOS + footer.length, footer.length, true);
  bytes.set(empty.subarray(-MAGIC), bytes.length - MAGIC);
  return bytes;
}

/** Bytes of the end-of-stream mark, of the magic number at the end of a file, and of both with the length of the footer between them. */
const [EOS, MAGIC] = [8, 6];
const TAIL = EOS + 4 + MAGIC;

/** Arrow pads every column to a multiple of 8 bytes. */
const aligned = (bytes: number) => Math.ceil(bytes / 8) * 8;

function columnBytes(name: Column, meta: ShardMeta, T: number): number {
  const { type, width = 1 } = columnsOf(meta)[name];
  return T * width * type.ArrayType.BYTES_PER_ELEMENT;
}

function schemaOf(meta: ShardMeta, metadata?: Map<string, string>): Schema {
  const columns = columnsOf(meta);
  const fields = COLUMN_NAMES.map(name => {
    const { type, width } = columns[name];
    return new Field(name, width === undefined ? type : new FixedSizeList(width, new Field('item', type)));
  });
  return new Schema(fields, metadata);
}

const footerBytes = (schema: Schema, blocks: FileBlock[]) => Footer.encode(new Footer(schema, MetadataVersion.V5, blocks, []));

function arrowBytes(schema: Schema, batches: readonly RecordBatch[]): Uint8Array {
  const writer = new RecordBatchFileWriter();
  writer.reset(undefined, schema);
  for (const batch of batches) writer.write(batch);
  return writer.finish().toUint8Array(true);
}

/** What Arrow writes before the columns of a record batch of T transitions. */
function batchHeader(schema: Schema, meta: ShardMeta, T: number): Uint8Array {
  const columns = columnsOf(meta);
  const children = COLUMN_NAMES.map((name, i) => {
    const { type, width } = columns[name];
    const data = new type.ArrayType(T * (width ?? 1));
    const flat = makeData({ type, length: data.length, nullCount: 0, data } as Parameters<typeof makeData>[0]);
    return width === undefined ? flat : makeData({ type: schema.fields[i].type as FixedSizeList, length: T, nullCount: 0, child: flat });
  });
  const batch = new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: T, nullCount: 0, children }));
  const bytes = arrowBytes(schema, [batch]);
  const start = arrowBytes(schema, []).length - footerBytes(schema, []).length - TAIL;
  // A message begins with a mark and the length of what follows, 4 bytes each.
  return bytes.slice(start, start + 8 + new DataView(bytes.buffer, bytes.byteOffset).getInt32(start + 4, true));
}

function decode(bytes: Uint8Array): DecodedHistory[] {
  const table = tableFromIPC(bytes);
  const { layout, histories } = JSON.parse(table.schema.metadata.get(METADATA) ?? '{}');
  if (layout !== LAYOUT) throw new Error(`found layout ${layout}`);
  if (histories.length !== table.batches.length) throw new Error(`${table.batches.length} batches for ${histories.length} histories`);
  return table.batches.map((batch, i) => {
    const columns = COLUMN_NAMES.map((name, c) => [name, flatValues(batch.data.children[c])]);
    return { ...histories[i], columns: Object.fromEntries(columns) };
  });
}

/** The numbers of a column without Arrow's padding. */
function flatValues(column: Data): ArrayLike<number> {
  const flat = column.children[0] ?? column;
  return flat.values.subarray(0, flat.length);
}

/**
 * Checks that a history fits the sizes of its shard.
 *
 * @throws {CadenzaError} `E_SHAPE` for a wrong length or an action out of range, `E_NUMERICS` for a number that is not finite.
 */
export function checkHistory(history: History, meta: ShardMeta): void {
  const length = history.terminated.length;
  const columns = columnsOf(meta);
  const where = `history '${history.stream}' of task ${history.taskKey}`;
  invariant(length > 0, `${where} has no transitions; expected at least one. Remove it.`);
  for (const name of COLUMN_NAMES) {
    const { type, width = 1 } = columns[name];
    const wanted = length * width;
    const column = history[name];
    invariant(column instanceof type.ArrayType, `${where}: ${name} must be a ${type.ArrayType.name}, got ${column?.constructor.name}.`);
    invariant(column.length === wanted, `${where}: ${name} must hold [${length} × ${width}] = ${wanted} numbers, got ${column.length}.`);
    const bad = firstNotFinite(column);
    if (bad >= 0)
      throw new CadenzaError('E_NUMERICS', `${where}: ${name}[${bad}] is ${column[bad]}; expected finite numbers. Fix its source.`);
  }
  expectActions({ id: where, actionSpace: meta.actionSpace ?? { kind: 'discrete', n: meta.A } }, history.action, length);
}

/** The place of the first number that is not finite, or −1. */
function firstNotFinite(column: Columns[Column]): number {
  if (!(column instanceof Float32Array)) return -1;
  for (let i = 0; i < column.length; i++) if (!Number.isFinite(column[i])) return i;
  return -1;
}

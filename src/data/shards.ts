/**
 * @file A shard of learning histories: an Apache Arrow IPC file with one record batch per history, so that writing concatenates nothing and
 * every column of a history is a view of the file's bytes when read. Everything else (task, key, stream) is JSON in the schema's metadata.
 * Any Arrow reader opens it.
 */

import { join } from 'node:path';
import {
  type Data,
  Field,
  FixedSizeList,
  Float32,
  Int32,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Struct,
  tableFromIPC,
  Uint8,
} from 'apache-arrow';
import { z } from 'zod';
import { expectActions } from '../rl/actions.ts';
import type { History } from '../rl/history.ts';
import { type Space, spaceSize } from '../rl/spaces.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import { canonicalJson, readBytes, sha256, writeFileAtomic } from '../util/files.ts';

const LAYOUT = 1;
const METADATA = 'cadenza';
/** What to do about data that cannot be trusted. */
export const REGENERATE = 'Delete the folder and run `cadenza generate` again.';

type Column = Exclude<keyof History, 'task' | 'taskKey' | 'stream'>;

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
const NAMES = Object.keys(columnsOf({ environment: '', F: 1, A: 1 })) as Column[];

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

/**
 * Reads a shard after verifying its bytes: nothing is parsed before the hash agrees. The columns are views of one buffer, so treat them as
 * read-only.
 *
 * @throws {CadenzaError} `E_DATA` if the file is missing, truncated or altered, or has another layout.
 */
export function readShard(path: string, expected: Pick<ShardEntry, 'sha256' | 'bytes'>, advice = REGENERATE): History[] {
  const bytes = readBytes(path, 'E_DATA', advice);
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
  return NAMES.reduce((sum, name) => sum + history[name].byteLength, 0);
}

function encode(histories: readonly History[], meta: ShardMeta): Uint8Array {
  for (const history of histories) checkHistory(history, meta);
  const columns = columnsOf(meta);
  const labels = histories.map(({ task, taskKey, stream }) => ({ task, taskKey, stream }));
  const metadata = new Map([[METADATA, canonicalJson({ layout: LAYOUT, ...meta, histories: labels })]]);
  const fields = NAMES.map(name => {
    const { type, width } = columns[name];
    return new Field(name, width === undefined ? type : new FixedSizeList(width, new Field('item', type)));
  });
  const schema = new Schema(fields, metadata);
  const batches = histories.map(history => {
    const length = history.reward.length;
    const children = NAMES.map((name, i) => {
      const { type, width } = columns[name];
      const flat = makeData({ type, length: length * (width ?? 1), nullCount: 0, data: history[name] } as Parameters<typeof makeData>[0]);
      return width === undefined ? flat : makeData({ type: fields[i].type as FixedSizeList, length, nullCount: 0, child: flat });
    });
    return new RecordBatch(schema, makeData({ type: new Struct(fields), length, nullCount: 0, children }));
  });
  const writer = new RecordBatchFileWriter();
  writer.reset(undefined, schema);
  for (const batch of batches) writer.write(batch);
  return writer.finish().toUint8Array(true);
}

function decode(bytes: Uint8Array): History[] {
  const table = tableFromIPC(bytes);
  const { layout, histories } = JSON.parse(table.schema.metadata.get(METADATA) ?? '{}');
  if (layout !== LAYOUT) throw new Error(`found layout ${layout}`);
  if (histories.length !== table.batches.length) throw new Error(`${table.batches.length} batches for ${histories.length} histories`);
  return table.batches.map((batch, i) => {
    const columns = NAMES.map((name, c) => [name, flatValues(batch.data.children[c])]);
    return { ...histories[i], ...Object.fromEntries(columns) };
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
  for (const name of NAMES) {
    const { type, width = 1 } = columns[name];
    const wanted = length * width;
    const column = history[name];
    invariant(column instanceof type.ArrayType, `${where}: ${name} must be a ${type.ArrayType.name}, got ${column?.constructor.name}.`);
    invariant(column.length === wanted, `${where}: ${name} must hold [${length} × ${width}] = ${wanted} numbers, got ${column.length}.`);
    const bad = column.findIndex(value => !Number.isFinite(value));
    if (bad >= 0)
      throw new CadenzaError('E_NUMERICS', `${where}: ${name}[${bad}] is ${column[bad]}; expected finite numbers. Fix its source.`);
  }
  expectActions({ id: where, actionSpace: meta.actionSpace ?? { kind: 'discrete', n: meta.A } }, history.action, length);
}

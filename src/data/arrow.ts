/** @file The bytes of a shard, by Apache Arrow. */

import { createRequire } from 'node:module';
import type { Data, FixedSizeList, Float32, Int32, RecordBatch, Schema, Uint8 } from 'apache-arrow';
import type { FileBlock } from 'apache-arrow/ipc/metadata/file';
import type { History } from '../rl/history.ts';
import { canonicalJson } from '../util/files.ts';
import { lazy } from '../util/lazy.ts';
import { COLUMN_NAMES, type Column, columnsOf, type DecodedHistory, type Numbers, type ShardMeta } from './columns.ts';

/** The layout that these functions write and read. */
export const LAYOUT = 1;
const METADATA = 'cadenza';

/** Loaded late: it takes a fifth of a second, and most commands read no histories. */
const library = lazy(() => {
  const require = createRequire(import.meta.url);
  const arrow: typeof import('apache-arrow') = require('apache-arrow');
  const file: typeof import('apache-arrow/ipc/metadata/file') = require('apache-arrow/ipc/metadata/file');
  return { ...arrow, ...file };
});

/**
 * The bytes of a shard. Arrow writes what describes the data, and the columns are copied into their places: its own writer takes several
 * times as long for short histories. What describes a history depends on its length only.
 */
export function encode(histories: readonly History[], meta: ShardMeta): Uint8Array {
  const { FileBlock } = library();
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
  return T * width * type.BYTES_PER_ELEMENT;
}

function schemaOf(meta: ShardMeta, metadata?: Map<string, string>): Schema {
  const { Field, FixedSizeList, Schema } = library();
  const columns = columnsOf(meta);
  const fields = COLUMN_NAMES.map(name => {
    const { type: numbers, width } = columns[name];
    const type = arrowType(numbers);
    return new Field(name, width === undefined ? type : new FixedSizeList(width, new Field('item', type)));
  });
  return new Schema(fields, metadata);
}

/** What Arrow calls these numbers. */
function arrowType(numbers: Numbers): Float32 | Int32 | Uint8 {
  const { Float32, Int32, Uint8 } = library();
  return numbers === Float32Array ? new Float32() : numbers === Int32Array ? new Int32() : new Uint8();
}

function footerBytes(schema: Schema, blocks: FileBlock[]): Uint8Array {
  const { Footer, MetadataVersion } = library();
  return Footer.encode(new Footer(schema, MetadataVersion.V5, blocks, []));
}

function arrowBytes(schema: Schema, batches: readonly RecordBatch[]): Uint8Array {
  const writer = new (library().RecordBatchFileWriter)();
  writer.reset(undefined, schema);
  for (const batch of batches) writer.write(batch);
  return writer.finish().toUint8Array(true);
}

/** What Arrow writes before the columns of a record batch of T transitions. */
function batchHeader(schema: Schema, meta: ShardMeta, T: number): Uint8Array {
  const { makeData, RecordBatch, Struct } = library();
  const columns = columnsOf(meta);
  const children = COLUMN_NAMES.map((name, i) => {
    const { type, width } = columns[name];
    const data = new type(T * (width ?? 1));
    const flat = makeData({ type: arrowType(type), length: data.length, nullCount: 0, data } as Parameters<typeof makeData>[0]);
    return width === undefined ? flat : makeData({ type: schema.fields[i].type as FixedSizeList, length: T, nullCount: 0, child: flat });
  });
  const batch = new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: T, nullCount: 0, children }));
  const bytes = arrowBytes(schema, [batch]);
  const start = arrowBytes(schema, []).length - footerBytes(schema, []).length - TAIL;
  // A message begins with a mark and the length of what follows, 4 bytes each.
  return bytes.slice(start, start + 8 + new DataView(bytes.buffer, bytes.byteOffset).getInt32(start + 4, true));
}

/** The histories in the bytes of a shard. Throws an error of any kind if they are none. */
export function decode(bytes: Uint8Array): DecodedHistory[] {
  const table = library().tableFromIPC(bytes);
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

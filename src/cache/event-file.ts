/**
 * @file Training metrics as event files of TensorBoard. An event file is a sequence of TFRecords: the length, its checksum, the data and their
 * checksum, where the data are a protocol buffer `Event` (tensorboard/compat/proto/event.proto). It needs few kinds of fields, which are
 * written here.
 */

import { readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { appendData, makeFolder } from '../util/files.ts';
import { type Metrics, type MetricsLine, type MetricsSink, scalarsOf } from './metrics.ts';

const PREFIX = 'events.out.tfevents.';

/** Whether this is the name of an event file. */
export const isEventFile = (name: string): boolean => name.startsWith(PREFIX);

/**
 * A new event file in a folder, which is created if it does not exist. Each metric is a scalar, named as in `scalarsOf`. Metrics are written
 * as they are added.
 *
 * Each process that trains a stage writes a file of its own. When TensorBoard reads it, it drops the steps after `steps` in earlier files,
 * which run again.
 *
 * @param steps number of steps after which training resumes.
 * @param before metrics of these steps. They are written unless the folder has an event file already.
 * @throws {CadenzaError} `E_DISK` like `appendData`, here and on adding.
 */
export function eventFile(
  folder: string,
  { steps = 0, before = [] }: { steps?: number; before?: readonly MetricsLine[] } = {},
): MetricsSink {
  makeFolder(folder);
  const earlier = readdirSync(folder).filter(isEventFile);
  const path = join(folder, nameAfter(earlier));
  const write = (...events: Buffer[]) => appendData(path, Buffer.concat(events.map(record)));
  write(event(text(FILE_VERSION, 'brain.Event:2')), event(integer(STEP, steps + 1), message(SESSION_LOG, integer(STATUS, START))));
  if (earlier.length === 0) write(...before.map(({ step, metrics }) => scalars(step, metrics)));
  return { add: (step, metrics) => write(scalars(step, metrics)), flush() {} };
}

/** The name of an event file: its time in seconds and the host. TensorBoard reads files in the order of their names. */
function nameAfter(earlier: readonly string[]): string {
  const times = earlier.map(name => Number.parseInt(name.slice(PREFIX.length), 10) || 0);
  const time = Math.max(Math.floor(Date.now() / 1000), ...times.map(time => time + 1));
  return `${PREFIX}${String(time).padStart(10, '0')}.${hostname().replaceAll(/[^\w.-]/g, '-')}`;
}

/** Fields of `Event`, of its `SessionLog`, of its `Summary`, and of a value of that. */
const [WALL_TIME, STEP, FILE_VERSION, SUMMARY, SESSION_LOG] = [1, 2, 3, 5, 7];
const [STATUS, START] = [1, 1];
const VALUE = 1;
const [TAG, SIMPLE_VALUE] = [1, 2];

const event = (...fields: Buffer[]): Buffer => Buffer.concat([double(WALL_TIME, Date.now() / 1000), ...fields]);

function scalars(step: number, metrics: Metrics): Buffer {
  const values = scalarsOf(metrics).map(([name, value]) => message(VALUE, text(TAG, name), float(SIMPLE_VALUE, value)));
  return event(integer(STEP, step), message(SUMMARY, ...values));
}

/** How the value of a field is written. */
const [VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES] = [0, 1, 2, 5];

const key = (field: number, type: number): number => 8 * field + type;

/** Seven bits a byte, the lowest first; all but the last byte have the highest bit set. */
const varint = (value: number): number[] => (value < 128 ? [value] : [128 + (value % 128), ...varint(Math.floor(value / 128))]);

const integer = (field: number, value: number): Buffer => Buffer.from([key(field, VARINT), ...varint(value)]);

function double(field: number, value: number): Buffer {
  const bytes = Buffer.from([key(field, EIGHT_BYTES), ...Array(8).fill(0)]);
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

function float(field: number, value: number): Buffer {
  const bytes = Buffer.from([key(field, FOUR_BYTES), ...Array(4).fill(0)]);
  bytes.writeFloatLE(value, 1);
  return bytes;
}

function message(field: number, ...content: Buffer[]): Buffer {
  const bytes = Buffer.concat(content);
  return Buffer.concat([Buffer.from([key(field, BYTES), ...varint(bytes.length)]), bytes]);
}

const text = (field: number, value: string): Buffer => message(field, Buffer.from(value));

/** A TFRecord. */
function record(data: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeUInt32LE(data.length);
  return Buffer.concat([length, masked(crc32c(length)), data, masked(crc32c(data))]);
}

/** A checksum as TFRecords store it, so that data that contain checksums get no trivial ones themselves. */
function masked(checksum: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE((((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0);
  return bytes;
}

/** Remainder of each byte by the polynomial of Castagnoli, with the lowest bit first. */
const REMAINDERS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0x82f63b78 : 0);
  return rest;
});

/** CRC-32C (RFC 3720, appendix B.4) as an unsigned integer. */
export function crc32c(data: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of data) rest = (rest >>> 8) ^ REMAINDERS[(rest ^ byte) & 255];
  return ~rest >>> 0;
}

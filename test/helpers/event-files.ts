/** @file Reads event files of TensorBoard by their specification, with nothing of the code that writes them. For tests. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** CRC-32C, bit by bit from the highest bit, on reflected bytes and with the polynomial as it is written in RFC 3720. */
function checksum(bytes: Uint8Array): number {
  const reflect = (value: number, bits: number) =>
    Array.from({ length: bits }, (_, i) => (value >>> i) & 1).reduce((all, bit) => all * 2 + bit, 0);
  let rest = 0xffffffffn;
  for (const byte of bytes) {
    rest ^= BigInt(reflect(byte, 8)) << 24n;
    for (let bit = 0; bit < 8; bit++) rest = rest & 0x80000000n ? ((rest << 1n) ^ 0x11edc6f41n) & 0xffffffffn : rest << 1n;
  }
  return reflect(Number(rest ^ 0xffffffffn), 32);
}

const unmask = (masked: number): number => {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
};

/** The data of the records of a TFRecord file. Throws if a checksum is wrong or bytes are left over. */
function recordsOf(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = Number(bytes.readBigUInt64LE(at));
    const data = bytes.subarray(at + 12, at + 12 + size);
    const sums = [bytes.readUInt32LE(at + 8), bytes.readUInt32LE(at + 12 + size)].map(unmask);
    if (sums[0] !== checksum(bytes.subarray(at, at + 8)) || sums[1] !== checksum(data)) throw new Error(`wrong checksum at ${at}`);
    found.push(data);
    at += size + 16;
  }
  return found;
}

type Value = bigint | Buffer;

/** Fields of a protocol buffer by their numbers. */
function fieldsOf(bytes: Buffer): Map<number, Value[]> {
  const fields = new Map<number, Value[]>();
  let at = 0;
  const varint = (): bigint => {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
      shift += 7n;
    }
  };
  const take = (size: number) => {
    at += size;
    return bytes.subarray(at - size, at);
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const read: Record<number, () => Value> = { 0: varint, 1: () => take(8), 2: () => take(Number(varint())), 5: () => take(4) };
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), read[key & 7]()]);
  }
  return fields;
}

export interface ReadEvent {
  readonly time: number;
  readonly step: number;
  readonly version?: string;
  /** Status of its session log. */
  readonly status?: number;
  readonly scalars: Readonly<Record<string, number>>;
}

export function readEvents(path: string): ReadEvent[] {
  return recordsOf(readFileSync(path)).map(data => {
    const { 1: time, 2: step, 3: version, 5: summary, 7: session } = Object.fromEntries(fieldsOf(data));
    const values = summary ? (fieldsOf(summary[0] as Buffer).get(1) ?? []) : [];
    const scalars = values.map(value => {
      const { 1: tag, 2: simple } = Object.fromEntries(fieldsOf(value as Buffer));
      return [String(tag[0]), (simple[0] as Buffer).readFloatLE()];
    });
    return {
      time: (time[0] as Buffer).readDoubleLE(),
      step: Number(step?.[0] ?? 0),
      version: version && String(version[0]),
      status: session && Number(fieldsOf(session[0] as Buffer).get(1)?.[0]),
      scalars: Object.fromEntries(scalars),
    };
  });
}

/** Event files of a folder in order. */
export const eventFilesIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter(name => name.includes('tfevents'))
    .sort()
    .map(name => join(folder, name));

/** What TensorBoard shows of a folder: scalars by name, as pairs of a step and a value. A start of a session drops what is at or after it. */
export function shownScalars(folder: string): Record<string, [step: number, value: number][]> {
  const shown: Record<string, [number, number][]> = {};
  for (const { step, status, scalars } of eventFilesIn(folder).flatMap(readEvents)) {
    if (status === 1) for (const name of Object.keys(shown)) shown[name] = shown[name].filter(([at]) => at < step);
    for (const [name, value] of Object.entries(scalars)) shown[name] = [...(shown[name] ?? []), [step, value]];
  }
  return shown;
}

/** The same of a metrics.jsonl, as 32-bit numbers. */
export function loggedScalars(folder: string): Record<string, [step: number, value: number][]> {
  const logged: Record<string, [number, number][]> = {};
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trim().split('\n');
  for (const line of lines) {
    const { step, validation = {}, ...metrics } = JSON.parse(line);
    const inner = Object.entries(validation).map(([name, value]) => [`validation.${name}`, value]);
    for (const [name, value] of [...Object.entries(metrics), ...inner] as [string, number | null][])
      if (value !== null) logged[name] = [...(logged[name] ?? []), [step, Math.fround(value)]];
  }
  return logged;
}

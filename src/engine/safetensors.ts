/**
 * @file The safetensors format: named arrays in one file that can be read without executing code. Layout: header length (u64,
 * little-endian), JSON header, then the data of every tensor without gaps. Tested against Python's `safetensors`.
 */

import { isMap } from '../util/canonical.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Data } from './executors/executor.ts';
import { type Shape, sizeOf } from './tensor.ts';

/** A named array of a file. */
export interface StoredTensor {
  /** Row-major elements; the array's class gives the dtype. */
  readonly data: Data;
  /** Sizes of its axes. */
  readonly shape: Shape;
}

/** Content of a safetensors file. */
export interface SafetensorsFile {
  /** Arrays by name. */
  readonly tensors: Map<string, StoredTensor>;
  /** Free texts by name. */
  readonly metadata: Record<string, string>;
}

const METADATA = '__metadata__';
const LENGTH_BYTES = 8;

const TYPES = { F32: Float32Array, I32: Int32Array, U8: Uint8Array } as const;
type TypeName = keyof typeof TYPES;

interface Entry {
  dtype: TypeName;
  shape: number[];
  data_offsets: [number, number];
}

const typeOf = (data: Data): TypeName => (data instanceof Float32Array ? 'F32' : data instanceof Int32Array ? 'I32' : 'U8');

const compare = <T extends string | number>(a: T, b: T) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Encodes tensors and string metadata. Equal content gives equal bytes, regardless of the order in the map.
 *
 * @throws {CadenzaError} `E_SHAPE` if a shape does not fit its data, or a tensor has the reserved name `__metadata__`.
 * @example encodeSafetensors(new Map([['w', { data: Float32Array.of(1, 2), shape: [2] }]]))
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  // Wide elements first, so that every tensor starts at a multiple of its element size.
  const sorted = [...tensors].sort(([a, { data: x }], [b, { data: y }]) => y.BYTES_PER_ELEMENT - x.BYTES_PER_ELEMENT || compare(a, b));
  const header: [string, Entry | Record<string, string>][] = [];
  const known = Object.entries(metadata).sort(([a], [b]) => compare(a, b));
  if (known.length > 0) header.push([METADATA, Object.fromEntries(known)]);
  let size = 0;
  for (const [name, { data, shape }] of sorted) {
    if (name === METADATA)
      throw new CadenzaError('E_SHAPE', `a tensor cannot be called "${METADATA}", which safetensors reserves. Rename it.`);
    if (sizeOf(shape) !== data.length)
      throw new CadenzaError('E_SHAPE', `tensor "${name}" has ${data.length} numbers, which do not fill the shape [${shape.join(', ')}].`);
    header.push([name, { dtype: typeOf(data), shape: [...shape], data_offsets: [size, size + data.byteLength] }]);
    size += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const padded = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(LENGTH_BYTES + padded + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + padded);
  bytes.set(text, LENGTH_BYTES);
  let at = LENGTH_BYTES + padded;
  for (const [, { data }] of sorted) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/**
 * Decodes a file of float32, int32 and uint8 tensors into new arrays.
 *
 * @throws {CadenzaError} `E_CHECKPOINT`, with the reason, unless every byte of the file is accounted for.
 */
export function decodeSafetensors(bytes: Uint8Array): SafetensorsFile {
  const { header, start } = readHeader(bytes);
  const tensors = new Map<string, StoredTensor>();
  const metadata: Record<string, string> = {};
  const ranges: [number, number][] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA) {
      if (!isMap(value) || !Object.values(value).every(text => typeof text === 'string')) fail('its metadata is not a map of texts');
      for (const [key, text] of Object.entries(value)) Object.defineProperty(metadata, key, { value: text, ...PLAIN });
      continue;
    }
    const { dtype, shape, data_offsets: offsets } = readEntry(name, value);
    const [from, to] = offsets;
    const type = TYPES[dtype];
    if (to - from !== sizeOf(shape) * type.BYTES_PER_ELEMENT)
      fail(`tensor "${name}" has ${to - from} bytes where ${dtype} [${shape.join(', ')}] needs ${sizeOf(shape) * type.BYTES_PER_ELEMENT}`);
    if (start + to > bytes.length) fail(`it ends after ${bytes.length} bytes, within tensor "${name}", which ends at ${start + to}`);
    ranges.push(offsets);
    // Copies, because the bytes may be anywhere in memory and a typed array needs an aligned start. (A Buffer's own `slice` does not copy.)
    tensors.set(name, { data: new type(new Uint8Array(bytes.subarray(start + from, start + to)).buffer), shape });
  }
  let end = 0;
  for (const [from, to] of ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (from !== end) fail(`its tensors overlap or leave a gap at byte ${start + Math.min(from, end)}`);
    end = to;
  }
  if (start + end !== bytes.length) fail(`it has ${bytes.length} bytes where its header describes ${start + end}`);
  return { tensors, metadata };
}

const PLAIN = { enumerable: true, writable: true, configurable: true } as const;

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; start: number } {
  if (bytes.length < LENGTH_BYTES) fail(`it has only ${bytes.length} bytes`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true));
  const start = LENGTH_BYTES + length;
  if (start > bytes.length) fail(`it has ${bytes.length} bytes, and its first ${LENGTH_BYTES} say that the header alone ends at ${start}`);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(LENGTH_BYTES, start)));
  } catch (cause) {
    fail('its header is not JSON', cause);
  }
  if (!isMap(header)) fail('its header is not a map of tensors');
  return { header, start };
}

function readEntry(name: string, value: unknown): Entry {
  const { dtype, shape, data_offsets: offsets } = isMap(value) ? value : {};
  if (typeof dtype !== 'string' || !isCounts(shape) || !isCounts(offsets) || offsets.length !== 2)
    fail(`the header's entry for "${name}" lacks a dtype, a shape or two offsets`);
  if (!Object.hasOwn(TYPES, dtype)) fail(`tensor "${name}" holds ${dtype}; ${Object.keys(TYPES).join(', ')} can be read`);
  return { dtype: dtype as TypeName, shape, data_offsets: offsets as [number, number] };
}

const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every(n => Number.isSafeInteger(n) && n >= 0);

function fail(reason: string, cause?: unknown): never {
  const message = `this is not a complete safetensors file: ${reason}. Copy the file again, or use an earlier checkpoint.`;
  throw new CadenzaError('E_CHECKPOINT', message, { cause });
}

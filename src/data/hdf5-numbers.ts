/** @file HDF5 numbers in JavaScript. */

import type { Metadata } from 'h5wasm/node';

/** HDF5's codes of type classes. */
export const TYPE = { integer: 0, float: 1, text: 3, enumeration: 8 } as const;

const SIZES = [1, 2, 4, 8];
/** Whether its numbers have a type that JavaScript has an array for. */
export const isNumeric = ({ type, size, enum_type: enumeration }: Metadata): boolean =>
  type === TYPE.float
    ? size > 1 && SIZES.includes(size)
    : (type === TYPE.integer || (type === TYPE.enumeration && enumeration?.type === TYPE.integer)) && SIZES.includes(size);
export const isHalf = ({ type, size }: Metadata) => type === TYPE.float && size === 2;

const SIGNED = { 1: Int8Array, 2: Int16Array, 4: Int32Array, 8: BigInt64Array } as const;
const UNSIGNED = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array } as const;
const REAL = { 2: Uint16Array, 4: Float32Array, 8: Float64Array } as const;

/** The array class of a type. JavaScript has no half-precision arrays; such numbers are read as integers to get their bits. */
function arrayOf({ type, size, signed }: Metadata) {
  if (type === TYPE.float) return REAL[size as 2 | 4 | 8];
  return (signed ? SIGNED : UNSIGNED)[size as 1 | 2 | 4 | 8];
}
export const emptyOf = (metadata: Metadata, count: number) => new (arrayOf(metadata))(count);
export const numbersOf = (bytes: Uint8Array, metadata: Metadata) => new (arrayOf(metadata))(bytes.buffer as ArrayBuffer);

/** A number if it holds the value exactly. */
export const exact = (value: number | bigint): number | bigint =>
  typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;

/** An IEEE 754 half-precision number from its bits: sign, 5 bits of exponent, 10 of fraction. */
export function fromHalf(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

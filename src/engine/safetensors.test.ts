import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from './safetensors.ts';

const sample = new Map<string, StoredTensor>([
  ['odd', { data: Uint8Array.of(1, 2, 255), shape: [3] }],
  ['weight', { data: Float32Array.of(1.5, -2, Number.NaN, 0.25, 5, 6), shape: [2, 3] }],
  ['step', { data: Int32Array.of(-7), shape: [] }],
  ['none', { data: new Float32Array(0), shape: [0, 4] }],
]);

const withHeader = (header: unknown, data = new Uint8Array(0), length?: number) => {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
};

describe('safetensors', () => {
  it('gives back what went in, wherever the bytes stand in memory', () => {
    const bytes = encodeSafetensors(sample, { kind: 'student', 'ü"': '\n' });
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    const { tensors, metadata } = decodeSafetensors(shifted.subarray(3));
    expect(metadata).toEqual({ kind: 'student', 'ü"': '\n' });
    expect(new Map([...tensors].sort())).toEqual(new Map([...sample].sort()));
  });

  it('round-trips any names and sizes', () => {
    const tensor = fc.oneof(fc.float32Array(), fc.int32Array(), fc.uint8Array()).map(data => ({ data, shape: [data.length] }));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), tensor), fc.dictionary(fc.string(), fc.string()), (named, metadata) => {
        const tensors = new Map(Object.entries(named).filter(([name]) => name !== '__metadata__'));
        const decoded = decodeSafetensors(encodeSafetensors(tensors, metadata));
        expect(decoded.tensors).toEqual(tensors);
        expect(Object.entries(decoded.metadata).sort()).toEqual(Object.entries(metadata).sort());
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it('does not depend on the order of the map, and aligns the data', () => {
    const bytes = encodeSafetensors(sample, { b: '1', a: '2' });
    expect(encodeSafetensors(new Map([...sample].reverse()), { a: '2', b: '1' })).toEqual(bytes);
    expect(new DataView(bytes.buffer).getBigUint64(0, true) % 8n).toBe(0n);
  });

  it('writes the bytes of the specification', () => {
    const bytes = encodeSafetensors(new Map([['a', { data: Uint8Array.of(9), shape: [1] }]]));
    expect(new TextDecoder().decode(bytes.subarray(8, -1))).toBe('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}   ');
    expect(bytes.at(-1)).toBe(9);
  });

  it('refuses every truncation, and what is not such a file', () => {
    const bytes = encodeSafetensors(sample, { kind: 'student' });
    for (let n = 0; n < bytes.length; n++) expect(() => decodeSafetensors(bytes.subarray(0, n))).toThrow(/not a whole safetensors file/);
    expect(() => decodeSafetensors(Uint8Array.of(...bytes, 0))).toThrow(/its header describes/);
    const entry = { dtype: 'U8', shape: [2], data_offsets: [0, 2] };
    const two = new Uint8Array(2);
    const cases: [Uint8Array, RegExp][] = [
      [new Uint8Array(64).fill(0x50), /the header alone ends at/],
      [withHeader('{"a"'), /is not JSON/],
      [withHeader([]), /not a map of tensors/],
      [withHeader({ a: 1 }), /lacks a dtype/],
      [withHeader({ a: { ...entry, dtype: 'BF16' } }, two), /holds BF16; F32, I32, U8 can be read/],
      [withHeader({ a: { ...entry, dtype: 'toString' } }, two), /holds toString/],
      [withHeader({ a: { ...entry, shape: [-1] } }, two), /lacks a dtype/],
      [withHeader({ a: { ...entry, shape: [3] } }, two), /has 2 bytes where/],
      [withHeader({ a: entry, b: entry }, two), /overlap/],
      [withHeader({ a: { ...entry, data_offsets: [1, 3] } }, new Uint8Array(3)), /gap/],
      [withHeader({ __metadata__: { a: 1 } }), /metadata/],
    ];
    for (const [file, message] of cases) {
      expect(() => decodeSafetensors(file)).toThrow(
        expect.objectContaining({ code: 'E_CHECKPOINT', message: expect.stringMatching(message) }),
      );
    }
  });

  it('does not write what it could not read', () => {
    expect(() => encodeSafetensors(new Map([['a', { data: new Float32Array(3), shape: [2] }]]))).toThrow(/do not fill/);
    expect(() => encodeSafetensors(new Map([['__metadata__', { data: new Float32Array(1), shape: [1] }]]))).toThrow(/keeps that name/);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failure, type Needle } from '../../test/helpers/failure.ts';
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
    const bytes = encodeSafetensors(sample, { kind: 'agent', 'ü"': '\n' });
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    const { tensors, metadata } = decodeSafetensors(shifted.subarray(3));
    expect(metadata).toEqual({ kind: 'agent', 'ü"': '\n' });
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
    const bytes = encodeSafetensors(sample, { kind: 'agent' });
    const damaged = failure('E_CHECKPOINT');
    for (let n = 0; n < bytes.length; n++) expect(() => decodeSafetensors(bytes.subarray(0, n))).toThrow(damaged);
    expect(() => decodeSafetensors(Uint8Array.of(...bytes, 0))).toThrow(damaged);
    const entry = { dtype: 'U8', shape: [2], data_offsets: [0, 2] };
    const two = new Uint8Array(2);
    const cases: [Uint8Array, Needle[]][] = [
      [new Uint8Array(64).fill(0x50), [64]],
      [withHeader('{"a"'), ['JSON']],
      [withHeader([]), []],
      [withHeader({ a: 1 }), ['"a"', 'dtype']],
      [withHeader({ a: { ...entry, dtype: 'BF16' } }, two), ['"a"', 'BF16', 'F32, I32, U8']],
      [withHeader({ a: { ...entry, dtype: 'toString' } }, two), ['"a"', 'toString']],
      [withHeader({ a: { ...entry, shape: [-1] } }, two), ['"a"', 'dtype']],
      [withHeader({ a: { ...entry, shape: [3] } }, two), ['"a"', 2, 3]],
      [withHeader({ a: entry, b: entry }, two), []],
      [withHeader({ a: { ...entry, data_offsets: [1, 3] } }, new Uint8Array(3)), []],
      [withHeader({ __metadata__: { a: 1 } }), ['metadata']],
    ];
    for (const [file, needles] of cases) expect(() => decodeSafetensors(file)).toThrow(failure('E_CHECKPOINT', ...needles));
  });

  it('does not write what it could not read', () => {
    const encode = (name: string, size: number) => encodeSafetensors(new Map([[name, { data: new Float32Array(size), shape: [1] }]]));
    expect(() => encode('a', 3)).toThrow(failure('E_SHAPE', '"a"', 3));
    expect(() => encode('__metadata__', 1)).toThrow(failure('E_SHAPE', '__metadata__'));
  });
});

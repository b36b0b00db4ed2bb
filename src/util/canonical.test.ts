import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from './canonical.ts';

describe('canonicalJson', () => {
  it('sorts keys at every depth, and leaves lists as they are', () => {
    expect(canonicalJson({ b: [{ d: 1, c: null }], a: 'x' })).toBe('{"a":"x","b":[{"c":null,"d":1}]}');
    expect(canonicalJson({ b: 1, a: 2 }, 1)).toBe('{\n "a": 2,\n "b": 1\n}');
  });

  it('has keys that are integers first, in their order, as all JSON of JavaScript', () => {
    expect(canonicalJson({ b: 0, 10: 1, 9: 2 })).toBe('{"9":2,"10":1,"b":0}');
  });

  it('drops what JSON does not have', () => {
    expect(canonicalJson({ none: undefined, list: [undefined], nan: Number.NaN, date: new Date(0) })).toBe(
      '{"date":"1970-01-01T00:00:00.000Z","list":[null],"nan":null}',
    );
  });

  it('is the same for any order of keys, and nothing is lost', () => {
    fc.assert(
      fc.property(fc.object({ withNullPrototype: true }), value => {
        const reversed = (part: unknown): unknown => {
          if (Array.isArray(part)) return part.map(reversed);
          if (typeof part !== 'object' || part === null) return part;
          const entries = Object.entries(part).map(([key, inner]) => [key, reversed(inner)] as const);
          return Object.fromEntries(entries.toReversed());
        };
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

/** @file The damage that tests do to files is real, is the same for the same seed, and is judged as a user would. */

import { describe, expect, it } from 'vitest';
import { CadenzaError } from '../src/util/errors.ts';
import { damagedBytes, damagedJson, expectExplained, fuzz } from './helpers/fuzz.ts';

const VALUE = { name: 'x', sizes: [1, 2, 3], nested: { rate: 0.5, none: null, rows: [{ a: 1 }, { a: 2 }] } };

describe('damage', () => {
  it('is drawn from the seed alone', () => {
    const draw = (seed: number) => damagedJson(VALUE, { seed, count: 50 });
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('reaches every place of a value, and kinds that JSON itself has no word for', () => {
    const all = damagedJson(VALUE, { seed: 3, count: 2000 });
    for (const place of ['name', 'sizes.1', 'nested.rate', 'nested.rows.1.a', '(root)'])
      expect(all.some(({ what }) => what.startsWith(`${place} `))).toBe(true);
    const parsed = all.flatMap(({ content }) => {
      try {
        return [JSON.parse(content)];
      } catch {
        return [];
      }
    });
    expect(parsed.some(value => value?.nested?.rate === Number.POSITIVE_INFINITY)).toBe(true);
    expect(parsed.some(value => value && typeof value === 'object' && Object.hasOwn(value, '__proto__'))).toBe(true);
    expect(parsed.length).toBeLessThan(all.length);
  });

  it('changes bytes', () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => i % 7);
    for (const { what, content } of damagedBytes(bytes, { seed: 1, count: 300 }))
      expect(Buffer.from(content).equals(bytes), what).toBe(false);
  });
});

describe('fuzz', () => {
  const one = [{ what: 'damage', content: 0 }];
  const fails = (error: unknown) => () => {
    throw error;
  };

  it('tells what was refused from what was accepted', async () => {
    const refusal = new CadenzaError('E_DATA', 'x is not y.');
    expect(await fuzz(one, fails(refusal))).toEqual({ refused: [refusal], accepted: [] });
    expect(await fuzz(one, () => undefined)).toEqual({ refused: [], accepted: ['damage'] });
  });

  it('fails for whatever a user would not understand', async () => {
    for (const error of [
      new TypeError('x'),
      'text',
      new CadenzaError('E_DATA', 'x'.repeat(5000)),
      new CadenzaError('E_DATA', 'x\n    at f'),
    ]) {
      await expect(fuzz(one, fails(error))).rejects.toThrow();
      await expect(expectExplained(fails(error))).rejects.toThrow();
    }
  });
});

/** @file Registries keep the order, name the nearest id, and refuse an id twice. */

import { expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { originsOf, type Parts, Registry, registeredBy } from './registry.ts';

const things = () => new Registry('thing', [{ id: 'first' }, { id: 'second' }]);

it('gives what was registered, in that order', () => {
  const registry = things();
  registry.register({ id: 'a third' });
  expect(registry.ids).toEqual(['first', 'second', 'a third']);
  expect(registry.all.map(({ id }) => id)).toEqual(registry.ids);
  expect(registry.get('second')).toBe(registry.all[1]);
  expect([registry.has('first'), registry.has('constructor')]).toEqual([true, false]);
});

it('names the nearest of an unknown id, and all', () => {
  for (const id of ['secnd', '__proto__', '']) expect(() => things().get(id)).toThrow(failure('E_CONFIG', `"${id}"`, 'first, second'));
  expect(() => things().get('secnd')).toThrow(failure('E_CONFIG', '"second"'));
});

it('refuses an id twice and leaves the first one', () => {
  const registry = things();
  expect(() => registry.register({ id: 'first' })).toThrow(failure('E_CONFIG', 'first'));
  expect(registry.get('first')).toBe(registry.all[0]);
});

it.each<[Parts, object, string]>([
  [{ draw: 'function' }, {}, 'a function'],
  [{ draw: 'function?' }, { draw: 1 }, 'a function'],
  [{ of: ['a', 'b'] }, { of: 'c' }, 'one of a, b'],
  [{ of: ['a', 'b'] }, {}, 'one of a, b'],
])('refuses what lacks a part: %j', (parts, entry, expected) => {
  const registry = new Registry<{ readonly id: string }>('thing', [], parts);
  expect(() => registry.register({ id: 'mine', ...entry })).toThrow(failure('E_CONFIG', '"mine"', expected));
  expect(registry.ids).toEqual([]);
});

it('attributes to a module what it registers, and not the built-in kinds of registries that it loads', async () => {
  const origin = { file: 'mine.ts', sha256: 'ab' };
  await registeredBy(origin, async () => {
    const registry = new Registry('thing', [{ id: 'built in' }]);
    registry.register({ id: 'mine' });
    expect(() => registry.register({ id: 'mine' })).toThrow(failure('E_CONFIG', '"mine"', 'mine.ts'));
  });
  expect([[...originsOf('built in')], [...originsOf('mine')]]).toEqual([[], [origin]]);
});

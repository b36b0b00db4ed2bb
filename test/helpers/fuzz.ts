/**
 * @file Damaged files, drawn from a seed: whatever reads one must refuse it with an explained failure or be able to work with it.
 *
 * @example
 * const { accepted } = await fuzz(damagedJson(manifest, { seed: 1, count: 300 }), text => { writeFileSync(path, text); use(read(path)); });
 * expect(accepted).toEqual([]); // where a hash protects the file, nothing may pass
 */

import { expect } from 'vitest';
import { CadenzaError } from '../../src/util/errors.ts';
import { Random } from '../../src/util/random.ts';

export interface Damage<T> {
  /** What was done, and where. */
  readonly what: string;
  readonly content: T;
}

export interface Drawn {
  readonly seed: number;
  readonly count: number;
}

/** Characters of a message at most: one paragraph, however long the values in the file are. */
const PARAGRAPH = 3000;

/**
 * Passes when `use` works, or fails with a `CadenzaError` of one paragraph; gives that failure. Anything else that is thrown is what a user
 * would see as E_BUG.
 */
export async function expectExplained(use: () => unknown, what = 'it'): Promise<CadenzaError | undefined> {
  const fault = await faultOf(use);
  expect(typeof fault === 'string' ? `${what}: ${fault}` : undefined).toBeUndefined();
  return fault instanceof CadenzaError ? fault : undefined;
}

/** Uses every damaged content as `expectExplained` does, and reports all faults together. Gives what was refused, and the damages that were not. */
export async function fuzz<T>(
  damages: readonly Damage<T>[],
  use: (content: T) => unknown,
): Promise<{ refused: CadenzaError[]; accepted: string[] }> {
  const refused: CadenzaError[] = [];
  const accepted: string[] = [];
  const faults: string[] = [];
  for (const { what, content } of damages) {
    const fault = await faultOf(() => use(content));
    if (fault === undefined) accepted.push(what);
    else if (fault instanceof CadenzaError) refused.push(fault);
    else faults.push(`${what}: ${fault}`);
  }
  expect(faults).toEqual([]);
  return { refused, accepted };
}

async function faultOf(use: () => unknown): Promise<CadenzaError | string | undefined> {
  try {
    await use();
    return undefined;
  } catch (error) {
    if (!(error instanceof CadenzaError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
    const { message } = error;
    if (message.length > PARAGRAPH) return `a message of ${message.length} characters: ${message.slice(0, 200)}…`;
    if (/\n\s+at /.test(message)) return `a trace in the message: ${message}`;
    return error;
  }
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Stands for text that is no JSON value of its own, such as a number beyond float64. */
const raw = (text: string): string => `\u{e000}${text}\u{e001}`;
const textOf = (value: Json): string => JSON.stringify(value, null, 2).replace(/"\u{e000}(.*?)\u{e001}"/gu, '$1');

const VALUES: readonly (readonly [name: string, value: Json])[] = [
  ['null', null],
  ['true', true],
  ['0', 0],
  ['-1', -1],
  ['0.5', 0.5],
  ['10⁹', 1e9],
  ['2⁵³', 2 ** 53],
  ['the largest float64', Number.MAX_VALUE],
  ['∞', raw('1e999')],
  ['−∞', raw('-1e999')],
  ['−0', raw('-0')],
  ['an empty text', ''],
  ['a long text', 'x'.repeat(20_000)],
  ['escapes', '\u001b[2J\u0000\u202e'],
  ['a path out of the folder', '../../../../etc/passwd'],
  ['"__proto__"', '__proto__'],
  ['"NaN"', 'NaN'],
  ['an empty list', []],
  ['a list of nulls', [null, null, null]],
  ['an empty object', {}],
  ['deep lists', raw(`${'['.repeat(5000)}${']'.repeat(5000)}`)],
];
const KEYS = ['__proto__', 'constructor', 'toString', 'length', '', 'unknown'];

interface Node {
  readonly path: readonly (string | number)[];
  readonly holder: { [key: string | number]: Json };
  readonly key: string | number;
}

/** A place in the value. Lists of thousands do not outweigh the rest: each level is drawn by itself. */
function anywhere(holder: Node['holder'], random: Random): Node {
  let node: Node = { path: [], holder, key: 'root' };
  for (;;) {
    const value = node.holder[node.key];
    const keys = value !== null && typeof value === 'object' ? Object.keys(value) : [];
    if (keys.length === 0 || random.uniform() < (node.path.length > 0 ? 0.2 : 0.03)) return node;
    const key = keys[random.integer(keys.length)];
    node = { path: [...node.path, key], holder: value as Node['holder'], key };
  }
}

/** Sets a key of any name: assigning to `__proto__` would be lost. */
const define = (holder: object, key: string | number, value: Json) =>
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });

const CHANGES: readonly ((node: Node, random: Random, holder: Node['holder']) => string)[] = [
  ({ holder, key }) => {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
    return 'removed';
  },
  ({ holder, key }, random) => {
    const [name, value] = VALUES[random.integer(VALUES.length)];
    define(holder, key, structuredClone(value));
    return `set to ${name}`;
  },
  ({ holder, key }, random) => {
    const value = holder[key];
    if (typeof value === 'number') {
      const [name, other] = [
        ['negated', -value],
        ['plus 1', value + 1],
        ['less 1', value - 1],
        ['plus ½', value + 0.5],
        ['times 1000', value * 1000],
        ['as text', String(value)],
      ][random.integer(6)] as [string, Json];
      holder[key] = other;
      return name;
    }
    if (typeof value === 'string') {
      holder[key] = random.uniform() < 0.5 ? value.slice(0, value.length >> 1) : `${value}x`;
      return 'another text';
    }
    if (Array.isArray(value)) {
      if (random.uniform() < 0.5) value.push(value[0] ?? 0);
      else value.pop();
      return 'another length';
    }
    holder[key] = [value];
    return 'in a list';
  },
  ({ holder, key }, random) => {
    const value = holder[key];
    const into = value !== null && typeof value === 'object' && !Array.isArray(value) ? value : holder;
    const name = KEYS[random.integer(KEYS.length)];
    if (Array.isArray(into)) into.push(name);
    else define(into, name, random.uniform() < 0.5 ? {} : 1);
    return `next to it "${name}"`;
  },
  ({ holder, key }, random, root) => {
    const other = anywhere(root, random);
    define(holder, key, structuredClone(other.holder[other.key]));
    return `set to what is at ${other.path.join('.') || '(root)'}`;
  },
];

/** JSON texts, each with one change in its structure or, now and then, in its text. */
export function damagedJson(value: unknown, { seed, count }: Drawn): Damage<string>[] {
  const whole = JSON.stringify(value, null, 2);
  return Array.from({ length: count }, (_, i) => {
    const random = Random.seeded(seed).split('json', i);
    if (random.uniform() < 0.05) {
      const at = random.integer(whole.length);
      return { what: `cut at character ${at}`, content: whole.slice(0, at) };
    }
    for (;;) {
      const holder = { root: JSON.parse(whole) as Json };
      const node = anywhere(holder, random);
      const what = CHANGES[random.integer(CHANGES.length)](node, random, holder);
      const content = textOf(holder.root ?? null);
      // A zero that was negated, a text set to itself: what says the same is no damage.
      if (content !== whole) return { what: `${node.path.join('.') || '(root)'} ${what}`, content };
    }
  });
}

/** Bytes with one change each: another bit, another byte, a cut, zeros, or a piece twice. */
export function damagedBytes(bytes: Uint8Array, { seed, count }: Drawn): Damage<Uint8Array>[] {
  return Array.from({ length: count }, (_, i) => {
    const random = Random.seeded(seed).split('bytes', i);
    const at = random.integer(bytes.length);
    const some = 1 + random.integer(Math.min(64, bytes.length - at));
    const copy = Uint8Array.from(bytes);
    switch (random.integer(6)) {
      case 0:
        copy[at] ^= 1 << random.integer(8);
        return { what: `a bit of byte ${at}`, content: copy };
      case 1:
        copy[at] = copy[at] === 0xff ? 0xfe : 0xff;
        return { what: `byte ${at} set to ${copy[at]}`, content: copy };
      case 2:
        return { what: `cut at byte ${at}`, content: copy.subarray(0, at) };
      case 3:
        copy.fill(bytes[at] === 0 ? 0xa5 : 0, at, at + some);
        return { what: `${some} bytes at ${at} overwritten`, content: copy };
      case 4:
        return { what: `${some} bytes at ${at} twice`, content: Buffer.concat([copy.subarray(0, at + some), copy.subarray(at)]) };
      default:
        return { what: `${some} bytes at ${at} missing`, content: Buffer.concat([copy.subarray(0, at), copy.subarray(at + some)]) };
    }
  });
}

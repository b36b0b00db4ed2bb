/** @file The parts of a contract: named checks that throw, for any test runner, and assertions that say where they failed. */

import { AssertionError } from 'node:assert/strict';
import { inspect } from 'node:util';
import type { ErrorCode } from '../util/errors.ts';

/**
 * One requirement of a kind. `run` throws if it does not hold.
 *
 * @example
 * for (const { name, run } of environmentChecks(environment('my-grid'))) test(name, run);
 */
export interface Check {
  /** A stable key, a colon, and the rule in words: `seeds: equal seeds give equal trajectories`. */
  readonly name: string;
  /** Runs the check; throws, or rejects, if the requirement does not hold. */
  run(): void | Promise<void>;
}

/** A check for any subject; not part of the contract of subjects that it does not apply to. */
export interface Rule<S> {
  readonly name: string;
  applies?(subject: S): boolean;
  check(subject: S): void | Promise<void>;
}

/** The contract of a subject. */
export const checksOf = <S>(rules: readonly Rule<S>[], subject: S): Check[] =>
  rules.filter(({ applies }) => applies?.(subject) ?? true).map(({ name, check }) => ({ name, run: () => check(subject) }));

/** A value as failures show it. */
export const show = (value: unknown) => inspect(value, { depth: 2, maxArrayLength: 12, breakLength: Number.POSITIVE_INFINITY });

/** Throws unless `holds`; `expected` is in words. */
export function expectThat(holds: boolean, where: string, expected: string, found: unknown): asserts holds {
  if (!holds) throw new AssertionError({ message: `${where}: expected ${expected}, found ${show(found)}.`, actual: found });
}

/** Throws at the first difference between two values, in typed arrays and objects. */
export function expectEqual(found: unknown, expected: unknown, where: string): void {
  const at = difference(found, expected);
  if (!at) return;
  const message = `${where}${at.path}: expected ${show(at.expected)}, found ${show(at.found)}.`;
  throw new AssertionError({ message, actual: at.found, expected: at.expected });
}

function difference(found: unknown, expected: unknown): { path: string; found: unknown; expected: unknown } | undefined {
  if (found === expected || (Number.isNaN(found) && Number.isNaN(expected))) return undefined;
  const here = { path: '', found, expected };
  if (typeof found !== 'object' || typeof expected !== 'object' || !found || !expected) return here;
  const [names, wanted] = [Object.keys(found), Object.keys(expected)];
  if (names.length !== wanted.length || !wanted.every(name => Object.hasOwn(found, name))) return here;
  for (const name of wanted) {
    const inside = difference(found[name as never], expected[name as never]);
    if (inside) return { ...inside, path: `[${name}]${inside.path}` };
  }
  return undefined;
}

/** Throws unless |found − expected| ≤ tolerance · (1 + |expected|), for numbers and lists of equal length. */
export function expectClose(
  found: number | ArrayLike<number>,
  expected: number | ArrayLike<number>,
  where: string,
  tolerance = 1e-6,
): void {
  const [a, b] = [found, expected].map(value => (typeof value === 'number' ? [value] : value));
  expectEqual(a.length, b.length, `${where}, how many numbers`);
  for (let i = 0; i < b.length; i++)
    expectThat(
      Math.abs(a[i] - b[i]) <= tolerance * (1 + Math.abs(b[i])),
      b.length === 1 ? where : `${where}[${i}]`,
      `${b[i]} within ${tolerance}`,
      a[i],
    );
}

export function expectFinite(values: ArrayLike<number>, where: string): void {
  for (let i = 0; i < values.length; i++) expectThat(Number.isFinite(values[i]), `${where}[${i}]`, 'a finite number', values[i]);
}

/** Throws unless `act` throws, or rejects with, an error with this code. */
export async function expectRefusal(code: ErrorCode, where: string, act: () => unknown): Promise<void> {
  let found: unknown = 'no error';
  try {
    await act();
  } catch (error) {
    if ((error as { code?: unknown }).code === code) return;
    found = error;
  }
  expectThat(false, where, `an error of code ${code}`, found);
}

/** Standard normal numbers. */
export const normals = (size: number, random: { normal(): number }): Float32Array =>
  Float32Array.from({ length: size }, () => random.normal());

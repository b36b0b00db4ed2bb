/**
 * @file Checks what the conversion to 32-bit numbers, which networks compute with, loses. Rounding alone is harmless and is reported; a
 * field whose distinct values become equal is rejected.
 */

import { CadenzaError } from '../util/errors.ts';

/** One column of one recording, `width` numbers per row. */
export interface Column {
  readonly values: ArrayLike<number>;
  readonly width: number;
  /** File and history, for errors. */
  readonly where: string;
}

/** Types that 32-bit reals represent exactly. */
const EXACT = [Float32Array, Uint8Array, Int8Array, Uint16Array, Int16Array];
/** Integers up to here are exact. */
const MOST_EXACT = 2 ** 24;
/** Exponents of float64, from the smallest. */
const LEAST_EXPONENT = -1080;

/**
 * Checks the columns of one name. Returns a sentence if numbers are rounded, undefined if all are exact.
 *
 * @param lossy accept fields whose values become equal, and say so in the sentence
 * @throws {CadenzaError} `E_DATA` if distinct integers become equal, or a field typically changes by less than its rounding error.
 */
export function checkNarrowing(name: string, columns: readonly Column[], lossy: boolean): string | undefined {
  const width = columns[0]?.width ?? 0;
  const worst = Array<number>(width).fill(0);
  const whole = Array<boolean>(width).fill(true);
  const inexact = columns.filter(({ values }) => !EXACT.some(type => values instanceof type));
  for (const { values } of inexact) {
    for (let i = 0; i < values.length; i++) {
      const error = Math.abs(values[i] - Math.fround(values[i]));
      if (error > worst[i % width]) worst[i % width] = error;
      if (!Number.isInteger(values[i])) whole[i % width] = false;
    }
  }
  let collapsed = 0;
  for (let f = 0; f < width; f++) {
    if (worst[f] === 0) continue;
    const found = whole[f] ? mergedWhole(inexact, f) : mergedSteps(inexact, f, worst[f]);
    if (!found) continue;
    collapsed++;
    if (lossy) continue;
    const { first, second, where } = found;
    const field = width === 1 ? name : `number ${f} of ${name}`;
    const merged = `${first} and ${second} both become ${Math.fround(first)}`;
    const what = `${where}: ${field} loses distinctions in 32 bits, which networks compute with: ${merged}.`;
    const advice = `Subtract an offset such as ${first} or scale it in the file, or accept the loss with --allow-rounding.`;
    throw new CadenzaError('E_DATA', `${what} ${advice}`);
  }
  const most = Math.max(0, ...worst);
  if (most === 0) return undefined;
  const loss = collapsed > 0 ? `, which makes distinct values equal in ${collapsed} of ${width} numbers` : '';
  return `${name}: rounded to 32 bits, by at most ${most.toPrecision(2)}${loss}.`;
}

type Merged = { readonly first: number; readonly second: number; readonly where: string };

/** Integers are names or counts: no two may become equal. */
function mergedWhole(columns: readonly Column[], f: number): Merged | undefined {
  const seen = new Map<number, number>();
  for (const { values, width, where } of columns) {
    for (let i = f; i < values.length; i += width) {
      if (Math.abs(values[i]) < MOST_EXACT) continue;
      const narrow = Math.fround(values[i]);
      const before = seen.get(narrow) ?? values[i];
      if (before !== values[i]) return { first: before, second: values[i], where };
      seen.set(narrow, before);
    }
  }
  return undefined;
}

/**
 * Reals are measurements: what matters is whether they change by more than their rounding error. The typical change is the median, within a
 * factor of 2.
 */
function mergedSteps(columns: readonly Column[], f: number, worst: number): Merged | undefined {
  const changes = new Map<number, number>();
  let total = 0;
  let example: Merged | undefined;
  for (const { values, width, where } of columns) {
    for (let i = f + width; i < values.length; i += width) {
      const [first, second] = [values[i - width], values[i]];
      if (first === second) continue;
      if (Math.fround(first) === Math.fround(second)) example ??= { first, second, where };
      const exponent = Math.max(LEAST_EXPONENT, Math.floor(Math.log2(Math.abs(first - second))));
      changes.set(exponent, (changes.get(exponent) ?? 0) + 1);
      total++;
    }
  }
  let below = 0;
  for (const [exponent, count] of [...changes].sort(([a], [b]) => a - b)) {
    below += count;
    if (2 * below >= total) return 2 * worst >= 2 ** exponent ? example : undefined;
  }
  return undefined;
}

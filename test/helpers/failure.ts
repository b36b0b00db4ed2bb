/**
 * @file What a failure says to a program: its code, and the settings, paths, names and numbers that its message must carry. The words around
 * them are free to change. For tests.
 *
 * @example
 * expect(() => splitTasks(family, { heldOut: 81 })).toThrow(failure('E_SPLIT', 'split.heldOut', '[1, 80]', 81));
 * expect(await cadenza('run', file)).toEqual(exit('E_CONFIG', `${file}:2:7`, 'model.width'));
 */

import { expect } from 'vitest';
import { type ErrorCode, EXIT_CODES } from '../../src/util/errors.ts';

/** A setting, path, name or number; a pattern where a part of it varies. */
export type Needle = string | number | RegExp;

const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
/** A number is not found inside of another one. */
const sourceOf = (needle: Needle) => {
  if (needle instanceof RegExp) return needle.source;
  return typeof needle === 'number' ? `(?<![\\d.])${literal(String(needle))}(?!\\d|\\.\\d)` : literal(needle);
};
const ahead = (needles: readonly Needle[]) => needles.map(needle => `(?=[\\s\\S]*${sourceOf(needle)})`).join('');

/** A text that carries all of these, in any order. */
export const carrying = (...needles: readonly Needle[]) => expect.stringMatching(new RegExp(`^${ahead(needles)}`));

/** A `CadenzaError` of this code whose message carries all of these. */
export const failure = (code: ErrorCode, ...needles: readonly Needle[]) => expect.objectContaining({ code, message: carrying(...needles) });

/** How the command line ends with such a failure: its exit status, and on stderr the code and the needles, without a stack. */
export const exit = (code: ErrorCode, ...needles: readonly Needle[]) =>
  expect.objectContaining({
    status: EXIT_CODES[code],
    stderr: expect.stringMatching(new RegExp(`^cadenza: \\[${code}\\] ${ahead(needles)}(?![\\s\\S]*\\n {4}at )`, 'm')),
  });

/**
 * @file Record formats: what a JSON file of ours may hold. Each format is described once, by a schema; whatever takes a value of it gets one
 * that was checked in full, or one error that names the field. A browser runs this; `readRecord` reads the files.
 */

import type { z } from 'zod';
import { CadenzaError, type ErrorCode } from './errors.ts';

/** One file format. */
export interface RecordFormat<T> {
  /** What the file is, with its article: 'a manifest of histories'. */
  readonly what: string;
  /** Versions, shapes, ranges. Numbers of zod are finite, so NaN and infinities do not pass. */
  readonly schema: z.ZodType<T>;
  /** The failure to raise (default `E_DATA`). */
  readonly code?: ErrorCode;
  /** What the user can do about a file that does not fit, as a sentence. */
  readonly advice: string;
}

/** Problems that one message lists at most. */
const LISTED = 5;

/** The value, checked against the format's schema. `where` names it in the error: a path, or a column of a table. Throws as `readRecord` does. */
export function checkRecord<T>(value: unknown, where: string, { what, schema, code = 'E_DATA', advice }: RecordFormat<T>): T {
  const result = parse(schema, value);
  if (result.success) return result.data;
  const faults = result.issues.slice(0, LISTED).map(({ path, message }) => `${path.join('.') || '(whole file)'}: ${message}`);
  const more = result.issues.length > LISTED ? `; and ${result.issues.length - LISTED} more problems` : '';
  throw new CadenzaError(code, `${where} is not ${what}. ${faults.join('; ')}${more}. ${advice}`);
}

type Issue = Pick<z.core.$ZodIssue, 'path' | 'message'>;

function parse<T>(schema: z.ZodType<T>, value: unknown): { success: true; data: T } | { success: false; issues: readonly Issue[] } {
  try {
    const result = schema.safeParse(value);
    return result.success ? result : { success: false, issues: result.error.issues };
  } catch (error) {
    // Where a schema is recursive, so is its check.
    if (error instanceof RangeError) return { success: false, issues: [{ path: [], message: 'it is nested too deeply' }] };
    throw error;
  }
}

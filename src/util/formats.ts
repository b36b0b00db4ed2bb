/**
 * @file Record formats: what a JSON file of ours may hold. Each format is described once, by a schema; whatever takes a value of it gets one
 * that was checked in full, or one error that names the field. A browser runs this; `readRecord` reads the files.
 */

import { z } from 'zod';
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

/** What to do about a file of another version. */
export const OTHER_VERSION =
  'Another version of cadenza wrote it: run the experiment again with --fresh, which trains again; an error names each setting that was renamed.';

/** Problems that one message lists at most. */
const LISTED = 5;

/** The value, checked against the format's schema. `where` names it in the error: a path, or a column of a table. Throws as `readRecord` does. */
export function checkRecord<T>(value: unknown, where: string, { what, schema, code = 'E_DATA', advice }: RecordFormat<T>): T {
  const result = parse(schema, value);
  if (result.success) return result.data;
  const { format } = { ...(value as { format?: unknown } | null) };
  // Where another version wrote the file, its other fields say nothing.
  if (typeof format === 'string' && result.issues.some(({ path }) => path[0] === 'format'))
    throw new CadenzaError(code, `${where} is not ${what}, but has the format ${JSON.stringify(format.slice(0, 60))}. ${OTHER_VERSION}`);
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

/**
 * A schema with an entry for every field of `T`, optional ones included, and for no others, so that a type and its schema cannot drift apart.
 *
 * @example const budget: z.ZodType<Budget> = fields<Budget>({ steps: z.int(), note: z.string().optional() });
 */
export const fields = <T extends object>(shape: { readonly [K in keyof T]-?: z.ZodType<T[K]> }): z.ZodType<T> =>
  z.strictObject(shape) as unknown as z.ZodType<T>;

/** Values by names that the file chose itself. A name that every object has already, such as `constructor`, is refused. */
export const byName = <T>(value: z.ZodType<T>): z.ZodType<Record<string, T>> => z.record(nameSchema, value);

/** A name that may be a key of an object. */
export const nameSchema = z
  .string()
  .min(1)
  .max(1000)
  .refine(name => !(name in {}), 'is a name that JavaScript keeps for itself');

/** A SHA-256 in hexadecimal. */
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256: 64 hexadecimal digits');

/** The name of a file in the same folder: no path that leads elsewhere. */
export const fileNameSchema = z
  .string()
  .max(255)
  .regex(/^(?!\.\.?$)[^/\\\p{Cc}]+$/u, 'expected the name of a file in the same folder, without a path');

/**
 * @file Record formats: schemas of the JSON files that cadenza writes. Each format has one schema, and reading a value either returns a
 * fully checked one or throws one error that names the field. Browser-safe; `readRecord` reads files.
 */

import { z } from 'zod';
import { CadenzaError, type ErrorCode } from './errors.ts';

/** One file format. */
export interface RecordFormat<T> {
  /** What the file is, with its article: 'a manifest of histories'. */
  readonly what: string;
  /** Versions, shapes and ranges. zod numbers are finite, so NaN and infinities are rejected. */
  readonly schema: z.ZodType<T>;
  /** Error code to raise (default `E_DATA`). */
  readonly code?: ErrorCode;
  /** What the user can do about an invalid file, as a sentence. */
  readonly advice: string;
}

/** What to do about a file of another version. */
export const OTHER_VERSION =
  'Another version of cadenza wrote it: run the experiment again with --fresh, which retrains it. If a setting was renamed, the error gives its new name.';

/** Maximum number of problems listed in one message. */
const LISTED = 5;

/**
 * Checks a value against a record format and returns it. `where` names it in errors: a path, or a column of a table.
 *
 * @throws {CadenzaError} the format's code, naming each invalid field.
 */
export function checkRecord<T>(value: unknown, where: string, { what, schema, code = 'E_DATA', advice }: RecordFormat<T>): T {
  const result = parse(schema, value);
  if (result.success) return result.data;
  const { format } = { ...(value as { format?: unknown } | null) };
  // If another version wrote the file, errors about its other fields are meaningless.
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
    // A recursive schema recurses as deeply as its value.
    if (error instanceof RangeError) return { success: false, issues: [{ path: [], message: 'it is nested too deeply' }] };
    throw error;
  }
}

/**
 * A schema with an entry for every field of `T`, optional ones included, and no others, so that a type and its schema stay in step.
 *
 * @example const budget: z.ZodType<Budget> = fields<Budget>({ steps: z.int(), note: z.string().optional() });
 */
export const fields = <T extends object>(shape: { readonly [K in keyof T]-?: z.ZodType<T[K]> }): z.ZodType<T> =>
  z.strictObject(shape) as unknown as z.ZodType<T>;

/** A map from names that the file chooses to values. Names of built-in object properties, such as `constructor`, are rejected. */
export const byName = <T>(value: z.ZodType<T>): z.ZodType<Record<string, T>> => z.record(nameSchema, value);

/** A name that can be a key of an object. */
export const nameSchema = z
  .string()
  .min(1)
  .max(1000)
  .refine(name => !(name in {}), 'is a reserved JavaScript name');

/** A SHA-256 in hexadecimal. */
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256: 64 hexadecimal digits');

/** The name of a file in the same folder, without a path. */
export const fileNameSchema = z
  .string()
  .max(255)
  .regex(/^(?!\.\.?$)[^/\\\p{Cc}]+$/u, 'expected the name of a file in the same folder, without a path');

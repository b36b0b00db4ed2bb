/** @file The catalog of errors that a user can encounter. Each has a stable code and its own exit status. */

/** Stable error codes and the exit status the command line gives for each. */
export const EXIT_CODES = {
  E_USAGE: 2,
  E_CONFIG: 3,
  E_DATA: 4,
  E_CHECKPOINT: 5,
  E_NUMERICS: 6,
  E_DISK: 7,
  E_SHAPE: 8,
  E_EXECUTOR: 9,
  E_SPLIT: 10,
  E_INSTALL: 11,
  E_INTERRUPTED: 130,
} as const;

/** Stable code of a `CadenzaError`: a key of `EXIT_CODES`. */
export type ErrorCode = keyof typeof EXIT_CODES;

/**
 * An error with a stable code that is explained to the user in one paragraph: what was expected, what was found, what to do.
 *
 * @example
 * try {
 *   environment('dark-rom');
 * } catch (error) {
 *   if (error instanceof CadenzaError) error.code; // 'E_CONFIG'; the message names the nearest environment
 * }
 */
export class CadenzaError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CadenzaError';
    this.code = code;
  }

  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

/**
 * Checks a precondition inside the library.
 *
 * @throws {CadenzaError} `E_SHAPE` with the message, unless `condition` holds.
 */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new CadenzaError('E_SHAPE', message);
}

/** The result of `make`, or undefined if it throws. */
export function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

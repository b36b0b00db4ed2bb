/** @file The catalog of errors that a user can encounter. Each has a stable code and its own exit status. */

/** Stable error codes and the exit status the command line gives for each. */
export const EXIT_CODES = {
  /** A command, option or argument that cannot be used. */
  E_USAGE: 2,
  /** A setting, or settings that do not fit together. */
  E_CONFIG: 3,
  /** A file or value that is not what its format says. */
  E_DATA: 4,
  /** Stored weights or a checkpoint that is damaged or belongs to another configuration. */
  E_CHECKPOINT: 5,
  /** A loss, reward or observation that is NaN or infinite. */
  E_NUMERICS: 6,
  /** A file or folder that cannot be read or written, or a full disk. */
  E_DISK: 7,
  /** A tensor or argument of another shape than expected. */
  E_SHAPE: 8,
  /** The runtime that computes graphs, or the process of an environment, failed. */
  E_EXECUTOR: 9,
  /** Tasks on both sides of the split, or results of different tasks that cannot be compared. */
  E_SPLIT: 10,
  /** Something that must be installed is missing. */
  E_INSTALL: 11,
  /** A job that reads what is not finished yet. It can run later. */
  E_UNFINISHED: 75,
  /** The command was stopped by a signal. The same command continues. */
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

/** @file The one catalog of failures a user can meet. Each has a stable code and its own exit status. */

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

export type ErrorCode = keyof typeof EXIT_CODES;

/** A failure that is explained to the user in one paragraph: what was expected, what came, what to do. */
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

/** Throws `E_SHAPE` unless `condition` holds; for preconditions inside the library. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new CadenzaError('E_SHAPE', message);
}

/** What `make` gives; undefined where it throws, and that is an answer. */
export function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

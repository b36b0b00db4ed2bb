/**
 * @file Files that are either whole or absent, JSON with one spelling, and hashes. Node only: rooms that a browser runs must not
 * import it.
 */

import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CadenzaError, type ErrorCode } from './errors.ts';

/** What the user can do about each failure of a write; the other codes are faults of ours and pass through unchanged. */
const FULL = 'Free that much space there, or choose a folder on another disk, and run the command again.';
const FORBIDDEN = 'Choose a folder you may write to, or change its permissions, and run the command again.';
const OBSTRUCTED = 'A file stands where a folder is needed, or the other way round: move it away, or choose another folder.';
const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EFBIG: FULL,
  EROFS: FORBIDDEN,
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  ENOTDIR: OBSTRUCTED,
  EISDIR: OBSTRUCTED,
  EEXIST: OBSTRUCTED,
};

/**
 * Writes a file so that a reader sees either the earlier content or all of the new one: into a temporary name beside it, flushed to the
 * disk, then renamed. Makes the folder if it is missing.
 *
 * @throws `E_DISK` when the disk is full or the place cannot be written to; the earlier file is then untouched.
 */
export function writeFileAtomic(path: string, data: Uint8Array | string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(temporary, 'w');
    try {
      writeFileSync(file, data);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    try {
      rmSync(temporary, { force: true });
    } catch {
      // Where the folder itself cannot be used there is nothing to remove; the first failure is the one to report.
    }
    throw explained(error, path, data);
  }
}

/** Adds text at a file's end; a process that dies meanwhile leaves a part of it. Throws `E_DISK` as `writeFileAtomic` does. */
export function appendText(path: string, text: string): void {
  try {
    appendFileSync(path, text);
  } catch (error) {
    throw explained(error, path, text);
  }
}

function explained(error: unknown, path: string, data: Uint8Array | string): unknown {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (!(code in ADVICE)) return error;
  const text = `cannot write ${path}: ${Buffer.byteLength(data)} bytes are needed, but ${message}. What was there before is unchanged.`;
  return new CadenzaError('E_DISK', `${text} ${ADVICE[code]}`, { cause: error });
}

/**
 * Reads a file whole.
 *
 * @param code the failure to raise, by what the file is for.
 * @throws `code` when it is missing or unreadable; `advice` then says what to do.
 */
export function readBytes(path: string, code: ErrorCode = 'E_DATA', advice = 'Check the path.'): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CadenzaError(code, `cannot read ${path}: ${(error as Error).message}. ${advice}`, { cause: error });
  }
}

/**
 * Reads a text file. A byte order mark at its beginning is left out.
 *
 * @throws `code` when it is missing, unreadable or not UTF-8: text is never altered by decoding it.
 */
export function readText(path: string, code: ErrorCode = 'E_DATA', advice = 'Check the path.'): string {
  const bytes = readBytes(path, code, advice);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new CadenzaError(code, `${path} is not UTF-8 text. Save it in UTF-8. ${advice}`, { cause: error });
  }
}

/**
 * Reads a JSON file; the caller checks what it holds. For files of a known format, `readRecord` does both.
 *
 * @throws `code` when the file is missing, is not UTF-8 or is not JSON.
 */
export function readJson(path: string, code: ErrorCode = 'E_DATA', advice = 'Check the path.'): unknown {
  const text = readText(path, code, advice);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CadenzaError(code, `${path} is not JSON: ${(error as Error).message}. ${advice}`, { cause: error });
  }
}

/** Writes canonical JSON, indented by two spaces and ended by a line break, atomically. Throws `E_DISK` as `writeFileAtomic` does. */
export function writeJson(path: string, value: unknown): void {
  writeFileAtomic(path, `${canonicalJson(value, 2)}\n`);
}

/** JSON with every object's keys sorted, so that equal values give equal text. As in all JSON, NaN and ±∞ become null. */
export function canonicalJson(value: unknown, indent?: number): string {
  const sorted = (_key: string, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part;
  return JSON.stringify(value, sorted, indent);
}

/** SHA-256 in hexadecimal; text is hashed as UTF-8. */
export function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

/** SHA-256 of a file's bytes, read piece by piece: files of data may be larger than memory. Throws `E_DATA` where it cannot be read. */
export function sha256File(path: string): string {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(2 ** 22);
  try {
    const file = openSync(path, 'r');
    try {
      for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) hash.update(piece.subarray(0, read));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new CadenzaError('E_DATA', `cannot read ${path}: ${(error as Error).message}. Check the path.`, { cause: error });
  }
  return hash.digest('hex');
}

/** SHA-256 of the canonical JSON: the identity of a value by content. */
export function hashJson(value: unknown): string {
  return sha256(canonicalJson(value));
}

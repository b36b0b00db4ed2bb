/**
 * @file Atomic file writes (a file is either complete or absent), canonical JSON files, and hashes. Node only: rooms that run in a browser
 * must not import this file.
 */

import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { canonicalJson } from './canonical.ts';
import { attempt, CadenzaError, type ErrorCode } from './errors.ts';

export { canonicalJson };

/** A file system error that a user can cause and fix: the reason and the advice. */
interface DiskFault {
  readonly reason: string;
  readonly advice: string;
}

const FULL = 'Free that much space there, or choose a folder on another disk, and run the same command again; it resumes.';
const LARGER = 'Raise the limit (ulimit -f), and run the same command again; it resumes.';
const FORBIDDEN = 'Choose a folder you may write to, or change its permissions, and run the command again.';
const OBSTRUCTED = 'There is a file where a folder is needed, or the reverse. Move it, or choose another folder.';
const AGAIN = 'Close the program that uses it, and run the command again.';
const DEVICE = 'Check the disk or the network behind it, and run the command again.';

/** Known errors by code; any other code is a bug of ours. */
const DISK_FAULTS: Readonly<Record<string, DiskFault>> = {
  ENOSPC: { reason: 'the disk is full', advice: FULL },
  EDQUOT: { reason: 'the disk quota is used up', advice: FULL },
  EFBIG: { reason: 'the file would exceed the file size limit', advice: LARGER },
  EROFS: { reason: 'the file system is read-only', advice: FORBIDDEN },
  EACCES: { reason: 'permission denied', advice: FORBIDDEN },
  EPERM: { reason: 'operation not permitted', advice: FORBIDDEN },
  ENOTDIR: { reason: 'part of the path is a file, not a folder', advice: OBSTRUCTED },
  EISDIR: { reason: 'this is a folder', advice: OBSTRUCTED },
  EEXIST: { reason: 'it already exists', advice: OBSTRUCTED },
  ENOTEMPTY: { reason: 'the folder is not empty', advice: OBSTRUCTED },
  ENOENT: { reason: 'no such file or folder', advice: 'Check the path; a symbolic link in it may be broken.' },
  ELOOP: { reason: 'symbolic links in the path form a loop', advice: 'Remove them, or choose another path.' },
  ENAMETOOLONG: { reason: 'the path, or a name in it, is longer than the file system allows', advice: 'Choose a shorter one.' },
  EINVAL: { reason: 'the file system does not support this name or operation', advice: 'Choose another path.' },
  ENXIO: { reason: 'this is a device or socket, not a file', advice: 'Choose another path.' },
  EMFILE: { reason: 'too many files are open', advice: 'Raise the limit (ulimit -n), and run the command again.' },
  ENFILE: { reason: 'too many files are open on this machine', advice: AGAIN },
  EBUSY: { reason: 'it is in use', advice: AGAIN },
  ETXTBSY: { reason: 'it is a program that is running', advice: AGAIN },
  EXDEV: { reason: 'it spans two file systems', advice: 'Choose a folder on one disk.' },
  EIO: { reason: 'the device reported an error', advice: DEVICE },
  ENODEV: { reason: 'the device is gone', advice: DEVICE },
  ESTALE: { reason: 'the network folder has changed', advice: DEVICE },
  ETIMEDOUT: { reason: 'the network folder does not answer', advice: DEVICE },
  ERR_INVALID_ARG_VALUE: { reason: 'a path cannot hold a NUL character', advice: 'Remove it.' },
};

const NO_WORKING_FOLDER: DiskFault = {
  reason: 'the folder that this command was started in no longer exists',
  advice: 'Change to another folder, and run the command again.',
};

/** Whether relative paths resolve. Node caches the working folder's path, so it can outlive the folder. */
const hasWorkingFolder = (): boolean => attempt(() => existsSync(process.cwd())) ?? false;

/** The reason and advice for a file system error that a user can fix; undefined for any other error. */
export function diskFault(error: unknown): DiskFault | undefined {
  const { code, syscall = '' } = (error ?? {}) as NodeJS.ErrnoException;
  // Programs and connections fail with the same codes.
  if (code === undefined || /^(spawn|connect|listen|kill)/.test(syscall) || !Object.hasOwn(DISK_FAULTS, code)) return undefined;
  const { reason, advice } = code === 'ENOENT' && !hasWorkingFolder() ? NO_WORKING_FOLDER : DISK_FAULTS[code];
  return { reason: code.startsWith('ERR') ? reason : `${reason} (${code})`, advice };
}

/** Expands a leading `~` to the home folder, which a shell does not do after "=". */
export const expandHome = (path: string): string => (path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(2)) : path);

/** A path as messages show it: very long paths are shortened. */
export const shownPath = (path: string): string =>
  (path.length > 300 ? `${path.slice(0, 200)}…${path.slice(-80)}` : path).replaceAll('\0', '\\0');

/**
 * Creates a folder and its parents unless it exists. Throws the file system's error. Node's own recursive `mkdir` is not used because it
 * loops forever where the file system has no room for names, as in `/proc`.
 */
export function makeFolder(path: string): void {
  if (isFolder(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have created it first. A broken link fails here under that name.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

/** Whether the folder exists. Throws if no folder can be there, as when the path is too long or leads through a file. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Writes a file atomically: a reader sees either the old content or all of the new. Writes to a temporary file in the same folder, flushes
 * it to disk and renames it. Creates missing folders.
 *
 * @throws {CadenzaError} `E_DISK` if the disk is full or the path is not writable; the old file is then unchanged.
 */
export function writeFileAtomic(path: string, data: Uint8Array | string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    makeFolder(dirname(path));
    const file = openSync(temporary, 'w');
    try {
      writeFileSync(file, data);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    // If the folder itself is unusable there is nothing to remove; the first error is the one to report.
    attempt(() => rmSync(temporary, { force: true }));
    throw explained(error, path, data);
  }
}

/**
 * Checks that nothing would be overwritten: `path` must be free, or hold a file with these bytes (by SHA-256), so that a command can be
 * repeated.
 *
 * @throws {CadenzaError} `E_DISK` if something else is at `path`.
 */
export function expectNoOther(path: string, hash: string): void {
  if (!existsSync(path)) return;
  if (statSync(path).isFile() && sha256File(path) === hash) return;
  const advice = 'Move it, or choose another name.';
  throw new CadenzaError('E_DISK', `${path} already exists with other content, so it was not changed. ${advice}`);
}

/**
 * Renames a finished file to its final name.
 *
 * @throws {CadenzaError} `E_DISK` if a different file has that name.
 */
export function placeFile(temporary: string, path: string): void {
  expectNoOther(path, sha256File(temporary));
  renameSync(temporary, path);
}

/** Whether this is the name of a temporary file of `writeFileAtomic`. */
export const isTemporary = (name: string): boolean => /\.\d+\.tmp$/.test(name);

/** Milliseconds without a change after which a temporary file counts as abandoned; a write takes seconds. */
const DEAD = 600_000;

/** Removes temporary files that killed processes left in a folder, where `isOurs` holds for the final name. */
export function removeLeftovers(folder: string, isOurs: (name: string) => boolean): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const { mtimeMs = Number.POSITIVE_INFINITY } = statSync(path, { throwIfNoEntry: false }) ?? {};
    if (isTemporary(name) && isOurs(name.replace(/\.\d+\.tmp$/, '')) && Date.now() - mtimeMs > DEAD) rmSync(path, { force: true });
  }
}

/**
 * Appends text or bytes to a file; if the process dies meanwhile, part of them is written.
 *
 * @throws {CadenzaError} `E_DISK` as `writeFileAtomic` does.
 */
export function appendData(path: string, data: Uint8Array | string): void {
  try {
    appendFileSync(path, data);
  } catch (error) {
    throw explained(error, path, data);
  }
}

function explained(error: unknown, path: string, data: Uint8Array | string): unknown {
  const fault = diskFault(error);
  if (!fault) return error;
  const bytes = Buffer.byteLength(data);
  const text = `cannot write ${shownPath(path)}${bytes > 0 ? ` (${bytes} bytes)` : ''}: ${fault.reason}. The previous content is unchanged.`;
  return new CadenzaError('E_DISK', `${text} ${fault.advice}`, { cause: error });
}

/** A failed read as an error with this code. */
function unreadable(error: unknown, path: string, code: ErrorCode, advice: string): CadenzaError {
  const reason = diskFault(error)?.reason ?? (error as Error).message;
  return new CadenzaError(code, `cannot read ${shownPath(path)}: ${reason}. ${advice}`, { cause: error });
}

/** Path of standard input, which can be read only once. */
export const STDIN = '/dev/stdin';

/** What is added to the name of a file that is kept compressed by Brotli, which finds repetitions at any distance. */
export const PACKED = '.br';

/** Most bytes that a compressed file may hold: no text of more fits into a string. */
const MOST_UNPACKED = 2 ** 29;

/** Where a file is: at `path`, or else compressed at `path.br`. Gives `path` where neither is there. */
export const packedPath = (path: string): string => (!existsSync(path) && existsSync(path + PACKED) ? path + PACKED : path);

/**
 * Reads a whole file; decompresses it if its name ends in `.br`.
 *
 * @param code the error code to raise, by the purpose of the file.
 * @throws {CadenzaError} `code` if it is missing, unreadable or not compressed as its name says, with `advice` on what to do.
 */
export function readBytes(path: string, code: ErrorCode = 'E_DATA', advice = 'Check the path.'): Uint8Array {
  let bytes: Uint8Array;
  try {
    // A pipe of another program often cannot be opened by this name.
    bytes = readFileSync(path === STDIN ? 0 : path);
  } catch (error) {
    throw unreadable(error, path, code, advice);
  }
  if (!path.endsWith(PACKED)) return bytes;
  try {
    return brotliDecompressSync(bytes, { maxOutputLength: MOST_UNPACKED });
  } catch (error) {
    const what = `expected a Brotli file of at most ${MOST_UNPACKED / 2 ** 20} MiB, found another or a damaged one`;
    throw new CadenzaError(code, `${shownPath(path)}: ${what} (${(error as Error).message}). ${advice}`, { cause: error });
  }
}

/**
 * Reads a file into the start of a buffer, if it fits; so that many files need one buffer.
 *
 * @returns the part of the buffer that holds the file, or a new buffer if it does not fit.
 * @throws {CadenzaError} `E_DATA` if it is missing or unreadable, with `advice` on what to do.
 */
export function readBytesInto(buffer: Uint8Array, path: string, advice: string): Uint8Array {
  try {
    const file = openSync(path, 'r');
    try {
      if (fstatSync(file).size > buffer.length) return readFileSync(file);
      let length = 0;
      for (let read = 1; read > 0; length += read) read = readSync(file, buffer, length, buffer.length - length, null);
      return buffer.subarray(0, length);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw unreadable(error, path, 'E_DATA', advice);
  }
}

/**
 * Reads a text file, without its byte order mark.
 *
 * @throws {CadenzaError} `code` if it is missing, unreadable or not UTF-8; decoding never alters text.
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
 * Reads a JSON file; the caller checks its content. For files with a known format, `readRecord` does both.
 *
 * @throws {CadenzaError} `code` if the file is missing, not UTF-8 or not JSON.
 */
export function readJson(path: string, code: ErrorCode = 'E_DATA', advice = 'Check the path.'): unknown {
  const text = readText(path, code, advice);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CadenzaError(code, `${path} is not JSON: ${(error as Error).message}. ${advice}`, { cause: error });
  }
}

/**
 * Writes canonical JSON atomically, indented by two spaces, with a final line break.
 *
 * @throws {CadenzaError} `E_DISK` as `writeFileAtomic` does.
 */
export const writeJson = (path: string, value: unknown): void => writeFileAtomic(path, jsonText(value));

/** The text that `writeJson` writes. */
export const jsonText = (value: unknown): string => `${canonicalJson(value, 2)}\n`;

/** SHA-256 in hexadecimal; text is hashed as UTF-8. */
export const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');

/**
 * SHA-256 of a file, read in chunks because data files can be larger than memory.
 *
 * @throws {CadenzaError} `E_DATA` if it cannot be read.
 */
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
    throw unreadable(error, path, 'E_DATA', 'Check the path.');
  }
  return hash.digest('hex');
}

/** SHA-256 of the canonical JSON: identifies a value by its content. */
export const hashJson = (value: unknown): string => sha256(canonicalJson(value));

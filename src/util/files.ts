/**
 * @file Files that are either whole or absent, JSON with one spelling, and hashes. Node only: rooms that a browser runs must not
 * import it.
 */

import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
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
import { gunzipSync } from 'node:zlib';
import { canonicalJson } from './canonical.ts';
import { attempt, CadenzaError, type ErrorCode } from './errors.ts';

export { canonicalJson };

/** A failure of the file system that a user can cause and mend: what is the matter, and what to do. */
interface DiskFault {
  readonly reason: string;
  readonly advice: string;
}

const FULL = 'Free that much space there, or choose a folder on another disk, and run the same command again: it continues.';
const LARGER = 'Raise the limit (ulimit -f), and run the same command again: it continues.';
const FORBIDDEN = 'Choose a folder you may write to, or change its permissions, and run the command again.';
const OBSTRUCTED = 'A file stands where a folder is needed, or the other way round: move it away, or choose another folder.';
const AGAIN = 'Close what uses it, and run the command again.';
const DEVICE = 'Check the disk or the network behind it, and run the command again.';

/** All of them by their code; other codes are faults of ours. */
const DISK_FAULTS: Readonly<Record<string, DiskFault>> = {
  ENOSPC: { reason: 'the disk is full', advice: FULL },
  EDQUOT: { reason: 'the disk quota is used up', advice: FULL },
  EFBIG: { reason: 'the file would exceed the limit on file sizes', advice: LARGER },
  EROFS: { reason: 'the file system is read-only', advice: FORBIDDEN },
  EACCES: { reason: 'permission denied', advice: FORBIDDEN },
  EPERM: { reason: 'operation not permitted', advice: FORBIDDEN },
  ENOTDIR: { reason: 'a part of the path is a file', advice: OBSTRUCTED },
  EISDIR: { reason: 'this is a folder', advice: OBSTRUCTED },
  EEXIST: { reason: 'something else is there already', advice: OBSTRUCTED },
  ENOTEMPTY: { reason: 'the folder is not empty', advice: OBSTRUCTED },
  ENOENT: { reason: 'there is no such file or folder', advice: 'Check the path, and symbolic links in it, which may lead nowhere.' },
  ELOOP: { reason: 'symbolic links in the path lead back to themselves', advice: 'Remove them, or choose another path.' },
  ENAMETOOLONG: { reason: 'the path, or a name in it, is longer than the file system allows', advice: 'Choose a shorter one.' },
  EINVAL: { reason: 'the file system does not take this name or operation', advice: 'Choose another path.' },
  ENXIO: { reason: 'this is a device or socket, not a file', advice: 'Choose another path.' },
  EMFILE: { reason: 'too many files are open', advice: 'Raise the limit (ulimit -n), and run the command again.' },
  ENFILE: { reason: 'too many files are open on this machine', advice: AGAIN },
  EBUSY: { reason: 'it is in use', advice: AGAIN },
  ETXTBSY: { reason: 'it is a program that is running', advice: AGAIN },
  EXDEV: { reason: 'it reaches over two file systems', advice: 'Choose a folder on one disk.' },
  EIO: { reason: 'the device failed', advice: DEVICE },
  ENODEV: { reason: 'the device is gone', advice: DEVICE },
  ESTALE: { reason: 'the network folder has changed', advice: DEVICE },
  ETIMEDOUT: { reason: 'the network folder does not answer', advice: DEVICE },
  ERR_INVALID_ARG_VALUE: { reason: 'a path cannot hold a NUL character', advice: 'Remove it.' },
};

const NO_WORKING_FOLDER: DiskFault = {
  reason: 'the folder in which this command was started does not exist any more',
  advice: 'Change to another folder, and run the command again.',
};

/** Whether relative paths lead anywhere. Node remembers the path of the folder, which says nothing of its being there. */
const hasWorkingFolder = (): boolean => attempt(() => existsSync(process.cwd())) ?? false;

/** What of the file system failed, where it is a failure that a user can mend; undefined for anything else. */
export function diskFault(error: unknown): DiskFault | undefined {
  const { code, syscall = '' } = (error ?? {}) as NodeJS.ErrnoException;
  // Programs and connections fail with the same codes.
  if (code === undefined || /^(spawn|connect|listen|kill)/.test(syscall) || !Object.hasOwn(DISK_FAULTS, code)) return undefined;
  const { reason, advice } = code === 'ENOENT' && !hasWorkingFolder() ? NO_WORKING_FOLDER : DISK_FAULTS[code];
  return { reason: code.startsWith('ERR') ? reason : `${reason} (${code})`, advice };
}

/** A path with `~` for the home folder, which a shell leaves alone after "=". */
export const expandHome = (path: string): string => (path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(2)) : path);

/** A path as a message shows it: one that is too long for the disk is too long for a reader. */
export const shownPath = (path: string): string =>
  (path.length > 300 ? `${path.slice(0, 200)}…${path.slice(-80)}` : path).replaceAll('\0', '\\0');

/**
 * Makes a folder, with those that it lies in, unless it is there. Throws what the file system says. Not Node's own recursive `mkdir`, which
 * never ends where a folder says that it has no room for names, as `/proc` does.
 */
export function makeFolder(path: string): void {
  if (isFolder(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have been faster. A link that leads nowhere fails here by that name.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

/** Whether there is such a folder. Throws where no folder can be, as with a path that is too long or leads through a file. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Writes a file so that a reader sees either the earlier content or all of the new one: into a temporary name beside it, flushed to the
 * disk, then renamed. Makes the folder if it is missing.
 *
 * @throws `E_DISK` when the disk is full or the place cannot be written to; the earlier file is then untouched.
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
    // Where the folder itself cannot be used there is nothing to remove; the first failure is the one to report.
    attempt(() => rmSync(temporary, { force: true }));
    throw explained(error, path, data);
  }
}

/**
 * Throws `E_DISK` where something else than a file with these bytes (by their SHA-256) is at `path`: what others made is never replaced. Equal
 * bytes may be there, so that a command can be run twice.
 */
export function expectNoOther(path: string, hash: string): void {
  if (!existsSync(path)) return;
  if (statSync(path).isFile() && sha256File(path) === hash) return;
  const advice = 'Move it away, or choose another name.';
  throw new CadenzaError('E_DISK', `${path} is there already and holds something else, so it was left as it is. ${advice}`);
}

/** Gives a finished file its name. Throws `E_DISK` where another one has it. */
export function placeFile(temporary: string, path: string): void {
  expectNoOther(path, sha256File(temporary));
  renameSync(temporary, path);
}

/** A file that `writeFileAtomic` writes to before it has its name. */
export const isTemporary = (name: string): boolean => /\.\d+\.tmp$/.test(name);

/** A write takes seconds; one that rests for so many milliseconds has died. */
const DEAD = 600_000;

/** Removes what killed processes left of their writes in a folder, where `isOurs` holds for the name that the file was to have. */
export function removeLeftovers(folder: string, isOurs: (name: string) => boolean): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const { mtimeMs = Number.POSITIVE_INFINITY } = statSync(path, { throwIfNoEntry: false }) ?? {};
    if (isTemporary(name) && isOurs(name.replace(/\.\d+\.tmp$/, '')) && Date.now() - mtimeMs > DEAD) rmSync(path, { force: true });
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
  const fault = diskFault(error);
  if (!fault) return error;
  const bytes = Buffer.byteLength(data);
  const text = `cannot write ${shownPath(path)}${bytes > 0 ? ` (${bytes} bytes)` : ''}: ${fault.reason}. What was there before is unchanged.`;
  return new CadenzaError('E_DISK', `${text} ${fault.advice}`, { cause: error });
}

/** A failed read as an error of this code. */
function unreadable(error: unknown, path: string, code: ErrorCode, advice: string): CadenzaError {
  const reason = diskFault(error)?.reason ?? (error as Error).message;
  return new CadenzaError(code, `cannot read ${shownPath(path)}: ${reason}. ${advice}`, { cause: error });
}

/** Standard input as a path. It can be read once. */
export const STDIN = '/dev/stdin';

/** What is added to the name of a file that is kept compressed by gzip. */
export const PACKED = '.gz';

/** Most bytes that a compressed file may hold: no text of more fits into a string. */
const MOST_UNPACKED = 2 ** 29;

/** Where a file is: at `path`, or else gzip-compressed at `path.gz`. Gives `path` where neither is there. */
export const packedPath = (path: string): string => (!existsSync(path) && existsSync(path + PACKED) ? path + PACKED : path);

/**
 * Reads a file whole. A file whose name ends in `.gz` is decompressed.
 *
 * @param code the failure to raise, by what the file is for.
 * @throws `code` when it is missing, unreadable or not compressed as its name says; `advice` then says what to do.
 */
export function readBytes(path: string, code: ErrorCode = 'E_DATA', advice = 'Check the path.'): Uint8Array {
  let bytes: Uint8Array;
  try {
    // A pipe of another program can often not be opened by this name.
    bytes = readFileSync(path === STDIN ? 0 : path);
  } catch (error) {
    throw unreadable(error, path, code, advice);
  }
  if (!path.endsWith(PACKED)) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: MOST_UNPACKED });
  } catch (error) {
    const what = `expected a gzip file of at most ${MOST_UNPACKED / 2 ** 20} MiB, found another or a damaged one`;
    throw new CadenzaError(code, `${shownPath(path)}: ${what} (${(error as Error).message}). ${advice}`, { cause: error });
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
export const writeJson = (path: string, value: unknown): void => writeFileAtomic(path, jsonText(value));

/** The text that `writeJson` writes. */
export const jsonText = (value: unknown): string => `${canonicalJson(value, 2)}\n`;

/** SHA-256 in hexadecimal; text is hashed as UTF-8. */
export const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');

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
    throw unreadable(error, path, 'E_DATA', 'Check the path.');
  }
  return hash.digest('hex');
}

/** SHA-256 of the canonical JSON: the identity of a value by content. */
export const hashJson = (value: unknown): string => sha256(canonicalJson(value));

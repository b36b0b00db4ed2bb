/**
 * @file A shard of learning histories: an Apache Arrow IPC file with one record batch per history, so that writing concatenates nothing and
 * the columns of a history are neighbors in the file. Everything else (task, key, stream) is JSON in the schema's metadata. Any Arrow reader
 * opens it.
 */

import { join } from 'node:path';
import { z } from 'zod';
import type { History } from '../rl/history.ts';
import { CadenzaError } from '../util/errors.ts';
import { sha256, writeFileAtomic } from '../util/files.ts';
import { decode, encode, LAYOUT } from './arrow.ts';
import { COLUMN_NAMES, checkHistory, type DecodedHistory, type ShardMeta } from './columns.ts';

/** What to do about data that cannot be trusted. */
export const REGENERATE = 'Delete the folder and run `cadenza generate` again.';

const count = z.int().min(1);
/** Schema of the manifest's entry for a shard. */
export const shardSchema = z.strictObject({
  /** File name inside the folder. A plain name: nothing outside the folder is ever read. */
  file: z.string().regex(/^[\w-]+\.arrow$/, 'expected a plain file name that ends in .arrow'),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits'),
  bytes: count,
  histories: count,
  transitions: count,
  /** Number of distinct tasks. */
  tasks: count,
});

/** The manifest's entry for a shard. */
export type ShardEntry = z.output<typeof shardSchema>;

/** Bytes of columns in a shard, at most, unless a single history has more. */
export const SHARD_BYTES = 32 * 2 ** 20;

/** Names of shards, as `encodeShard` forms them. */
export const SHARD_NAME = /^shard-\d+-[0-9a-f]{16}\.arrow$/;

/**
 * Encodes a shard: its bytes, and its entry in the manifest. The name contains the content's hash: a new shard never overwrites one that an
 * older manifest still refers to, and equal histories give equal bytes and names.
 *
 * @throws {CadenzaError} `E_SHAPE` if a column has the wrong length or an action is out of range, `E_NUMERICS` for a number that is not
 * finite.
 */
export function encodeShard(number: number, histories: readonly History[], meta: ShardMeta): { entry: ShardEntry; bytes: Uint8Array } {
  for (const history of histories) checkHistory(history, meta);
  const bytes = encode(histories, meta);
  const hash = sha256(bytes);
  const file = `shard-${String(number).padStart(4, '0')}-${hash.slice(0, 16)}.arrow`;
  const transitions = histories.reduce((sum, history) => sum + history.reward.length, 0);
  const tasks = new Set(histories.map(history => history.taskKey)).size;
  return { entry: { file, sha256: hash, bytes: bytes.length, histories: histories.length, transitions, tasks }, bytes };
}

/**
 * Writes a shard into `folder`.
 *
 * @throws {CadenzaError} as `encodeShard`, and `E_DISK` if it cannot be written.
 */
export function writeShard(folder: string, number: number, histories: readonly History[], meta: ShardMeta): ShardEntry {
  const { entry, bytes } = encodeShard(number, histories, meta);
  writeFileAtomic(join(folder, entry.file), bytes);
  return entry;
}

/**
 * The histories in the bytes of a shard, after verifying them: nothing is parsed before the hash agrees.
 *
 * @param path where the bytes come from, for errors.
 * @throws {CadenzaError} `E_DATA` if the bytes are too few or altered, or have another layout.
 */
export function decodeShard(
  path: string,
  bytes: Uint8Array,
  expected: Pick<ShardEntry, 'sha256' | 'bytes'>,
  advice: string,
): DecodedHistory[] {
  const refuse = (what: string, cause?: unknown) => new CadenzaError('E_DATA', `${path}: ${what}. ${advice}`, { cause });
  if (bytes.length !== expected.bytes)
    throw refuse(`expected ${expected.bytes} bytes, found ${bytes.length}; it was truncated or replaced`);
  const hash = sha256(bytes);
  if (hash !== expected.sha256) throw refuse(`expected sha256 ${expected.sha256}, found ${hash}; it was altered`);
  try {
    return decode(bytes);
  } catch (cause) {
    throw refuse(`not a shard of histories in layout ${LAYOUT}: ${(cause as Error).message}`, cause);
  }
}

/** Bytes of a history in a shard, without headers. */
export function historyBytes(history: History): number {
  return COLUMN_NAMES.reduce((sum, name) => sum + history[name].byteLength, 0);
}

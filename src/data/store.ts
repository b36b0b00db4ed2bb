/** @file A folder of learning histories: a manifest and its shards, trusted only after hashes, counts, shapes and split agree. */

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { actionDistribution } from '../rl/actions.ts';
import type { EnvFamily } from '../rl/env.ts';
import type { History } from '../rl/history.ts';
import { spaceSize } from '../rl/spaces.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import { canonicalJson, hashJson } from '../util/files.ts';
import { FORMAT_VERSION, type Manifest, readManifest, writeManifest } from './manifest.ts';
import { encodeShard, historyBytes, REGENERATE, readShard, SHARD_NAME, type ShardMeta, writeShard } from './shards.ts';
import { auditHistories, auditKeys } from './split.ts';

/** What is needed of a family. It is passed in, because this room may not import environments. */
export type HistoryFamily = Pick<EnvFamily, 'id' | 'options' | 'observationSpace' | 'actionSpace' | 'horizon' | 'tasks' | 'taskKey'>;

/** What the shards of a family's histories depend on. */
type ShardFamily = Pick<EnvFamily, 'id' | 'observationSpace' | 'actionSpace'>;

/** A verified folder of learning histories. */
export interface HistoryFolder {
  /** What the folder declares. */
  readonly manifest: Manifest;
  /** All histories, in the order of the shards. */
  readonly histories: History[];
  /** Identity by content: hash of everything in the manifest (including every shard's hash) but its creator. */
  readonly dataHash: string;
}

/** What the caller of `saveHistories` declares about the data; the rest of the manifest is computed. */
export type Provenance = Pick<Manifest, 'source' | 'seed' | 'noise' | 'split' | 'creator'>;

const SHARD_BYTES = 32 * 2 ** 20;

/**
 * Audits histories against their split, then writes them in shards of at most `shardBytes` (or one history), the manifest last. Existing
 * data in the folder stays valid until the new manifest replaces the old one; only then its shards are removed.
 *
 * @throws {CadenzaError} `E_SPLIT`, `E_SHAPE` or `E_NUMERICS` for invalid histories, `E_DATA` for an invalid manifest, `E_DISK` if the disk
 * is full.
 */
export function saveHistories(
  folder: string,
  family: HistoryFamily,
  histories: readonly History[],
  about: Provenance,
  shardBytes = SHARD_BYTES,
): Omit<HistoryFolder, 'histories'> {
  invariant(histories.length > 0, 'There are no histories to save; expected at least one.');
  auditKeys(family, [...about.split.train, ...about.split.test]);
  auditHistories(family, about.split, histories);
  const shards = writeShards(folder, histories, family, shardBytes);
  const { source, seed, noise, split, creator } = about;
  const environment = environmentOf(family);
  const manifest = { formatVersion: FORMAT_VERSION, environment, source, seed, noise, shards, split, creator } as Manifest;
  writeManifest(folder, manifest);
  for (const file of readdirSync(folder))
    if (SHARD_NAME.test(file) && !shards.some(shard => shard.file === file)) rmSync(join(folder, file));
  return { manifest, dataHash: dataHashOf(manifest) };
}

/** Writes histories in shards of at most `shardBytes`, or of one history if that is larger. */
export const writeShards = (folder: string, histories: readonly History[], family: ShardFamily, shardBytes = SHARD_BYTES) =>
  grouped(histories, shardBytes).map((group, i) => writeShard(folder, i, group, shardMeta(family)));

/** The entries that `writeShards` would return, without writing anything. */
export const shardEntries = (histories: readonly History[], family: ShardFamily) =>
  grouped(histories, SHARD_BYTES).map((group, i) => encodeShard(i, group, shardMeta(family)).entry);

/**
 * Reads a folder of histories: verifies every shard's hash before parsing it, then counts, shapes and tasks.
 *
 * @param family the family that `readManifest(folder).environment.id` names.
 * @throws {CadenzaError} `E_DATA` if anything is missing, altered, or generated for another environment; `E_SPLIT` if a history is not of a
 * training task.
 * @example const { histories } = openHistories(folder, environment(readManifest(folder).environment.id));
 */
export function openHistories(folder: string, family: HistoryFamily): HistoryFolder {
  const manifest = readManifest(folder);
  const [made, given] = [canonicalJson(manifest.environment), canonicalJson(environmentOf(family))];
  const what = `${folder} holds histories of ${made}, but the environment in use is ${given}. Use the former, or: ${REGENERATE}`;
  if (made !== given) throw new CadenzaError('E_DATA', what);
  auditKeys(family, [...manifest.split.train, ...manifest.split.test]);
  const histories = manifest.shards.flatMap(shard => {
    const path = join(folder, shard.file);
    const read = readShard(path, shard);
    const transitions = read.reduce((sum, history) => sum + history.reward.length, 0);
    const found = `${read.length} histories, ${transitions} transitions, ${new Set(read.map(history => history.taskKey)).size} tasks`;
    const wanted = `${shard.histories} histories, ${shard.transitions} transitions, ${shard.tasks} tasks`;
    if (found !== wanted) throw new CadenzaError('E_DATA', `${path}: the manifest declares ${wanted}; found ${found}. ${REGENERATE}`);
    return read;
  });
  auditHistories(family, manifest.split, histories);
  return { manifest, histories, dataHash: dataHashOf(manifest) };
}

const dataHashOf = ({ creator: _creator, ...data }: Manifest): string => hashJson(data);

/** The parts of a family that a manifest records. */
export function environmentOf({ id, options, observationSpace, actionSpace, horizon }: HistoryFamily) {
  return { id, ...(options ? { options } : {}), observationSpace, actionSpace, horizon };
}

/** What all shards of an environment share. */
export function shardMeta({ id, observationSpace, actionSpace }: ShardFamily): ShardMeta {
  const sizes = { environment: id, F: spaceSize(observationSpace), A: actionDistribution(actionSpace).size };
  return actionSpace.kind === 'discrete' ? sizes : { ...sizes, actionSpace };
}

/** Groups consecutive histories with at most `limit` bytes together; a larger history is a group of its own. */
function grouped(histories: readonly History[], limit: number): History[][] {
  const groups: History[][] = [];
  let room = 0;
  for (const history of histories) {
    const bytes = historyBytes(history);
    if (groups.length === 0 || bytes > room) {
      groups.push([]);
      room = limit;
    }
    groups[groups.length - 1].push(history);
    room -= bytes;
  }
  return groups;
}

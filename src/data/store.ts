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

/** What the store needs to know of a family. It is handed in, since this room may not import environments. */
export type HistoryFamily = Pick<EnvFamily, 'id' | 'options' | 'observationSpace' | 'actionSpace' | 'horizon' | 'tasks' | 'taskKey'>;

/** What the shards of a family's histories depend on. */
type ShardFamily = Pick<EnvFamily, 'id' | 'observationSpace' | 'actionSpace'>;

export interface HistoryStore {
  readonly manifest: Manifest;
  readonly histories: History[];
  /** Identity of the data by content: of everything in the manifest (so of every shard's hash) but its creator. */
  readonly dataHash: string;
}

/** What the caller of `saveHistories` says about the data; the rest of the manifest is computed. */
export type Provenance = Pick<Manifest, 'source' | 'seed' | 'noise' | 'split' | 'creator'>;

const SHARD_BYTES = 32 * 2 ** 20;

/**
 * Audits histories against their split, then writes them in shards of at most `shardBytes` (or one history), the manifest last. An older
 * data set in the folder stays whole until the new manifest replaces its own; only then its shards are removed.
 *
 * @throws `E_SPLIT`, `E_SHAPE`, `E_NUMERICS` on unusable histories, `E_DATA` on provenance that does not fit, `E_DISK` on a full disk.
 */
export function saveHistories(
  folder: string,
  family: HistoryFamily,
  histories: readonly History[],
  about: Provenance,
  shardBytes = SHARD_BYTES,
): Omit<HistoryStore, 'histories'> {
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

/** Writes histories in shards of at most `shardBytes`, or of one history where that is more. */
export const writeShards = (folder: string, histories: readonly History[], family: ShardFamily, shardBytes = SHARD_BYTES) =>
  grouped(histories, shardBytes).map((group, i) => writeShard(folder, i, group, shardMeta(family)));

/** What `writeShards` would give, without writing anything. */
export const shardEntries = (histories: readonly History[], family: ShardFamily) =>
  grouped(histories, SHARD_BYTES).map((group, i) => encodeShard(i, group, shardMeta(family)).entry);

/**
 * Reads a folder of histories whole: every shard's hash is verified before it is parsed, then its counts, shapes and tasks.
 *
 * @param family the one that `readManifest(folder).environment.id` names.
 * @throws `E_DATA` when anything is missing, altered, or made for another environment; `E_SPLIT` when a history is not of a training task.
 */
export function openHistories(folder: string, family: HistoryFamily): HistoryStore {
  const manifest = readManifest(folder);
  const [made, given] = [canonicalJson(manifest.environment), canonicalJson(environmentOf(family))];
  const what = `${folder} holds histories of ${made}, but the environment in use is ${given}. Use the one, or: ${REGENERATE}`;
  if (made !== given) throw new CadenzaError('E_DATA', what);
  auditKeys(family, [...manifest.split.train, ...manifest.split.test]);
  const histories = manifest.shards.flatMap(shard => {
    const path = join(folder, shard.file);
    const read = readShard(path, shard);
    const transitions = read.reduce((sum, history) => sum + history.reward.length, 0);
    const found = `${read.length} histories, ${transitions} transitions, ${new Set(read.map(history => history.taskKey)).size} tasks`;
    const wanted = `${shard.histories} histories, ${shard.transitions} transitions, ${shard.tasks} tasks`;
    if (found !== wanted) throw new CadenzaError('E_DATA', `${path}: the manifest promises ${wanted}; found ${found}. ${REGENERATE}`);
    return read;
  });
  auditHistories(family, manifest.split, histories);
  return { manifest, histories, dataHash: dataHashOf(manifest) };
}

const dataHashOf = ({ creator: _creator, ...data }: Manifest): string => hashJson(data);

export function environmentOf({ id, options, observationSpace, actionSpace, horizon }: HistoryFamily) {
  return { id, ...(options ? { options } : {}), observationSpace, actionSpace, horizon };
}

/** What the shards of an environment's histories share. */
export function shardMeta({ id, observationSpace, actionSpace }: ShardFamily): ShardMeta {
  const sizes = { environment: id, F: spaceSize(observationSpace), A: actionDistribution(actionSpace).size };
  return actionSpace.kind === 'discrete' ? sizes : { ...sizes, actionSpace };
}

/** Consecutive histories, together at most `limit` bytes a group; a larger history is a group of its own. */
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

/** @file A folder of learning histories: a manifest and its shards, trusted only after hashes, counts, shapes and split agree. */

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { actionDistribution } from '../rl/actions.ts';
import type { EnvFamily } from '../rl/env.ts';
import type { History } from '../rl/history.ts';
import { spaceSize } from '../rl/spaces.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import { canonicalJson, hashJson } from '../util/files.ts';
import type { ShardMeta } from './columns.ts';
import { FORMAT_VERSION, type Manifest, readManifest, writeManifest } from './manifest.ts';
import { encodeShard, historyBytes, REGENERATE, SHARD_BYTES, SHARD_NAME, type ShardEntry, writeShard } from './shards.ts';
import { auditKeys, historyAudit } from './split.ts';
import { type OpenOptions, openShards } from './stored.ts';

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

/**
 * Writes histories one after another, in shards of at most `shardBytes` (or one history), so that only the shard being filled is in memory.
 * Each is audited against the split when it comes; `finish` writes the manifest, last. Existing data in the folder stays valid until the new
 * manifest replaces the old one; only then its shards are removed.
 *
 * @example
 * const writer = new HistoryWriter(folder, family, about.split);
 * for (const history of histories) writer.add(history);
 * const { dataHash } = writer.finish(about);
 */
export class HistoryWriter {
  readonly #folder: string;
  readonly #family: HistoryFamily;
  readonly #shards: ShardWriter;
  readonly #audit: (history: Pick<History, 'task' | 'taskKey' | 'stream'>) => void;

  /** @throws {CadenzaError} `E_SPLIT` if a key belongs to no task, or the sides overlap. */
  constructor(folder: string, family: HistoryFamily, split: Manifest['split'], shardBytes = SHARD_BYTES) {
    auditKeys(family, [...split.train, ...split.test]);
    this.#folder = folder;
    this.#family = family;
    this.#shards = new ShardWriter(family, { folder, shardBytes });
    this.#audit = historyAudit(family, split);
  }

  /** @throws {CadenzaError} `E_SPLIT`, `E_SHAPE` or `E_NUMERICS` for an invalid history (at the latest when its shard is full), `E_DISK` if the disk is full. */
  add(history: History): void {
    this.#audit(history);
    this.#shards.add(history);
  }

  /** @throws {CadenzaError} `E_SHAPE` without histories, `E_DATA` for an invalid manifest; as `add` does. */
  finish({ source, seed, noise, split, creator }: Provenance): Omit<HistoryFolder, 'histories'> {
    const shards = this.#shards.finish();
    invariant(shards.length > 0, 'There are no histories to save; expected at least one.');
    const environment = environmentOf(this.#family);
    const manifest = { formatVersion: FORMAT_VERSION, environment, source, seed, noise, shards, split, creator } as Manifest;
    writeManifest(this.#folder, manifest);
    for (const file of readdirSync(this.#folder))
      if (SHARD_NAME.test(file) && !shards.some(shard => shard.file === file)) rmSync(join(this.#folder, file));
    return { manifest, dataHash: dataHashOf(manifest) };
  }
}

/**
 * Writes all histories as `HistoryWriter` does.
 *
 * @throws {CadenzaError} as `HistoryWriter` does.
 */
export function saveHistories(
  folder: string,
  family: HistoryFamily,
  histories: Iterable<History>,
  about: Provenance,
  shardBytes?: number,
): Omit<HistoryFolder, 'histories'> {
  const writer = new HistoryWriter(folder, family, about.split, shardBytes);
  for (const history of histories) writer.add(history);
  return writer.finish(about);
}

/** Fills one shard after another. Without a folder, it only computes their entries. */
class ShardWriter {
  readonly #meta: ShardMeta;
  readonly #folder: string | undefined;
  readonly #limit: number;
  readonly #entries: ShardEntry[] = [];
  #filling: History[] = [];
  #room = 0;

  constructor(family: ShardFamily, { folder, shardBytes = SHARD_BYTES }: { readonly folder?: string; readonly shardBytes?: number }) {
    this.#meta = shardMeta(family);
    this.#folder = folder;
    this.#limit = shardBytes;
  }

  add(history: History): void {
    const bytes = historyBytes(history);
    if (bytes > this.#room) {
      this.#flush();
      this.#room = this.#limit;
    }
    this.#filling.push(history);
    this.#room -= bytes;
  }

  finish(): readonly ShardEntry[] {
    this.#flush();
    return this.#entries;
  }

  #flush(): void {
    if (this.#filling.length === 0) return;
    const number = this.#entries.length;
    const [folder, meta] = [this.#folder, this.#meta];
    this.#entries.push(
      folder === undefined ? encodeShard(number, this.#filling, meta).entry : writeShard(folder, number, this.#filling, meta),
    );
    this.#filling = [];
  }
}

function shardsOf(histories: readonly History[], family: ShardFamily, options: { readonly folder?: string }): readonly ShardEntry[] {
  const writer = new ShardWriter(family, options);
  for (const history of histories) writer.add(history);
  return writer.finish();
}

/** Writes histories in shards of bounded size. */
export const writeShards = (folder: string, histories: readonly History[], family: ShardFamily) => shardsOf(histories, family, { folder });

/** The entries that `writeShards` would return, without writing anything. */
export const shardEntries = (histories: readonly History[], family: ShardFamily) => shardsOf(histories, family, {});

/**
 * Opens a folder of histories: verifies every shard's hash before parsing it, then counts, shapes and tasks. Columns are read when they are
 * used (see `openShards`).
 *
 * @param family the family that `readManifest(folder).environment.id` names.
 * @throws {CadenzaError} `E_DATA` if anything is missing, altered, or generated for another environment; `E_SPLIT` if a history is not of a
 * training task.
 * @example const { histories } = openHistories(folder, environment(readManifest(folder).environment.id));
 */
export function openHistories(folder: string, family: HistoryFamily, { kept }: Pick<OpenOptions, 'kept'> = {}): HistoryFolder {
  const manifest = readManifest(folder);
  const [made, given] = [canonicalJson(manifest.environment), canonicalJson(environmentOf(family))];
  const what = `${folder} holds histories of ${made}, but the environment in use is ${given}. Use the former, or: ${REGENERATE}`;
  if (made !== given) throw new CadenzaError('E_DATA', what);
  auditKeys(family, [...manifest.split.train, ...manifest.split.test]);
  const audit = historyAudit(family, manifest.split);
  const histories = openShards(folder, manifest.shards, {
    kept,
    check(path, shard, decoded) {
      const transitions = decoded.reduce((sum, { columns }) => sum + columns.reward.length, 0);
      const found = `${decoded.length} histories, ${transitions} transitions, ${new Set(decoded.map(history => history.taskKey)).size} tasks`;
      const wanted = `${shard.histories} histories, ${shard.transitions} transitions, ${shard.tasks} tasks`;
      if (found !== wanted) throw new CadenzaError('E_DATA', `${path}: the manifest declares ${wanted}; found ${found}. ${REGENERATE}`);
      for (const history of decoded) audit(history);
    },
  });
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

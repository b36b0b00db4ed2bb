/**
 * @file A data set: learning histories recorded elsewhere, in a folder of hashed shards with a `dataset.json`. It is not split: an
 * experiment that uses it records which tasks it holds out, by content.
 */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { EnvFamily, Task } from '../rl/env.ts';
import { contentKey } from '../rl/family.ts';
import type { History } from '../rl/history.ts';
import { CadenzaError } from '../util/errors.ts';
import { hashJson, writeJson } from '../util/files.ts';
import { checkRecord, readRecord } from '../util/records.ts';
import { CreatorSchema, type Environment, EnvironmentSchema, type Fields, FieldsSchema, ShardsSchema, TaskSchema } from './manifest.ts';
import { SHARD_NAME, type ShardEntry } from './shards.ts';
import { shardEntries, writeShards } from './store.ts';
import { openShards } from './stored.ts';

/** File that describes a data set. */
export const DATASET_FILE = 'dataset.json';
/** Format of `dataset.json`. */
export const DATASET_FORMAT = 'cadenza-dataset-2';
const AGAIN = 'Run `cadenza import` again, into a new folder.';

const DatasetSchema = z.strictObject({
  format: z.literal(DATASET_FORMAT),
  environment: EnvironmentSchema,
  /** Every task once, in the order of the files. */
  tasks: z.array(TaskSchema).min(1),
  /** What the histories' distributions over actions are. */
  labels: z.string(),
  /** What it was imported from. */
  origin: z.strictObject({
    layout: z.string(),
    /** Files that are only linked to have no histories of their own. */
    files: z.array(z.strictObject({ name: z.string(), sha256: z.string(), histories: z.int().min(0) })).min(1),
    /** What was dropped, filled in or rounded, as sentences. */
    notes: z.array(z.string()),
    fields: FieldsSchema.optional(),
  }),
  shards: ShardsSchema,
  creator: CreatorSchema,
  /** Identity by content; see `hashOf`. */
  hash: z.string(),
});

const FILE = { what: 'a data set', schema: DatasetSchema, advice: AGAIN };

/** The type of the schema, with read-only fields. */
export type Dataset = Omit<z.infer<typeof DatasetSchema>, 'environment' | 'tasks' | 'shards' | 'origin'> & {
  readonly environment: Environment;
  readonly tasks: readonly Task[];
  readonly shards: readonly ShardEntry[];
  readonly origin: Omit<z.infer<typeof DatasetSchema>['origin'], 'fields'> & { readonly fields?: Fields };
};

/**
 * Reads the description of a data set.
 *
 * @throws {CadenzaError} `E_DATA` if it is missing, invalid or altered.
 */
export function readDataset(folder: string): Dataset {
  const path = join(folder, DATASET_FILE);
  const dataset: Dataset = readRecord(path, {
    ...FILE,
    advice: `Expected a folder that \`cadenza import\` wrote. If it was moved, set source.dataset to its new place and run the same command again; nothing is retrained. Otherwise: ${AGAIN}`,
  });
  const found = hashOf(dataset);
  if (found !== dataset.hash)
    throw new CadenzaError('E_DATA', `${path}: expected content with the hash ${dataset.hash}, found ${found}; it was altered. ${AGAIN}`);
  return dataset;
}

/**
 * Identity by content: depends on the histories and their description, not on who imported them or on the names and layout of the files.
 */
const hashOf = ({ creator: _creator, origin: { fields }, hash: _hash, ...data }: Omit<Dataset, 'hash'> & { hash?: string }) =>
  hashJson({ ...data, fields });

/**
 * The histories of a data set, after verifying every shard's hash. Columns are read when they are used (see `openShards`).
 *
 * @throws {CadenzaError} `E_DATA` if a shard is missing or altered.
 */
export const datasetHistories = (folder: string, { shards }: Dataset): History[] => openShards(folder, shards, { advice: AGAIN });

/** Names of files that an unfinished import leaves behind. */
const isLeftOver = (name: string) => SHARD_NAME.test(name) || name.endsWith('.tmp');

/**
 * Checks that a folder contains only files of an import, so that nothing else is mixed in. Another data set is detected once its content is
 * known.
 *
 * @throws {CadenzaError} `E_CONFIG` otherwise.
 */
export function expectFolderFor(folder: string): void {
  if (!existsSync(folder)) return;
  const names = statSync(folder).isDirectory() ? readdirSync(folder) : [folder];
  const foreign = names.includes(DATASET_FILE) ? [] : names.filter(name => !isLeftOver(name));
  if (foreign.length === 0) return;
  const some = `${foreign.slice(0, 3).join(', ')} ${foreign.length > 3 ? `and ${foreign.length - 3} more are` : 'is'}`;
  throw new CadenzaError('E_CONFIG', `--out ${folder} cannot hold a data set: ${some} already there. Choose an empty or a new folder.`);
}

/**
 * Writes histories and their description, `dataset.json` last.
 *
 * @throws {CadenzaError} `E_CONFIG` if the folder contains another data set or anything else; `E_SHAPE`, `E_NUMERICS` or `E_DISK` as for
 * shards.
 */
export function saveDataset(
  folder: string,
  histories: readonly History[],
  about: Omit<Dataset, 'format' | 'shards' | 'tasks' | 'hash'>,
): Dataset {
  expectFolderFor(folder);
  const tasks = [...new Map(histories.map(({ taskKey, task }) => [taskKey, task])).values()];
  const datasetOf = (shards: readonly ShardEntry[]): Dataset => {
    const content = { ...about, format: DATASET_FORMAT, tasks, shards } as const;
    return { ...content, hash: hashOf(content) };
  };
  if (existsSync(join(folder, DATASET_FILE))) {
    const before = readDataset(folder);
    const what = `--out ${folder} holds another data set, of ${before.environment.id}, which was not changed`;
    if (before.hash !== datasetOf(shardEntries(histories, about.environment)).hash)
      throw new CadenzaError('E_CONFIG', `${what}. Choose another folder, or remove that one.`);
  }
  const dataset = datasetOf(writeShards(folder, histories, about.environment));
  checkRecord(dataset, folder, FILE);
  writeJson(join(folder, DATASET_FILE), dataset);
  return dataset;
}

/**
 * The family of an environment that exists only as recordings: the spaces and tasks of a data set. Playing in it throws `E_CONFIG`.
 *
 * @throws {CadenzaError} `E_CONFIG`, from `make`.
 */
export function recordedFamily({ environment, tasks }: Pick<Dataset, 'environment' | 'tasks'>): EnvFamily {
  const refuse = (): never => {
    const what = `The environment "${environment.id}" exists only as recordings, so it cannot be played.`;
    throw new CadenzaError('E_CONFIG', `${what} Run only the stages up to finetune and baselines, which need nothing but recordings.`);
  };
  return { ...environment, recorded: true, tasks: () => [...tasks], taskKey: contentKey, make: refuse };
}

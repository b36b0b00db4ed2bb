/**
 * @file A data set: learning histories that were recorded elsewhere, in a folder of hashed shards with a `dataset.json`. It is not split:
 * an experiment that is given it keeps the tasks that it holds out, by their content.
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
import { readShard, SHARD_NAME, type ShardEntry } from './shards.ts';
import { shardEntries, writeShards } from './store.ts';

export const DATASET_FILE = 'dataset.json';
export const DATASET_FORMAT = 'cadenza-dataset-2';
const AGAIN = 'Run `cadenza import` again, into a new folder.';

const DatasetSchema = z.strictObject({
  format: z.literal(DATASET_FORMAT),
  environment: EnvironmentSchema,
  /** Every task once, in the order in which the files name them. */
  tasks: z.array(TaskSchema).min(1),
  /** What the histories' distributions over actions are. */
  labels: z.string(),
  /** What it was imported from. */
  origin: z.strictObject({
    layout: z.string(),
    /** Files that are only linked to have no histories of their own. */
    files: z.array(z.strictObject({ name: z.string(), sha256: z.string(), histories: z.int().min(0) })).min(1),
    /** What was left out, filled in or rounded, as sentences. */
    notes: z.array(z.string()),
    fields: FieldsSchema.optional(),
  }),
  shards: ShardsSchema,
  creator: CreatorSchema,
  /** Identity by content: see `hashOf`. */
  hash: z.string(),
});

const FILE = { what: 'a data set', schema: DatasetSchema, advice: AGAIN };

/** As the schema has it, but read-only where that is so elsewhere. */
export type Dataset = Omit<z.infer<typeof DatasetSchema>, 'environment' | 'tasks' | 'shards' | 'origin'> & {
  readonly environment: Environment;
  readonly tasks: readonly Task[];
  readonly shards: readonly ShardEntry[];
  readonly origin: Omit<z.infer<typeof DatasetSchema>['origin'], 'fields'> & { readonly fields?: Fields };
};

/** Reads what a data set says of itself. Throws `E_DATA` where it is missing, does not fit, or was altered. */
export function readDataset(folder: string): Dataset {
  const path = join(folder, DATASET_FILE);
  const dataset: Dataset = readRecord(path, {
    ...FILE,
    advice: `Expected a folder that \`cadenza import\` wrote. If it was moved, set source.dataset to its place and run the same command again, which trains nothing again. Otherwise: ${AGAIN}`,
  });
  const found = hashOf(dataset);
  if (found !== dataset.hash)
    throw new CadenzaError('E_DATA', `${path}: expected content with the hash ${dataset.hash}, found ${found}; it was altered. ${AGAIN}`);
  return dataset;
}

/** Identity by content: of the histories and of what is said of them, whoever imported them, from files of whatever names and layout. */
const hashOf = ({ creator: _creator, origin: { fields }, hash: _hash, ...data }: Omit<Dataset, 'hash'> & { hash?: string }) =>
  hashJson({ ...data, fields });

/** The histories of a data set; every shard's hash is verified first. Throws `E_DATA` where one is missing or altered. */
export const datasetHistories = (folder: string, { shards }: Dataset): History[] =>
  shards.flatMap(shard => readShard(join(folder, shard.file), shard, AGAIN));

/** Names of files that only an unfinished import leaves behind. */
const isLeftOver = (name: string) => SHARD_NAME.test(name) || name.endsWith('.tmp');

/**
 * Throws `E_CONFIG` where a folder holds anything that an import does not make: nothing of it would be deleted, but it would be mixed up. Another
 * data set is found out about when its content is known.
 */
export function expectFolderFor(folder: string): void {
  if (!existsSync(folder)) return;
  const names = statSync(folder).isDirectory() ? readdirSync(folder) : [folder];
  const foreign = names.includes(DATASET_FILE) ? [] : names.filter(name => !isLeftOver(name));
  if (foreign.length === 0) return;
  const some = `${foreign.slice(0, 3).join(', ')} ${foreign.length > 3 ? `and ${foreign.length - 3} more are` : 'is'}`;
  throw new CadenzaError('E_CONFIG', `--out ${folder} is no place for a data set: ${some} there already. Choose an empty or a new folder.`);
}

/**
 * Writes histories and what is known of them, `dataset.json` last.
 *
 * @throws `E_CONFIG` where another data set or anything else is in the folder, `E_SHAPE`, `E_NUMERICS` or `E_DISK` as shards do.
 */
export function saveDataset(
  folder: string,
  histories: readonly History[],
  about: Omit<Dataset, 'format' | 'shards' | 'tasks' | 'hash'>,
): Dataset {
  expectFolderFor(folder);
  const tasks = [...new Map(histories.map(({ taskKey, task }) => [taskKey, task])).values()];
  const describe = (shards: readonly ShardEntry[]): Dataset => {
    const content = { ...about, format: DATASET_FORMAT, tasks, shards } as const;
    return { ...content, hash: hashOf(content) };
  };
  if (existsSync(join(folder, DATASET_FILE))) {
    const before = readDataset(folder);
    const what = `--out ${folder} holds another data set, of ${before.environment.id}, which is left as it is`;
    if (before.hash !== describe(shardEntries(histories, about.environment)).hash)
      throw new CadenzaError('E_CONFIG', `${what}. Choose another folder, or remove that one.`);
  }
  const dataset = describe(writeShards(folder, histories, about.environment));
  checkRecord(dataset, folder, FILE);
  writeJson(join(folder, DATASET_FILE), dataset);
  return dataset;
}

/**
 * The family of an environment that is not here: its spaces and tasks as the data set has them. Nothing can be played in it; what tries throws
 * `E_CONFIG`.
 */
export function recordedFamily({ environment, tasks }: Pick<Dataset, 'environment' | 'tasks'>): EnvFamily {
  const refuse = (): never => {
    const what = `There is no environment "${environment.id}" here, only recordings of it, so nothing can be played or scored in it.`;
    throw new CadenzaError('E_CONFIG', `${what} Stop before that: the stages up to finetune, and baselines, need recordings alone.`);
  };
  return { ...environment, recorded: true, tasks: () => [...tasks], taskKey: contentKey, make: refuse };
}

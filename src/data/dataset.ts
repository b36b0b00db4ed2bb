/**
 * @file A data set: learning histories that were recorded elsewhere, in a folder of hashed shards with a `dataset.json`. It is not split:
 * an experiment that is given it keeps the tasks that it holds out, by their content.
 */

import { join } from 'node:path';
import { z } from 'zod';
import type { EnvFamily, Task } from '../rl/env.ts';
import type { History } from '../rl/history.ts';
import { CadenzaError } from '../util/errors.ts';
import { hashJson, writeJson } from '../util/files.ts';
import { checkRecord, readRecord } from '../util/records.ts';
import { CreatorSchema, type Environment, EnvironmentSchema, ShardsSchema } from './manifest.ts';
import { readShard, type ShardEntry } from './shards.ts';
import { removeOtherShards, writeShards } from './store.ts';

export const DATASET_FILE = 'dataset.json';
export const DATASET_FORMAT = 'cadenza-dataset-1';
const AGAIN = 'Run `cadenza import` again.';

const DatasetSchema = z.strictObject({
  format: z.literal(DATASET_FORMAT),
  environment: EnvironmentSchema,
  /** Every task once, in the order in which the files name them. */
  tasks: z.array(z.record(z.string(), z.union([z.number(), z.array(z.number())]))).min(1),
  /** What the histories' distributions over actions are. */
  labels: z.string(),
  /** What it was imported from. */
  origin: z.strictObject({
    layout: z.string(),
    files: z.array(z.strictObject({ name: z.string(), sha256: z.string(), histories: z.int().min(0) })).min(1),
  }),
  shards: ShardsSchema,
  creator: CreatorSchema,
});

const FILE = { what: 'a data set', schema: DatasetSchema, advice: AGAIN };

/** As the schema has it, but read-only where that is so elsewhere. */
export type Dataset = Omit<z.infer<typeof DatasetSchema>, 'environment' | 'tasks' | 'shards'> & {
  readonly environment: Environment;
  readonly tasks: readonly Task[];
  readonly shards: readonly ShardEntry[];
};

/** Reads what a data set says of itself. Throws `E_DATA` where it is missing or does not fit. */
export const readDataset = (folder: string): Dataset =>
  readRecord(join(folder, DATASET_FILE), { ...FILE, advice: `Expected a folder that \`cadenza import\` wrote. ${AGAIN}` });

/** Identity by content: of the histories and of what is said of them, whoever imported them from files of whatever names. */
export function datasetHash({ creator: _creator, origin, ...data }: Dataset): string {
  return hashJson({ ...data, origin: { ...origin, files: origin.files.map(({ name: _name, ...file }) => file) } });
}

/** The histories of a data set; every shard's hash is verified first. Throws `E_DATA` where one is missing or altered. */
export const datasetHistories = (folder: string, { shards }: Dataset): History[] =>
  shards.flatMap(shard => readShard(join(folder, shard.file), shard, AGAIN));

/** Writes histories and what is known of them, `dataset.json` last. Throws `E_SHAPE`, `E_NUMERICS` or `E_DISK` as shards do. */
export function saveDataset(folder: string, histories: readonly History[], about: Omit<Dataset, 'format' | 'shards' | 'tasks'>): Dataset {
  const tasks = [...new Map(histories.map(({ taskKey, task }) => [taskKey, task])).values()];
  const shards = writeShards(folder, histories, about.environment);
  const dataset: Dataset = { ...about, format: DATASET_FORMAT, tasks, shards };
  checkRecord(dataset, folder, FILE);
  writeJson(join(folder, DATASET_FILE), dataset);
  removeOtherShards(folder, shards);
  return dataset;
}

/**
 * The family of an environment that is not here: its spaces and tasks as the data set has them. Nothing can be played in it; what tries throws
 * `E_CONFIG`.
 */
export function recordedFamily({ environment, tasks }: Pick<Dataset, 'environment' | 'tasks'>): EnvFamily {
  const refuse = (): never => {
    throw new CadenzaError(
      'E_CONFIG',
      `There is no environment "${environment.id}" here, only recordings of it, so nothing can be played or scored in it. ` +
        'Stop before that: the stages up to finetune, and baselines, need recordings alone.',
    );
  };
  return { ...environment, recorded: true, rewardMax: 0, tasks: () => [...tasks], taskKey: contentKey, oracleReturn: refuse, make: refuse };
}

/** A text that names a task by all of its parameters: `ruleset=12`, `goal=2,7 size=9`. */
export function contentKey(task: Task): string {
  const parts = Object.entries(task).map(([name, value]) => `${name}=${[value].flat().join(',')}`);
  return parts.sort().join(' ');
}

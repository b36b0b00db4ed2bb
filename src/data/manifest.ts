/** @file `manifest.json`: what a folder of learning histories contains, who generated it and how, and which tasks are held out. */

import { join } from 'node:path';
import { z } from 'zod';
import type { EnvFamily } from '../rl/env.ts';
import { spaceSchema } from '../rl/space-format.ts';
import { writeJson } from '../util/files.ts';
import { checkRecord, readRecord } from '../util/records.ts';
import { REGENERATE, shardSchema } from './shards.ts';

/** File that describes a folder of histories. */
export const MANIFEST_FILE = 'manifest.json';
/** Version of the manifest's format. */
export const FORMAT_VERSION = 1;

const count = z.int().min(1);
/** No network could be queried about episodes of more than a million steps. */
const size = count.max(2 ** 20);

/** What is recorded about an environment family. */
export const EnvironmentSchema = z.strictObject({
  id: z.string().min(1),
  /** Options of the family that differ from the defaults. */
  options: z.record(z.string(), z.json()).optional(),
  observationSpace: spaceSchema,
  actionSpace: spaceSchema,
  /** Steps after which an episode is truncated. */
  horizon: size,
});

/** An inexact integer cannot identify tasks. */
const EXACT = 'expected an integer within ±2^53, beyond which integers are not exact';
const exact = z.number().refine(value => !Number.isInteger(value) || Number.isSafeInteger(value), EXACT);
/** Schema of a task: numbers, or lists of numbers, by name. */
export const TaskSchema = z.record(z.string(), z.union([exact, z.array(exact)]));

const field = z.strictObject({ name: z.string(), size: count, start: z.array(z.int()).optional() });
/** What the numbers of observations and actions were in an imported file, in their order; `start` was subtracted from them. */
export const FieldsSchema = z.strictObject({ observation: z.array(field).optional(), action: z.array(field).optional() });
/** What the numbers of observations and actions were in an imported file. */
export type Fields = z.infer<typeof FieldsSchema>;

/** An environment as families declare it, read-only. */
export type Environment = Pick<EnvFamily, 'id' | 'options' | 'observationSpace' | 'actionSpace' | 'horizon'>;

/** Schema of the shards of a folder, at least one. */
export const ShardsSchema = z.array(shardSchema).min(1);

/** Schema of the software that generated a folder. */
export const CreatorSchema = z.strictObject({
  version: z.string(),
  node: z.string(),
  commit: z.string().nullable(),
  /** Versions of external software that ran the environment. */
  software: z.record(z.string(), z.string()).optional(),
});

/** Schema of `manifest.json`. */
export const ManifestSchema = z.strictObject({
  formatVersion: z.literal(FORMAT_VERSION),
  environment: EnvironmentSchema,
  source: z.strictObject({
    id: z.string().min(1),
    options: z.record(z.string(), z.json()),
    /** What the source knew in advance, in words: 'nothing', 'the moves of the grid, not the rewards'. */
    knows: z.string().min(1),
  }),
  seed: z.int(),
  /** How noise was mixed into the executed actions, as configured; null for none. */
  noise: z.json(),
  shards: ShardsSchema,
  /** Task keys. The histories are of training tasks only; the test tasks are for evaluation. */
  split: z.strictObject({ train: z.array(z.string()), test: z.array(z.string()) }),
  creator: CreatorSchema,
});

/** Content of `manifest.json`. */
export type Manifest = z.infer<typeof ManifestSchema>;

/** The record format for `readRecord`. */
const format = { what: 'a manifest of histories', schema: ManifestSchema, advice: REGENERATE };

/**
 * Reads the manifest of a folder.
 *
 * @throws {CadenzaError} `E_DATA`, naming the field, if it is missing, is not JSON or does not fit the schema.
 */
export const readManifest = (folder: string): Manifest =>
  readRecord(join(folder, MANIFEST_FILE), { ...format, advice: `If ${folder} is the right folder: ${REGENERATE}` });

/**
 * Writes the manifest, after all other files: a folder without one is unfinished.
 *
 * @throws {CadenzaError} `E_DATA` if it does not fit the schema.
 */
export function writeManifest(folder: string, manifest: Manifest): void {
  const path = join(folder, MANIFEST_FILE);
  writeJson(path, checkRecord(manifest, path, format));
}

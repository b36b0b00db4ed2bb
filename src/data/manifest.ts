/** @file `manifest.json`: what a folder of learning histories holds, who made it and how, and which tasks are held out. */

import { join } from 'node:path';
import { z } from 'zod';
import type { EnvFamily } from '../rl/env.ts';
import { spaceSchema } from '../rl/space-format.ts';
import { writeJson } from '../util/files.ts';
import { checkRecord, readRecord } from '../util/records.ts';
import { REGENERATE, shardSchema } from './shards.ts';

export const MANIFEST_FILE = 'manifest.json';
export const FORMAT_VERSION = 1;

const count = z.int().min(1);
/** Beyond a million steps an episode is none that a network could be asked about. */
const size = count.max(2 ** 20);

/** What is recorded of an environment family. */
export const EnvironmentSchema = z.strictObject({
  id: z.string().min(1),
  /** Options of the family where they are not its defaults. */
  options: z.record(z.string(), z.json()).optional(),
  observationSpace: spaceSchema,
  actionSpace: spaceSchema,
  /** Steps after which an episode is truncated. */
  horizon: size,
});

/** A whole number that is not exact tells no tasks apart. */
const EXACT = 'expected a whole number within ±2^53, beyond which they are not told apart';
const exact = z.number().refine(value => !Number.isInteger(value) || Number.isSafeInteger(value), EXACT);
export const TaskSchema = z.record(z.string(), z.union([exact, z.array(exact)]));

const field = z.strictObject({ name: z.string(), size: count, start: z.array(z.int()).optional() });
/** What the numbers of observations and actions were in an imported file, in their order; `start` was subtracted from them. */
export const FieldsSchema = z.strictObject({ observation: z.array(field).optional(), action: z.array(field).optional() });
export type Fields = z.infer<typeof FieldsSchema>;

/** The same as a family has it, which nobody changes. */
export type Environment = Pick<EnvFamily, 'id' | 'options' | 'observationSpace' | 'actionSpace' | 'horizon'>;

export const ShardsSchema = z.array(shardSchema).min(1);

export const CreatorSchema = z.strictObject({
  version: z.string(),
  node: z.string(),
  commit: z.string().nullable(),
  /** Versions of what ran the environment, where that is no part of this package. */
  software: z.record(z.string(), z.string()).optional(),
});

export const ManifestSchema = z.strictObject({
  formatVersion: z.literal(FORMAT_VERSION),
  environment: EnvironmentSchema,
  source: z.strictObject({
    id: z.string().min(1),
    options: z.record(z.string(), z.json()),
    /** What the source knew beforehand, in words: 'nothing', 'the moves of the grid, not the rewards'. */
    knows: z.string().min(1),
  }),
  seed: z.int(),
  /** How noise was mixed into the executed actions, as it was configured; null for none. */
  noise: z.json(),
  shards: ShardsSchema,
  /** Task keys. Data comes from the train side only; the test side is for evaluation. */
  split: z.strictObject({ train: z.array(z.string()), test: z.array(z.string()) }),
  creator: CreatorSchema,
});

export type Manifest = z.infer<typeof ManifestSchema>;

/** The file, as `readRecord` reads it. */
const format = { what: 'a manifest of histories', schema: ManifestSchema, advice: REGENERATE };

/** Reads the manifest of a folder. Throws `E_DATA`, naming the field, when it is missing, is not JSON or does not fit the schema. */
export const readManifest = (folder: string): Manifest =>
  readRecord(join(folder, MANIFEST_FILE), { ...format, advice: `If ${folder} is the right folder: ${REGENERATE}` });

/** Writes the manifest, last of all files: a folder without one was not finished. Throws `E_DATA` when it does not fit the schema. */
export function writeManifest(folder: string, manifest: Manifest): void {
  const path = join(folder, MANIFEST_FILE);
  writeJson(path, checkRecord(manifest, path, format));
}

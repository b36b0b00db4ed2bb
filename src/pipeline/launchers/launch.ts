/**
 * @file Launches: the unfinished jobs of a plan, written to the folder of the run, and handed to a system that runs them elsewhere. Every
 * machine sees the folder at the same path, unless stages are kept in a bucket.
 */

import { existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { isAddress, openBucket } from '../../cache/bucket/objects.ts';
import { provenance } from '../../cache/provenance.ts';
import { attempt, CadenzaError } from '../../util/errors.ts';
import { makeFolder, writeJson } from '../../util/files.ts';
import { claim } from '../../util/lock.ts';
import { checkRecord, type RecordFormat, readRecord } from '../../util/records.ts';
import { Registry } from '../../util/registry.ts';
import type { CommonConfig, RunOptions } from '../kind.ts';
import type { JobPlan } from '../plan.ts';
import { schedule } from '../schedule.ts';
import { arraysOf } from './arrays.ts';
import { bullmq } from './bullmq.ts';
import type { StageJob } from './job.ts';
import { kubernetes } from './kubernetes.ts';
import type { Launcher, LauncherSettings, LaunchStatus } from './launcher.ts';
import { slurm } from './slurm.ts';

/** The registry of launchers. */
export const launchers = new Registry<Launcher>('launcher', [slurm, bullmq, kubernetes], {
  description: 'string',
  submit: 'function',
  status: 'function',
  cancel: 'function',
});

/** The jobs of a run, and its latest launch, in the folder of the run. */
const [JOBS_FILE, LAUNCH_FILE] = ['jobs.json', 'launch.json'];

const JOBS_FORMAT = 'cadenza-jobs-1';

const jobsFormat = {
  what: 'the jobs of a launch',
  code: 'E_DATA',
  advice: 'Launch the experiment again.',
  schema: z.strictObject({
    format: z.literal(JOBS_FORMAT),
    /** Version of cadenza that launched. Keys depend on it. */
    version: z.string(),
    out: z.string(),
    until: z.string(),
    tensorboard: z.boolean(),
    /** Address of the bucket. */
    store: z.string().optional(),
    configs: z.array(z.custom<CommonConfig>()),
    jobs: z.array(z.strictObject({ stage: z.string(), key: z.string(), config: z.int().min(0), after: z.array(z.string()) })),
  }),
} satisfies RecordFormat<unknown>;

const launchFormat = {
  what: 'the record of a launch',
  code: 'E_DATA',
  advice: 'Delete it if none of its jobs runs any more.',
  schema: z.strictObject({ launcher: z.string(), submitted: z.array(z.string()), began: z.string() }),
} satisfies RecordFormat<unknown>;

/** What is launched and how. */
export interface LaunchOptions extends Pick<RunOptions, 'until' | 'tensorboard' | 'shared'> {
  readonly launcher: Launcher;
  readonly settings?: LauncherSettings;
}

/**
 * Launches the unfinished jobs of a plan, and returns at once.
 *
 * @returns names of what was submitted; none if all jobs are finished.
 * @throws {CadenzaError} `E_USAGE` while an earlier launch of this folder is active; others like `Launcher.submit`.
 */
export async function launch(plan: JobPlan, options: LaunchOptions): Promise<readonly string[]> {
  const out = resolve(plan.out);
  makeFolder(out);
  // Of two launches at the same time, the second waits, and then sees the first.
  const release = await claim(join(out, `${LAUNCH_FILE}.lock`), { signal: new AbortController().signal });
  try {
    return await launchIn(out, plan, options);
  } finally {
    release();
  }
}

async function launchIn(
  out: string,
  plan: JobPlan,
  { launcher, settings = {}, until = 'evaluate', tensorboard = false, shared }: LaunchOptions,
): Promise<readonly string[]> {
  const run = { out, until, tensorboard, ...(shared ? { store: shared.address } : {}) };
  const earlier = launchOf(out);
  if (earlier && (await activeOf(earlier, plan.out)).length > 0)
    throw new CadenzaError(
      'E_USAGE',
      `${plan.out} was launched already: jobs of it wait or run with ${earlier.launcher.id}. Wait for it, or stop it with cadenza cancel ${plan.out}.`,
    );
  const arrays = arraysOf(schedule(plan.jobs));
  if (arrays.length === 0) return [];
  // What failed in the earlier launch is launched again.
  await earlier?.launcher.forget?.(earlier.submitted);
  const jobs = arrays.flatMap(array => array.jobs);
  const file = join(out, JOBS_FILE);
  const configs = [...new Set(jobs.map(({ config }) => config))];
  writeJson(file, {
    format: JOBS_FORMAT,
    version: provenance().version,
    ...run,
    configs,
    jobs: jobs.map(({ stage, key, config, after }) => ({ stage, key, config: configs.indexOf(config), after: [...after] })),
  } satisfies z.output<typeof jobsFormat.schema>);
  const submitted = await launcher.submit({ name: plan.name, run, file, arrays }, settings).catch(error => {
    rmSync(file, { force: true });
    throw error;
  });
  const record = { launcher: launcher.id, submitted: [...submitted], began: new Date().toISOString() };
  writeJson(join(out, LAUNCH_FILE), record satisfies z.output<typeof launchFormat.schema>);
  return submitted;
}

/** The latest launch of a folder; undefined if there was none. */
function launchOf(out: string) {
  const path = join(out, LAUNCH_FILE);
  if (!existsSync(path)) return undefined;
  const { launcher, ...record } = readRecord(path, launchFormat);
  return { ...record, launcher: launchers.get(launcher) };
}

/** What became of the latest launch of a folder; undefined if there was none. Throws what the launcher throws if it cannot be asked. */
export async function launchStatus(out: string): Promise<(LaunchStatus & { readonly launcher: string }) | undefined> {
  const found = launchOf(out);
  return found && { launcher: found.launcher.id, ...(await found.launcher.status(found.submitted)) };
}

/** What waits or runs of a launch, on which a command depends. */
async function activeOf({ launcher, submitted }: NonNullable<ReturnType<typeof launchOf>>, out: string): Promise<readonly string[]> {
  try {
    return (await launcher.status(submitted)).active;
  } catch (error) {
    throw new CadenzaError(
      error instanceof CadenzaError ? error.code : 'E_EXECUTOR',
      `${out} was launched with ${launcher.id}, which cannot be asked whether its jobs run: ${(error as Error).message} If none of them runs any more, delete ${join(out, LAUNCH_FILE)}.`,
    );
  }
}

/**
 * Stops the latest launch of a folder.
 *
 * @returns what was stopped.
 * @throws {CadenzaError} `E_USAGE` if nothing of it waits or runs.
 */
export async function cancelLaunch(out: string): Promise<readonly string[]> {
  const found = launchOf(out);
  const active = found ? await activeOf(found, out) : [];
  if (!found || active.length === 0)
    throw new CadenzaError('E_USAGE', `${out} has no jobs that wait or run${found ? '' : ': it was not launched'}.`);
  await found.launcher.cancel(found.submitted);
  return active;
}

/**
 * Reads a job of a launch.
 *
 * @param file its path, or its address in a bucket.
 * @param index its number in the file.
 * @throws {CadenzaError} `E_DATA` if there is no such job, or the launch is of another version of cadenza; `E_DISK` if the bucket cannot be
 * used.
 */
export async function readJob(file: string, index: number): Promise<StageJob> {
  const record = isAddress(file) ? checkRecord(await readObject(file), file, jobsFormat) : readRecord(file, jobsFormat);
  const { version, configs, jobs, format: _, ...run } = record;
  const own = provenance().version;
  if (version !== own)
    throw new CadenzaError(
      'E_DATA',
      `${file} was written by cadenza ${version}, but this is cadenza ${own}. Install that version here, or launch again with this one.`,
    );
  const job = jobs[index];
  if (!job) throw new CadenzaError('E_DATA', `${file} has jobs from 0 to ${jobs.length - 1}, but not ${index}.`);
  return { ...run, stage: job.stage, key: job.key, config: configs[job.config] };
}

/** The JSON of an object in a bucket; undefined if it is not JSON. Throws `E_DATA` if there is no such object. */
async function readObject(address: string): Promise<unknown> {
  const end = address.lastIndexOf('/');
  const text = await (await openBucket(address.slice(0, end))).read(address.slice(end + 1));
  if (text === undefined) throw new CadenzaError('E_DATA', `${address} does not exist. Launch the experiment again.`);
  return attempt(() => JSON.parse(text));
}

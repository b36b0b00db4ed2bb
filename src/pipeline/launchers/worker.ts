/** @file The worker of a queue: runs its jobs in child processes, so that a busy stage never keeps it from saying that it is there. */

import { existsSync } from 'node:fs';
import { type Job, Queue, UnrecoverableError, WaitingError, Worker } from 'bullmq';
import { openBucket } from '../../cache/bucket/objects.ts';
import { trimStages } from '../../cache/bucket/trim.ts';
import { provenance } from '../../cache/provenance.ts';
import { JobProcess } from '../../distributed/pool.ts';
import { CadenzaError } from '../../util/errors.ts';
import type { RunOptions } from '../kind.ts';
import { abandon, CANCELED, cancelKey, PREFIX, QUEUE, type QueuedJob, release } from './bullmq.ts';
import { takeFolder } from './folder.ts';
import { JOB_PROCESS, type StageJob } from './job.ts';
import { PASSING } from './launcher.ts';
import { connectRedis } from './redis.ts';

/** How a worker works. */
export interface WorkerRequest extends Pick<RunOptions, 'progress' | 'signal'> {
  /** Address of Redis. */
  readonly address: string;
  /** Number of jobs at a time. */
  readonly jobs: number;
  /** Milliseconds without a sign of life after which another worker takes a job. Default: 30 seconds. */
  readonly silence?: number;
  /** The module that runs jobs, for benchmarks. Default: that of stages. */
  readonly module?: URL;
  /** Where stages of a bucket are kept, each worker in a folder of its own, and how many bytes of them. */
  readonly cache: { readonly folder: string; readonly bytes: number };
}

/** Milliseconds between reports of a job's progress, and between looks whether it was canceled. */
const LOOK = 1_000;

/** How often a job may lose its worker. */
const LOSSES = 1_000;

/**
 * Takes jobs from the queue until `signal` is aborted. Running jobs then save their state and go back to the queue.
 *
 * @throws {CadenzaError} `E_DATA` for a job of another version of cadenza, `E_DISK` for one whose folder or bucket cannot be used here, and
 * `E_USAGE` without credentials for its bucket; the job goes back to the queue. Others like `connectRedis`.
 */
export async function serveQueue({
  address,
  jobs,
  silence = 30_000,
  module = JOB_PROCESS,
  cache,
  progress,
  signal,
}: WorkerRequest): Promise<void> {
  const free = Array.from({ length: jobs }, () => new JobProcess<StageJob>(module));
  const connection = await connectRedis(address, { lasting: true });
  progress.say(`Taking jobs from ${address}; stop with Ctrl-C.`);
  const queue = new Queue<QueuedJob>(QUEUE, { connection, prefix: PREFIX });
  queue.on('error', () => {});
  // Set once this worker must stop: by a signal, or because it cannot run what is in the queue.
  const stopping = new AbortController();
  const stop = () => stopping.abort(signal.reason);
  signal.addEventListener('abort', stop);
  let refusal: CadenzaError | undefined;
  let own: ReturnType<typeof takeFolder> | undefined;
  /** Where a job runs: in the folder of the run, or with a bucket in the cache. */
  const folderOf = async ({ store, out }: StageJob) => {
    if (store === undefined) return out;
    own ??= takeFolder(cache.folder);
    return (await own).folder;
  };
  /** Buckets that this worker can use. */
  const usable = new Set<string>();
  /** Why this worker cannot use the bucket of a job: a fault of the worker, which must not fail the job. */
  const withoutBucket = async ({ store }: StageJob): Promise<CadenzaError | undefined> => {
    if (store === undefined || usable.has(store)) return undefined;
    try {
      await openBucket(store);
      usable.add(store);
      return undefined;
    } catch (error) {
      return error as CadenzaError;
    }
  };
  /** When each running job began. */
  const began = new Map<string, number>();

  const run = async (job: Job<QueuedJob>, token?: string) => {
    const back = async (): Promise<never> => {
      await job.moveToWait(token);
      throw new WaitingError();
    };
    refusal ??= refusalOf(job.data) ?? (await withoutBucket(job.data.job));
    if (refusal) stopping.abort(refusal);
    if (stopping.signal.aborted) return back();
    const { config, stage, out: given, store } = job.data.job;
    const say = (text: string) => progress.say(`${config.name}, ${stage}: ${text}`);
    const place = free.pop()!;
    const canceling = new AbortController();
    let share = 0;
    const look = setInterval(async () => {
      if (await connection.getdel(cancelKey(job.id!)).catch(() => null)) canceling.abort();
      await job.updateProgress(share).catch(() => {});
    }, LOOK);
    try {
      const out = await folderOf(job.data.job);
      if (job.data.job.store !== undefined) trimStages(out, cache.bytes, Math.min(Date.now(), ...began.values()));
      began.set(job.id!, Date.now());
      const again = job.stalledCounter > 0 ? ', its worker was lost' : job.attemptsMade > 0 ? `, try ${job.attemptsMade + 1}` : '';
      say(`taken (${store ?? given})${again}`);
      const onNote = (note: { text: string; stays: boolean; share: number }) => {
        share = note.share;
        if (note.stays) progress.say(note.text);
      };
      await place.run(
        { ...job.data.job, out, silence },
        {
          signal: AbortSignal.any([stopping.signal, canceling.signal]),
          onNote,
        },
      );
      await release(queue, connection, job.id!, job.data.before);
    } catch (error) {
      if (stopping.signal.aborted) {
        say('given back; another worker continues it');
        return back();
      }
      if (canceling.signal.aborted) {
        say(CANCELED);
        throw new UnrecoverableError(CANCELED);
      }
      const passing = !(error instanceof CadenzaError) || PASSING.includes(error.code);
      say((error as Error).message);
      throw passing ? error : new UnrecoverableError((error as Error).message);
    } finally {
      clearInterval(look);
      began.delete(job.id!);
      free.push(place);
    }
  };

  const worker = new Worker<QueuedJob>(QUEUE, run, {
    connection,
    prefix: PREFIX,
    concurrency: jobs,
    lockDuration: silence,
    stalledInterval: silence,
    maxStalledCount: LOSSES,
  });
  worker.on('failed', job => {
    job
      ?.isFailed()
      .then(failed => (failed ? abandon(connection, job.data.before) : undefined))
      .catch(() => {});
  });
  let away = false;
  worker.on('error', ({ message }) => {
    if (!away) progress.say(`${address}: ${message}; trying again until it is back`);
    away = true;
  });
  worker.on('active', () => {
    away = false;
  });
  await new Promise<void>(resolve => {
    stopping.signal.addEventListener('abort', () => resolve());
    if (signal.aborted) stop();
  });
  await worker.close();
  await queue.close();
  for (const place of free) place.close();
  connection.disconnect();
  (await own)?.release();
  if (refusal) throw refusal;
}

/** Why this machine cannot run a job; undefined if it can. */
function refusalOf({ version, job }: QueuedJob): CadenzaError | undefined {
  const own = provenance().version;
  if (version !== own)
    return new CadenzaError(
      'E_DATA',
      `the queue has jobs of cadenza ${version}, but this worker is cadenza ${own}. Start workers of the same version.`,
    );
  if (existsSync(job.out) || job.store !== undefined) return undefined;
  return new CadenzaError(
    'E_DISK',
    `the folder ${job.out} of a job does not exist here. Workers need the folder of the run at the same path, or a bucket (--store of the launch).`,
  );
}

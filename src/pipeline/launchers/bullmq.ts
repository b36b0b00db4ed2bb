/**
 * @file BullMQ (docs.bullmq.io) on Redis or Valkey: a queue of stages, for workers on any machine that sees the folder of the run.
 *
 * A flow of BullMQ is a tree, but a stage may be read by many others. So a job is queued only when all that it waits for are finished: until
 * then, its definition and the ids of what it waits for are kept in Redis, and each finished job releases those that waited for it alone. A
 * job's id is that of its launch and the key of its stage: launches may share stages, and each waits for and cancels its own jobs alone.
 */

import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { provenance } from '../../cache/provenance.ts';
import { SECOND_FLOPS } from '../needs.ts';
import { type ScheduledStage, work } from '../schedule.ts';
import type { StageJob } from './job.ts';
import type { Launcher } from './launcher.ts';
import { connectRedis, redisAddress } from './redis.ts';

/** Name of the queue, and the prefix of all keys in Redis. */
export const [QUEUE, PREFIX] = ['stages', 'cadenza'];

/** What a job in the queue holds. */
export interface QueuedJob {
  /** Version of cadenza that launched it. */
  readonly version: string;
  readonly job: StageJob;
  /** Ids of the jobs that wait for it. */
  readonly before: readonly string[];
}

/** A job that waits for others. */
interface WaitingJob extends QueuedJob {
  readonly name: string;
  readonly priority: number;
}

/** BullMQ takes the job with the lowest priority first, of which this is the highest. */
const LAST = 2 ** 21;

/** The longer the chain of jobs that starts with a job, in seconds, the sooner it is taken. */
const priorityOf = ({ chain }: ScheduledStage) => Math.max(1, LAST - Math.round(work(chain) / SECOND_FLOPS));

const waitingKey = (id: string) => `${PREFIX}:waiting:${id}`;
const needsKey = (id: string) => `${PREFIX}:needs:${id}`;
/** Asks the worker of a running job to stop it. */
export const cancelKey = (id: string): string => `${PREFIX}:cancel:${id}`;

/** Why a canceled job failed. */
export const CANCELED = 'canceled';

/** Seconds in which a worker sees that. */
const CANCELING = 600;

/** How often a job is tried that fails for reasons that may pass, with growing pauses. */
const OPTIONS = { attempts: 3, backoff: { type: 'exponential', delay: 2_000 }, removeOnComplete: true, removeOnFail: false } as const;

/** A queue that is closed together with its connection. */
async function openQueue(address: string): Promise<{ queue: Queue<QueuedJob>; redis: Redis; close(): Promise<void> }> {
  const redis = await connectRedis(address);
  const queue = new Queue<QueuedJob>(QUEUE, { connection: redis, prefix: PREFIX });
  queue.on('error', () => {});
  return {
    queue,
    redis,
    async close() {
      await queue.close();
      redis.disconnect();
    },
  };
}

/** Queues those of a finished job's successors that wait for nothing else. Calling it again changes nothing. */
export async function release(queue: Queue<QueuedJob>, redis: Redis, finished: string, before: readonly string[]): Promise<void> {
  for (const id of before) {
    await redis.srem(needsKey(id), finished);
    if ((await redis.scard(needsKey(id))) > 0) continue;
    const text = await redis.get(waitingKey(id));
    if (text === null) continue;
    const { name, priority, ...data } = JSON.parse(text) as WaitingJob;
    await queue.add(name, data, { ...OPTIONS, jobId: id, priority });
    await redis.del(waitingKey(id));
  }
}

/** Forgets the jobs that wait for a failed one, directly or through others. */
export async function abandon(redis: Redis, before: readonly string[]): Promise<void> {
  for (const id of before) {
    const text = await redis.getdel(waitingKey(id));
    await redis.del(needsKey(id));
    if (text !== null) await abandon(redis, (JSON.parse(text) as WaitingJob).before);
  }
}

/** Opens the queue of submitted jobs: its address, then their ids. The password is that of the environment. */
async function withQueue<T>(
  [address, ...ids]: readonly string[],
  work: (tools: { readonly queue: Queue<QueuedJob>; readonly redis: Redis }, ids: readonly string[]) => Promise<T>,
): Promise<T> {
  const { close, ...tools } = await openQueue(address);
  try {
    return await work(tools, ids);
  } finally {
    await close();
  }
}

const sentence = (text: string) => `${text.replace(/\.$/, '')}.`;

/** Which of these keys exist in Redis. */
async function existing(redis: Redis, keys: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await keys.reduce((all, key) => all.exists(key), redis.pipeline()).exec();
  return new Set(keys.filter((_, i) => found![i][1] === 1));
}

/** The jobs that failed for good, by their id. */
const failures = async (queue: Queue<QueuedJob>) => new Map((await queue.getFailed()).map(job => [job.id!, job]));

/** Removes jobs; those that run are stopped by their workers. */
const cancel = (submitted: readonly string[]) =>
  withQueue(submitted, async ({ queue, redis }, ids) => {
    for (const id of ids) {
      await redis.del(waitingKey(id), needsKey(id));
      const job = await queue.getJob(id);
      // Its worker stops it, and then it fails; if its worker is gone, nobody holds its lock.
      if ((await job?.isActive()) && (await redis.exists(`${queue.toKey(id)}:lock`))) await redis.set(cancelKey(id), '1', 'EX', CANCELING);
      else await job?.remove();
    }
  });

export const bullmq: Launcher = {
  id: 'bullmq',
  description: 'a queue of BullMQ on Redis or Valkey, for workers on any machine (cadenza worker)',
  async submit({ arrays, run }, { redis: given }) {
    const jobs = arrays.flatMap(array => array.jobs);
    const address = redisAddress(given);
    const { version } = provenance();
    const launch = randomUUID().slice(0, 8);
    const idOf = (key: string) => `${launch}-${key}`;
    const waitFor = new Map<string, string[]>(jobs.map(({ key }) => [key, []]));
    for (const { key, after } of jobs) for (const input of after) waitFor.get(input)!.push(idOf(key));
    const dataOf = ({ stage, key, config }: ScheduledStage): QueuedJob => ({
      version,
      job: { ...run, stage, key, config },
      before: waitFor.get(key)!,
    });
    const submitted = [address, ...jobs.map(({ key }) => idOf(key))];
    await withQueue([address], async ({ queue, redis }) => {
      const waiting = redis.pipeline();
      for (const job of jobs)
        if (job.after.length > 0) {
          waiting.sadd(needsKey(idOf(job.key)), ...job.after.map(idOf));
          waiting.set(
            waitingKey(idOf(job.key)),
            JSON.stringify({ name: job.stage, priority: priorityOf(job), ...dataOf(job) } satisfies WaitingJob),
          );
        }
      await waiting.exec();
      // Last: workers take these at once, and release those that wait.
      const ready = jobs.filter(({ after }) => after.length === 0);
      await queue.addBulk(
        ready.map(job => ({ name: job.stage, data: dataOf(job), opts: { ...OPTIONS, jobId: idOf(job.key), priority: priorityOf(job) } })),
      );
    });
    return submitted;
  },
  status: submitted =>
    withQueue(submitted, async ({ queue, redis }, ids) => {
      const failed = await failures(queue);
      const found = await existing(
        redis,
        ids.flatMap(id => [queue.toKey(id), waitingKey(id)]),
      );
      const active = ids.filter(id => !failed.has(id) && (found.has(queue.toKey(id)) || found.has(waitingKey(id))));
      const taken = new Set((await queue.getActive()).map(({ id }) => id!));
      const running = active.filter(id => taken.has(id)).length;
      const notes = ids.flatMap(id => {
        const job = failed.get(id);
        return job && job.failedReason !== CANCELED ? [`${job.name} failed: ${sentence(job.failedReason)}`] : [];
      });
      if (active.length > 0 && (await queue.getWorkersCount()) === 0)
        notes.push(`No worker is connected to ${submitted[0]}. Start some with cadenza worker.`);
      return { active, running, waiting: active.length - running, notes };
    }),
  cancel,
  forget: cancel,
};

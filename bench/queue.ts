/** @file What a queue costs: jobs that do nothing, half of which wait for another one, through Redis and workers with processes of their own. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { CommonConfig } from '../src/pipeline/kind.ts';
import { arraysOf } from '../src/pipeline/launchers/arrays.ts';
import { bullmq } from '../src/pipeline/launchers/bullmq.ts';
import { serveQueue } from '../src/pipeline/launchers/worker.ts';
import type { ScheduledStage } from '../src/pipeline/schedule.ts';
import { silentProgress } from '../src/util/progress.ts';
import { startRedis } from '../test/helpers/redis.ts';
import type { Bench } from './bench.ts';

const [JOBS, WORKERS] = [1000, 8];

/** Milliseconds that a job may cost. */
const LIMIT = 20;

/** Pairs of jobs, of which the second waits for the first. */
const jobs = Array.from({ length: JOBS }, (_, i): ScheduledStage => {
  const chain = { stages: 2 - (i % 2), flops: 0 };
  const common = { finished: false, heading: '', config: {} as CommonConfig, cores: 1, bytes: 0, flops: 0, work: 0, chain };
  return { ...common, stage: `nothing-${i}`, key: `key-${i}`, after: i % 2 === 1 ? [`key-${i - 1}`] : [] };
});

export const queue: Bench = {
  description: `time per job of ${JOBS} jobs that do nothing, in a queue in Redis with ${WORKERS} workers`,
  async run(say) {
    const folder = mkdtempSync(join(tmpdir(), 'cadenza-bench-queue-'));
    const redis = await startRedis();
    const over = new AbortController();
    try {
      const launch = { name: 'nothing', run: { out: folder, until: 'evaluate', tensorboard: false }, file: '', arrays: arraysOf(jobs) };
      const began = performance.now();
      const submitted = await bullmq.submit(launch, { redis: redis.url });
      const queued = performance.now();
      say(`${JOBS} jobs are in the queue`);
      const workers = Array.from({ length: WORKERS }, () =>
        serveQueue({
          address: redis.url,
          jobs: 1,
          cache: { folder, bytes: 0 },
          module: new URL('nothing.ts', import.meta.url),
          progress: silentProgress,
          signal: over.signal,
        }),
      );
      while ((await bullmq.status(submitted)).active.length > 0) await setTimeout(50);
      const ended = performance.now();
      over.abort();
      await Promise.all(workers);
      const perJob = (ended - queued) / JOBS;
      return { jobs: JOBS, workers: WORKERS, msToSubmit: queued - began, msPerJob: perJob, limit: LIMIT, passes: perJob <= LIMIT };
    } finally {
      over.abort();
      await redis.stop();
      rmSync(folder, { recursive: true });
    }
  },
};

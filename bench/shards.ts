/** @file Data sets of growing size: time to generate and to open them, time to draw a training batch from them, and memory. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Model } from '../src/agent/model.ts';
import { openHistories } from '../src/data/index.ts';
import { openTasks } from '../src/histories/tasks.ts';
import { BatchSampler, newBatch } from '../src/tokenizers/index.ts';
import { Random } from '../src/util/random.ts';
import type { Bench, Result } from './bench.ts';
import { presetOf, writeTo } from './histories.ts';

/** A batch of 64 queries from 16 histories. */
const LAYOUT = ['context.layout=segments', 'queries.perHistory=4', 'optimizer.batch=64'];
/** Batches whose median counts, after as many others. */
const BATCHES = 300;

export const shards: Bench = {
  description: 'Dark Room data sets of 1, 10, … million transitions, up to --transitions (10): drawing a batch of 64, opening, memory',
  async run(say, { transitions = 1e7 }): Promise<Result> {
    const results: Record<string, Result> = {};
    for (let size = 1e6; size <= transitions; size *= 10) {
      say(`${size} transitions …`);
      results[`${size / 1e6}M`] = await measured(size);
    }
    return results;
  },
};

async function measured(size: number): Promise<Result> {
  const config = presetOf(size, LAYOUT);
  const folder = mkdtempSync(join(tmpdir(), 'cadenza-bench-'));
  try {
    const seconds = await timed(() => writeTo(folder, config));
    const { family } = openTasks(config);
    const start = performance.now();
    const { histories, manifest } = openHistories(folder, family);
    const opened = performance.now() - start;
    const model = new Model(config, family);
    const shape = model.trainingShape(config.optimizer.batch);
    const batch = newBatch(model.tokenizer, shape);
    const sampler = new BatchSampler(histories, model.tokenizer, shape, { early: config.queries.earlyEpisodeFraction });
    const times: number[] = [];
    for (let step = 0; step < 2 * BATCHES; step++) {
      const before = performance.now();
      sampler.fill(batch, Random.seeded(0).split('batch', step));
      if (step >= BATCHES) times.push(performance.now() - before);
    }
    times.sort((a, b) => a - b);
    return {
      transitions: manifest.shards.reduce((sum, shard) => sum + shard.transitions, 0),
      shards: manifest.shards.length,
      generateSeconds: seconds,
      openSeconds: opened / 1000,
      batchMilliseconds: times[Math.floor(BATCHES / 2)],
      batchMillisecondsP95: times[Math.floor(0.95 * BATCHES)],
      // Of the process so far: sizes grow.
      peakMiB: process.resourceUsage().maxRSS / 1024,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** @file The training loop of the Dark Room pipeline, timed from inside: the fraction of time outside `run`, and the cost of drawing batches. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadExperiment } from '../src/config/experiment.ts';
import { reinforcement } from '../src/pipeline/reinforcement.ts';
import { runExperiment } from '../src/pipeline/run.ts';
import { silentProgress } from '../src/util/progress.ts';
import type { Bench, Result } from './bench.ts';

/** Settings that shorten the stages without changing a step. */
const shortened = (steps: number) => [
  'source.histories=4',
  ...['teacher', 'pretrain', 'distill', 'finetune'].map(stage => `${stage}.steps=${steps}`),
  'baselines.steps=0',
];

/** Runs every training stage for some steps in a temporary folder and returns their reports. */
async function timedStages(
  steps: number,
  say: (line: string) => void,
): Promise<Record<string, { overhead: number; sampling: number; steps: number }>> {
  const config = loadExperiment('experiments/dark-room.yaml', shortened(steps));
  const out = mkdtempSync(join(tmpdir(), 'cadenza-bench-'));
  try {
    say(`${steps} steps of every training stage …`);
    const signal = new AbortController().signal;
    await runExperiment(reinforcement, config, { out, until: 'finetune', progress: silentProgress, signal, command: 'bench' });
    const stages = readdirSync(join(out, 'stages')).map(name => JSON.parse(readFileSync(join(out, 'stages', name, 'stage.json'), 'utf8')));
    return Object.fromEntries(stages.filter(({ report }) => 'overhead' in report).map(({ stage, report }) => [stage, report]));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

const pick = (stages: Record<string, { overhead: number; sampling: number }>, key: 'overhead' | 'sampling', limit: number): Result => {
  const fractions = Object.fromEntries(Object.entries(stages).map(([stage, report]) => [stage, report[key]]));
  const worst = Math.max(...Object.values(fractions));
  return { stages: fractions, worst, limit, passes: worst <= limit };
};

export const input: Bench = {
  description: 'time to draw batches, as a fraction of the time of training steps (Dark Room)',
  run: async say => pick(await timedStages(100, say), 'sampling', 0.05),
};

export const loop: Bench = {
  description: 'fraction of the training loop outside of training steps (Dark Room)',
  run: async say => pick(await timedStages(100, say), 'overhead', 0.1),
};

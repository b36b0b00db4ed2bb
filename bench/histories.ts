/** @file Learning histories of the Dark Room preset on their way to the disk: transitions per second with one thread and with one for each core. */

import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ExperimentConfig, loadExperiment } from '../src/config/experiment.ts';
import { HistoryWriter, type Manifest } from '../src/data/index.ts';
import { nodeExecutor } from '../src/engine/executors/node.ts';
import { rollHistories } from '../src/histories/rolling.ts';
import { openTasks } from '../src/histories/tasks.ts';
import type { Bench, Result } from './bench.ts';

const ROUNDS = 5;

/** The preset with as many histories per goal as give about this many transitions. */
export function presetOf(transitions: number, overrides: readonly string[] = []): ExperimentConfig {
  const preset = loadExperiment('experiments/dark-room.yaml', [...overrides]);
  const { family, taught } = openTasks(preset);
  const each = Math.round(transitions / (taught.length * preset.source.episodes * family.horizon));
  return loadExperiment('experiments/dark-room.yaml', [...overrides, `source.histories=${each}`]);
}

/** Generates the histories of an experiment into a folder. */
export async function writeTo(folder: string, config: ExperimentConfig, threads?: number): Promise<Manifest> {
  const { family, train, test, taught } = openTasks(config);
  const split = { train: train.map(family.taskKey), test: test.map(family.taskKey) };
  const writer = new HistoryWriter(folder, family, split);
  const signal = new AbortController().signal;
  const rolled = rollHistories(config, { family, tasks: taught, executor: nodeExecutor(), signal, threads });
  for await (const history of rolled) writer.add(history);
  const creator = { version: 'bench', node: process.version, commit: null };
  return writer.finish({ source: { id: config.source.id, options: {}, knows: 'bench' }, seed: 0, noise: null, split, creator }).manifest;
}

export const histories: Bench = {
  description: 'transitions of Dark Room to the disk per second, with one thread and with one for each core',
  async run(say, { transitions = 1.4e6 }): Promise<Result> {
    const config = presetOf(transitions);
    const counts = [1, availableParallelism()];
    const found = counts.map(() => [] as number[]);
    let size = 0;
    // The first round compiles.
    for (let round = 0; round <= ROUNDS; round++) {
      if (round > 0) say(`round ${round} of ${ROUNDS}`);
      for (const [i, threads] of counts.entries()) {
        const folder = mkdtempSync(join(tmpdir(), 'cadenza-bench-'));
        try {
          const start = performance.now();
          const { shards } = await writeTo(folder, config, threads);
          size = shards.reduce((sum, shard) => sum + shard.transitions, 0);
          found[i].push((1000 * size) / (performance.now() - start));
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      }
    }
    const median = (values: readonly number[]) => values.slice(1).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)];
    return { transitions: size, oneThread: median(found[0]), [`threads${counts[1]}`]: median(found[1]) };
  },
};

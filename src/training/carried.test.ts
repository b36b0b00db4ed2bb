import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { TINY } from '../../test/helpers/command.ts';
import { Model } from '../agent/model.ts';
import { CHECKPOINT, loadTensors, MODEL_FILE } from '../cache/checkpoint.ts';
import { StageCache } from '../cache/store.ts';
import { loadExperiment } from '../config/experiment.ts';
import { createExecutor } from '../engine/executors/registry.ts';
import { generate, loadHistories } from '../histories/generate.ts';
import { openTasks } from '../histories/tasks.ts';
import { silentProgress } from '../util/progress.ts';
import { finetune } from './stages/finetune.ts';

const out = mkdtempSync(join(tmpdir(), 'cadenza-carried-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));

const settings = (workers: number, recompute: boolean) => [
  'compressor=recurrent',
  'context.layout=segments',
  'queries={perHistory: 4, consecutive: true, restart: 0.1}',
  'finetune.steps=30',
  'checkpoint.everySteps=10',
  'distill.beta=0',
  `executor.workers=${workers}`,
  `executor.recompute=${recompute}`,
];

/** Trains in this folder; with `until`, is interrupted after so many steps. */
async function trained(name: string, { until = Number.POSITIVE_INFINITY, workers = 1, recompute = false } = {}) {
  const config = loadExperiment(TINY, settings(workers, recompute));
  const controller = new AbortController();
  const progress = { ...silentProgress, update: (done: number) => done >= until && done < 30 && controller.abort() };
  const store = new StageCache(join(out, name), { progress: progress as typeof silentProgress, signal: controller.signal });
  const { family } = openTasks(config);
  const executor = await createExecutor('cpu', { threads: 1 });
  const generated = await generate(
    new StageCache(join(out, name), { progress: silentProgress, signal: new AbortController().signal }),
    config,
    executor,
  );
  const { histories } = loadHistories(generated, family);
  const run = { store, config, seed: 0, model: new Model(config, family), histories: () => histories, generated, executor };
  const { output } = await finetune.train(run, {});
  return join(output!.folder, MODEL_FILE);
}

it.each([1, 2])(
  'training with Z carried, on %i threads, interrupted and resumed, ends in the same bytes, which hold no carried Z',
  async workers => {
    const whole = await trained(`whole-${workers}`, { workers });
    const parts = `parts-${workers}`;
    await expect(trained(parts, { workers, until: 20 })).rejects.toThrow();
    const stages = join(out, parts, 'stages');
    const interrupted = readdirSync(stages).find(name => name.startsWith('finetune'))!;
    const { tensors } = loadTensors(join(stages, interrupted, CHECKPOINT));
    const [carried] = [...tensors].filter(([name]) => name.includes('carried')).map(([, { data }]) => data);
    expect(carried.filter(value => Math.abs(value) > 1e-3).length).toBeGreaterThan(carried.length / 2);
    const resumed = await trained(parts, { workers });
    expect(readFileSync(resumed).equals(readFileSync(whole))).toBe(true);
    const names = [...loadTensors(whole).tensors.keys()];
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter(name => name.startsWith('carried'))).toEqual([]);
  },
);

it('two threads, each with the Z of its own lives, compute what one computes, but for rounding', async () => {
  const losses = async (workers: number) => {
    const file = await trained(`loss-${workers}`, { workers });
    const rows = readFileSync(join(dirname(file), 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n');
    return rows.map(row => (JSON.parse(row) as { loss: number }).loss);
  };
  const [one, two] = [await losses(1), await losses(2)];
  expect(one.length).toBe(3);
  for (const [i, loss] of one.entries()) expect(two[i]).toBeCloseTo(loss, 3);
});

it.each([1, 2])('with blocks that are computed again for their gradients, %i threads find the same weights', async workers => {
  const [kept, again] = await Promise.all([false, true].map(recompute => trained(`kept-${workers}-${recompute}`, { workers, recompute })));
  const [a, b] = [kept, again].map(path => loadTensors(path).tensors);
  expect(b).toEqual(a);
});

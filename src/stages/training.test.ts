import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeExecutor } from '../engine/executors/node.ts';
import { silentProgress } from '../util/progress.ts';
import { loadTensors } from './checkpoint.ts';
import { loadExperiment } from './config.ts';
import { generate, loadHistories, split } from './generate.ts';
import { Model } from './model.ts';
import { type StageOutput, StageStore } from './store.ts';
import { distil, finetune, MODEL_FILE, pretrain, type TrainingRun } from './training.ts';

const TINY = fileURLToPath(new URL('../../experiments/tiny.yaml', import.meta.url));
const out = mkdtempSync(join(tmpdir(), 'cadenza-training-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));

const store = new StageStore(out, { resume: false, progress: silentProgress, signal: new AbortController().signal });

/** A single step without warm-up, decay or teacher, so that what moves is what the gradient moved. */
async function prepare(overrides: string[]): Promise<TrainingRun> {
  const plain = ['pretrain.steps=1', 'distil.steps=1', 'finetune.steps=1', 'optimiser.warmup=0', 'optimiser.weightDecay=0'];
  const config = loadExperiment(TINY, [...plain, 'optimiser.decayTo=1', 'distil.beta=0', ...overrides]);
  const { family } = split(config);
  const generated = await generate(store, config);
  const histories = loadHistories(generated, family).histories;
  const executor = nodeExecutor(config.executor);
  return { store, config, seed: 0, model: new Model(config, family), histories: () => histories, generated, executor };
}

const weights = (output: StageOutput) => loadTensors(join(output.folder, MODEL_FILE)).tensors;

/** Largest change of any number in one part of the model. */
function change(part: string, before: StageOutput, after: StageOutput): number {
  const old = weights(before);
  const pairs = [...weights(after)].filter(([name]) => name.startsWith(`${part}.`) && old.has(name));
  expect(pairs.length).toBeGreaterThan(0);
  return Math.max(...pairs.flatMap(([name, { data }]) => Array.from(data, (value, i) => Math.abs(value - old.get(name)!.data[i]))));
}

async function tune(...overrides: string[]): Promise<{ compressor: number; policy: number; decoder: number }> {
  const run = await prepare(overrides);
  const pretrained = await pretrain(run);
  const distilled = await distil(run, { pretrain: pretrained });
  expect(change('compressor', pretrained, distilled)).toBe(0);
  const tuned = await finetune(run, { pretrain: pretrained, distil: distilled });
  const [compressor, policy] = ['compressor', 'policy'].map(part => change(part, distilled, tuned));
  return { compressor, policy, decoder: run.config.finetune.gamma > 0 ? change('decoder', pretrained, tuned) : 0 };
}

describe('fine-tuning', () => {
  let whole: Awaited<ReturnType<typeof tune>>;
  beforeAll(async () => {
    whole = await tune('finetune.compressorRate=1', 'finetune.compressorWeightDecay=0');
  });

  it('moves all three parts, after a distillation that left the compressor alone', () => {
    // Adam's first step is as long as the learning rate.
    for (const moved of Object.values(whole)) expect(moved).toBeCloseTo(0.01, 4);
  });

  it.each([0.5, 0])('scales the learning rate of the compressor alone by %d', async rate => {
    const { compressor, policy, decoder } = await tune(`finetune.compressorRate=${rate}`, 'finetune.compressorWeightDecay=0');
    expect(compressor).toBeCloseTo(rate * whole.compressor, 4);
    expect([policy, decoder]).toEqual([whole.policy, whole.decoder]);
  });

  it('without reconstruction has no decoder in it', async () => {
    const run = await prepare(['finetune.gamma=0']);
    const pretrained = await pretrain(run);
    const tuned = await finetune(run, { pretrain: pretrained });
    expect([...weights(tuned).keys()].filter(name => name.startsWith('decoder.'))).toEqual([]);
  });
});

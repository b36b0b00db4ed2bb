import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baseline, type TrainedBaseline } from '../agent/baselines/index.ts';
import { Model } from '../agent/model.ts';
import { loadTensors, MODEL_FILE } from '../cache/checkpoint.ts';
import { StageCache, type StageOutput } from '../cache/store.ts';
import { latentKinds } from '../compressor/index.ts';
import { loadExperiment } from '../config/experiment.ts';
import { nodeExecutor } from '../engine/executors/node.ts';
import { environment } from '../envs/index.ts';
import { generate, loadHistories } from '../histories/generate.ts';
import { openTasks } from '../histories/tasks.ts';
import { actionHead } from '../policy/index.ts';
import { episodeStarts, listedTasks, tabularModel } from '../rl/index.ts';
import { generateHistory, monteCarloActions, source } from '../sources/index.ts';
import { BatchSampler, newBatch, tokenizer } from '../tokenizers/index.ts';
import { silentProgress } from '../util/progress.ts';
import { Random } from '../util/random.ts';
import { oracleTable } from './batches.ts';
import type { Trained, TrainingRun } from './define.ts';
import { baselineModel, trainBaseline } from './stages/baselines.ts';
import { distill } from './stages/distill.ts';
import { finetune } from './stages/finetune.ts';
import type { StageSections } from './stages/index.ts';
import { pretrain } from './stages/pretrain.ts';

const TINY = fileURLToPath(new URL('../../experiments/tiny.yaml', import.meta.url));
const out = mkdtempSync(join(tmpdir(), 'cadenza-training-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));

const store = new StageCache(out, { progress: silentProgress, signal: new AbortController().signal });

/** A single step without warm-up, decay or teacher, so that what moves is what the gradient moved. */
async function prepare(overrides: string[]): Promise<TrainingRun<StageSections>> {
  const plain = ['pretrain.steps=1', 'distill.steps=1', 'finetune.steps=1', 'optimizer.warmup=0', 'optimizer.weightDecay=0'];
  const config = loadExperiment(TINY, [...plain, 'optimizer.decayTo=1', 'distill.beta=0', ...overrides]);
  const { family } = openTasks(config);
  const generated = await generate(store, config, nodeExecutor());
  const histories = loadHistories(generated, family).histories;
  const executor = nodeExecutor(config.executor);
  return { store, config, seed: 0, model: new Model(config, family), histories: () => histories, generated, executor };
}

const trainedBaseline = (run: TrainingRun<StageSections>, id: string) =>
  trainBaseline(run, baselineModel(baseline(id) as TrainedBaseline, run.config, run.model));

const left = async (trained: Promise<Trained>) => (await trained).output!;

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
  const pretrained = await left(pretrain.train(run, {}));
  const distilled = await left(distill.train(run, { pretrain: pretrained }));
  expect(change('compressor', pretrained, distilled)).toBe(0);
  const tuned = await left(finetune.train(run, { pretrain: pretrained, distill: distilled }));
  const [compressor, policy] = ['compressor', 'policy'].map(part => change(part, distilled, tuned));
  return { compressor, policy, decoder: run.config.finetune.gamma > 0 ? change('decoder', pretrained, tuned) : 0 };
}

describe('the Monte-Carlo teacher', () => {
  it.each([50, 7])('reads the phase from the rewards of the episode where the state is hidden, in segments of %d', segment => {
    const family = environment('key-to-door');
    const { phases, next } = tabularModel(family, 'A test');
    const tasks = listedTasks(family, 'A test');
    const [task, other] = [tasks[1000], tasks[5000]];
    const histories = [task, other].map((task, i) =>
      generateHistory({ family, task, source: source('r-max'), random: Random.seeded(i), episodes: 6, noise: 0.2 }),
    );
    const packed = tokenizer('packed', family);
    const shape = { batch: 32, contextTransitions: 14, segment, contextLayout: 'window', actions: 5 } as const;
    const batch = newBatch(packed, shape);
    new BatchSampler(histories, packed, shape).fill(batch, Random.seeded(2));
    const labels = new Float32Array(batch.target.length);
    oracleTable({ family, segment, head: actionHead(family.actionSpace) }, histories, Random.seeded(3))(batch, labels);
    const met = new Set<number>();
    for (let b = 0; b < shape.batch; b++) {
      const history = histories[batch.place.history[b]];
      const { task, taskKey, observation, action } = history;
      const optimal = monteCarloActions(family, task, Random.seeded(3).split(taskKey));
      const first = batch.place.first[b];
      // Follows the hidden state from the episode's start by the model, which the look-up cannot see.
      const start = episodeStarts(history).findLast(episode => episode <= first)!;
      let state = observation[2 * start + 1] * 9 + observation[2 * start];
      for (let t = start; t < first + batch.place.length[b]; t++) {
        const [row, at] = [state * 5, (b * segment + t - first) * 5];
        if (t >= first) expect(labels.slice(at, at + 5)).toEqual(optimal.slice(row, row + 5));
        if (t === first) met.add(phases!.of(state));
        state = next(task, state, action[t]);
      }
    }
    // Phases at the beginning of what was drawn.
    expect(met).toEqual(new Set(segment < 50 ? [0, 1] : [0]));
  });
});

describe('fine-tuning', () => {
  let whole: Awaited<ReturnType<typeof tune>>;
  beforeAll(async () => {
    whole = await tune('finetune.compressorLearningRateScale=1', 'finetune.compressorWeightDecay=0');
  });

  it('moves all three parts, after a distillation that left the compressor alone', () => {
    // Adam's first step is as long as the learning rate.
    for (const moved of Object.values(whole)) expect(moved).toBeCloseTo(0.01, 4);
  });

  it.each([0.5, 0])('scales the learning rate of the compressor alone by %d', async rate => {
    const { compressor, policy, decoder } = await tune(`finetune.compressorLearningRateScale=${rate}`, 'finetune.compressorWeightDecay=0');
    expect(compressor).toBeCloseTo(rate * whole.compressor, 4);
    expect([policy, decoder]).toEqual([whole.policy, whole.decoder]);
  });

  it('without reconstruction has no decoder in it', async () => {
    const run = await prepare(['finetune.gamma=0']);
    const pretrained = await left(pretrain.train(run, {}));
    const tuned = await left(finetune.train(run, { pretrain: pretrained }));
    expect([...weights(tuned).keys()].filter(name => name.startsWith('decoder.'))).toEqual([]);
  });
});

describe.each(latentKinds.all)('$id latents', ({ id }) => {
  const settings = [`latents.kind=${id}`, 'latents.codes=16', 'latents.codeWidth=4', 'latents.groups=2', 'finetune.gamma=0'];
  const codebook = (output: StageOutput) =>
    [...weights(output)].filter(([name]) => /^compressor\.latents\.(codebook|counts)$/.test(name)).map(([, { data }]) => data);

  it('train in every stage; what belongs to the compressor stands still in distillation, its codebook too', async () => {
    const run = await prepare([...settings, 'finetune.capacityWeight=0.1']);
    const pretrained = await left(pretrain.train(run, {}));
    const distilled = await left(distill.train(run, { pretrain: pretrained }));
    expect(change('compressor', pretrained, distilled)).toBe(0);
    const tuned = await left(finetune.train(run, { pretrain: pretrained, distill: distilled }));
    expect(change('compressor', distilled, tuned)).toBeGreaterThan(0);
    const pooled = await trainedBaseline(run, 'mean-pool');
    expect(codebook(pretrained)).toHaveLength(id === 'vq' ? 2 : 0);
    expect(codebook(distilled)).toEqual(codebook(pretrained));
    for (const [i, data] of codebook(tuned).entries()) expect(data).not.toEqual(codebook(distilled)[i]);
    // Latents of the baselines that compress are of the same kind; the end of the raw context stays as it is.
    expect([...weights(pooled).keys()].filter(name => name.startsWith('compressor.latents.')).sort()).toEqual(
      [...weights(tuned).keys()].filter(name => name.startsWith('compressor.latents.')).sort(),
    );
    const raw = await trainedBaseline(run, 'truncated');
    expect([...weights(raw).keys()].filter(name => name.startsWith('compressor.latents.'))).toEqual([]);
  });

  it('are the same bytes of the same seed, noise and codebook too, in one go and when interrupted', async () => {
    const overrides = [...settings, 'pretrain.steps=6', 'pretrain.capacityWeight=0.1'];
    const model = async (signals: AbortSignal[]) => {
      const folder = mkdtempSync(join(tmpdir(), 'cadenza-latents-'));
      try {
        const run = await prepare(overrides);
        for (const [i, signal] of signals.entries()) {
          const own = new StageCache(folder, { progress: silentProgress, signal });
          const stage = left(pretrain.train({ ...run, store: own }, {}));
          if (i < signals.length - 1) await expect(stage).rejects.toThrow('stop');
          else return readFileSync(join((await stage).folder, MODEL_FILE));
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
      throw new Error('no signal');
    };
    const calm = new AbortController().signal;
    const whole = await model([calm]);
    expect((await model([calm])).equals(whole)).toBe(true);
    expect((await model([abortedAfter(3), calm])).equals(whole)).toBe(true);
  });
});

describe('a compressor that is fitted', () => {
  it('has the same components in every stage, which no training moves', async () => {
    const run = await prepare(['compressor=pca', 'baselines.steps=3', 'finetune.gamma=0']);
    const pretrained = await left(pretrain.train(run, {}));
    const distilled = await left(distill.train(run, { pretrain: pretrained }));
    const tuned = await left(finetune.train(run, { pretrain: pretrained, distill: distilled }));
    const baseline = await trainedBaseline(run, 'pca');
    const fitted = (output: StageOutput) => [...weights(output)].filter(([name]) => name.startsWith('statistics.pieces.'));
    expect(fitted(pretrained).map(([name]) => name)).toEqual(['statistics.pieces.components', 'statistics.pieces.mean']);
    for (const output of [distilled, tuned, baseline]) expect(fitted(output)).toEqual(fitted(pretrained));
    expect(change('compressor', distilled, tuned)).toBeGreaterThan(0);
    expect(baseline.report.explained).toBeGreaterThan(0.3);
    expect(baseline.report.explained).toBeLessThanOrEqual(1);
  });
});

/** A signal that is up once it has been looked at so many times within the training loop. */
function abortedAfter(steps: number): AbortSignal {
  const controller = new AbortController();
  let looks = 0;
  return new Proxy(controller.signal, {
    get(target, key) {
      if (key === 'aborted' && ++looks > steps) controller.abort(new Error('stop'));
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

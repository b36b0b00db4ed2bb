import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { Model } from '../agent/model.ts';
import { CHECKPOINT, loadTensors, MODEL_FILE } from '../cache/checkpoint.ts';
import { StageCache, type StageOutput } from '../cache/store.ts';
import { compressors, latentKinds } from '../compressor/index.ts';
import { loadExperiment } from '../config/experiment.ts';
import { nodeExecutor } from '../engine/executors/node.ts';
import { grad, input, inputsOf, interpret, mul, sizeOf, splitRows, square, sub, sum, type Tensor } from '../engine/index.ts';
import { generate, loadHistories } from '../histories/generate.ts';
import { openTasks } from '../histories/tasks.ts';
import { Scope, weightedMean, zeroInit } from '../nn/index.ts';
import { silentProgress } from '../util/progress.ts';
import { Random } from '../util/random.ts';
import type { TrainingRun } from './define.ts';
import { finetune } from './stages/finetune.ts';
import { type StageSections, stages } from './stages/index.ts';
import { pretrain } from './stages/pretrain.ts';
import { type TrainRequest, train } from './trainer.ts';
import type { Workers } from './workers.ts';

const TINY = fileURLToPath(new URL('../../experiments/tiny.yaml', import.meta.url));
const out = mkdtempSync(join(tmpdir(), 'cadenza-workers-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));
afterEach(() => void vi.restoreAllMocks());

const executor = nodeExecutor({ threads: 1 });
let folders = 0;
const newFolder = () => {
  const folder = join(out, String(folders++));
  mkdirSync(folder);
  return folder;
};

/** Parameters a [3], fitted to weighted rows x [B, 3]. */
const lossOf = (scope: Scope, batch: number) => {
  const a = scope.parameter('a', [3], zeroInit);
  const [x, weight] = [input('x', [batch, 3]), input('weight', [batch, 3])];
  return { loss: weightedMean(square(sub(a, mul(x, 3))), weight), metrics: { total: sum(weight) } };
};

/** A run of 30 steps of that loss, divided among `count` workers. */
function fitted(count: number, change: Partial<TrainRequest> = {}): TrainRequest {
  const B = 12;
  const [whole, part] = [new Scope(), new Scope()];
  const feeds = { x: new Float32Array(3 * B), weight: new Float32Array(3 * B) };
  const own = lossOf(part, B / count);
  const workers: Workers = { count, executor: { provider: 'cpu', threads: 1 }, part: { ...own, specs: part.table, buffers: part.buffers } };
  return {
    title: 'toy',
    ...lossOf(whole, B),
    trainable: [...whole.table.values()],
    given: new Map([['a', new Float32Array(3)]]),
    steps: 30,
    optimizer: { learningRate: 0.1, warmup: 0, weightDecay: 0, clip: 1, batch: B, beta1: 0.9, beta2: 0.99, decayTo: 1 },
    batches: {
      feeds: {
        x: { data: feeds.x, shape: [B, 3], dtype: 'float32' },
        weight: { data: feeds.weight, shape: [B, 3], dtype: 'float32' },
      },
      fill(step) {
        const random = Random.seeded(0).split(step);
        for (let i = 0; i < 3 * B; i++) {
          feeds.x[i] = random.normal();
          feeds.weight[i] = random.integer(3);
        }
      },
    },
    checkpointEvery: 10,
    executor,
    workers: count > 1 ? workers : undefined,
    context: { folder: newFolder(), key: 'k', progress: silentProgress, signal: new AbortController().signal },
    ...change,
  };
}

const rowsOf = ({ folder }: { readonly folder: string }): Record<string, number>[] =>
  readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));

/** Threads that have not ended. */
function watchThreads() {
  const open = new Set<Worker>();
  const { postMessage } = Worker.prototype;
  const spy = vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, ...message) {
    if (!open.has(this)) this.once('exit', () => open.delete(this));
    // A thread that has ended has no id.
    if (this.threadId >= 0) open.add(this);
    return postMessage.apply(this, message);
  });
  return { open, spy };
}

describe('a step that workers divide', () => {
  it('computes what one does, and the same bytes every time', async () => {
    const [one, ...others] = [1, 2, 2, 3].map(count => fitted(count));
    const { weights } = await train(one);
    const found = [];
    for (const request of others) found.push((await train(request)).weights.get('a')!);
    for (const values of found) for (const [i, value] of values.entries()) expect(value).toBeCloseTo(weights.get('a')![i], 5);
    expect(found[1]).toEqual(found[0]);
    for (const request of others)
      for (const [i, row] of rowsOf(request.context).entries())
        for (const [name, value] of Object.entries(row)) expect(value, name).toBeCloseTo(rowsOf(one.context)[i][name], 4);
  });

  it('ends its threads, also after a failure', async () => {
    const { open } = watchThreads();
    await train(fitted(2, { steps: 3 }));
    expect(open.size).toBe(0);
    const { batches } = fitted(1);
    const stopped = fitted(2, { batches: { ...batches, fill: () => Promise.reject(new Error('stop')) } });
    await expect(train(stopped)).rejects.toThrow('stop');
    expect(open.size).toBe(0);
  });

  it('says so when a thread dies, and resumes with the checkpoint before it, with any number of workers', async () => {
    const whole = await train(fitted(2));
    const request = fitted(2);
    const { open, spy } = watchThreads();
    let orders = 0;
    const post = spy.getMockImplementation()!;
    spy.mockImplementation(function (this: Worker, ...message) {
      // Two orders to each of two threads are one step.
      return ++orders === 4 * 15 ? void this.terminate() : post.apply(this, message);
    });
    await expect(train(request)).rejects.toThrow(failure('E_EXECUTOR', 'executor.workers'));
    expect(open.size).toBe(0);
    vi.restoreAllMocks();
    const { folder } = request.context;
    expect(loadTensors(join(folder, CHECKPOINT)).metadata.step).toBe('10');
    const others = [1, 3].map(count => fitted(count));
    for (const { context } of others)
      for (const name of [CHECKPOINT, 'metrics.jsonl']) copyFileSync(join(folder, name), join(context.folder, name));
    const resumed = fitted(2, { context: request.context });
    expect((await train(resumed)).weights).toEqual(whole.weights);
    expect(rowsOf(resumed.context).map(({ step }) => step)).toEqual([10, 20, 30]);
    for (const other of others) {
      const values = (await train(other)).weights.get('a')!;
      for (const [i, value] of values.entries()) expect(value).toBeCloseTo(whole.weights.get('a')![i], 5);
    }
  });
});

const PASSAGES = ['queries.perHistory=2', 'context.layout=segments', 'queries.reconstructed=1', 'model.encoderSpan=horizon'];

describe('the objectives of all stages', () => {
  /** The objectives of an experiment, for a batch of 12 and for a third of it. */
  function objectivesOf(overrides: readonly string[]) {
    const config = loadExperiment(TINY, ['baselines.methods=[]', 'reinforce.steps=1', ...overrides]);
    const model = new Model(config, openTasks(config).family);
    return stages.all.flatMap(stage =>
      stage.objectives(config, model).map(({ name, build }) => {
        const scope = new Scope();
        const [whole, part] = [
          [12, new Scope()],
          [4, scope],
        ].map(([batch, scope]) => build(scope as Scope, batch as number));
        const outputs = ({ loss, metrics }: typeof whole) => ({ outputs: { loss, ...metrics } });
        const split = splitRows(outputs(whole), outputs(part), 3, new Set([...scope.table.keys(), ...scope.buffers.keys()]));
        return { name, whole, split, parameters: [...scope.table.values()] };
      }),
    );
  }

  const kinds = compressors.all.filter(({ uncompressed, id }) => !uncompressed && id !== 'none').map(({ id }) => id);

  it.each([
    ...kinds.map(id => [`compressor=${id}`]),
    ...kinds.filter(id => compressors.get(id).compress.bySegment).map(id => [`compressor=${id}`, ...PASSAGES]),
    ...latentKinds.ids.filter(id => id !== 'vq').map(id => [`latents.kind=${id}`]),
    ['policy.returns={episodes: 2, bins: 5, weight: 1}'],
    ['policy.retrieval.contexts=2'],
  ])('can be divided: %s %s', (...overrides) => {
    const found = objectivesOf(overrides);
    expect(found.length).toBeGreaterThan(4);
    expect(Object.fromEntries(found.map(({ name, split: { mixed } }) => [name, mixed]))).toEqual(
      Object.fromEntries(found.map(({ name }) => [name, []])),
    );
  });

  it.each([[[]], [PASSAGES]])('have gradients that add up to those of the whole batch: %s', overrides => {
    const { whole, split, parameters } = objectivesOf(overrides).find(({ name }) => name === 'finetune')!;
    const withGradients = (loss: Tensor) => {
      const read = inputsOf({ outputs: { loss } });
      const names = parameters.map(({ name }) => name).filter(name => read.has(name));
      const gradients = grad(
        loss,
        names.map(name => read.get(name)!),
      );
      return { outputs: Object.fromEntries(gradients.map((gradient, i) => [names[i], gradient])) };
    };
    const random = Random.seeded(0);
    const graph = withGradients(whole.loss);
    const feeds = Object.fromEntries(
      Array.from(inputsOf({ outputs: { loss: whole.loss } }), ([name, { shape }]) => [
        name,
        Float64Array.from({ length: sizeOf(shape) }, () => random.uniform() - (parameters.some(each => each.name === name) ? 0.5 : 0)),
      ]),
    );
    const shared = interpret(split.totals, feeds);
    const found = [0, 1, 2].map(k => {
      const own = Object.entries(feeds).map(([name, values]) => {
        const size = values.length / 3;
        return [name, split.rows.has(name) ? values.subarray(k * size, (k + 1) * size) : values];
      });
      return interpret(withGradients(split.part.outputs.loss), { ...Object.fromEntries(own), ...shared });
    });
    const expected = interpret(graph, feeds);
    expect(Object.keys(expected).length).toBeGreaterThan(10);
    for (const [name, values] of Object.entries(expected))
      for (const [i, value] of values.entries())
        expect(Math.abs(found.reduce((total, part) => total + part[name][i], 0) - value), name).toBeLessThan(1e-9);
  });
});

describe('a stage', () => {
  const store = new StageCache(out, { progress: silentProgress, signal: new AbortController().signal });

  async function prepare(overrides: string[]): Promise<TrainingRun<StageSections>> {
    const config = loadExperiment(TINY, ['pretrain.steps=20', 'finetune.steps=20', 'distill.beta=0', ...overrides]);
    const { family } = openTasks(config);
    const generated = await generate(store, config, executor);
    const { histories } = loadHistories(generated, family);
    return { store, config, seed: 0, model: new Model(config, family), histories: () => histories, generated, executor };
  }

  const tensors = (output: StageOutput) => loadTensors(join(output.folder, MODEL_FILE)).tensors;

  it.each([
    ['windows', 4, []],
    ['passages', 2, PASSAGES],
    ['noise', 2, ['latents.kind=variational']],
  ])('follows the losses of one worker: %s, %i workers', async (_, workers, overrides) => {
    const runs = [];
    for (const count of [1, workers]) {
      const run = await prepare([...overrides, `executor.workers=${count}`]);
      const first = (await pretrain.train(run, {})).output!;
      runs.push([first, (await finetune.train(run, { pretrain: first })).output!]);
    }
    const [one, several] = runs;
    for (const [i, output] of several.entries()) {
      const [found, expected] = [output, one[i]].map(rowsOf);
      expect(found.map(({ step }) => step)).toEqual([10, 20]);
      for (const [j, row] of found.entries()) {
        expect(Object.keys(row)).toEqual(Object.keys(expected[j]));
        for (const name of ['loss', 'gradientNorm']) expect(Math.abs(row[name] - expected[j][name]), name).toBeLessThan(1e-4);
      }
      expect([...tensors(output).keys()]).toEqual([...tensors(one[i]).keys()]);
    }
  });

  it.each([
    ['variance', ['finetune.auxiliary={variance: 1}']],
    ['codebook', ['latents.kind=vq']],
    ['batch', ['executor.workers=3']],
    ['queries.perHistory', ['optimizer.batch=6', 'queries.perHistory=2', 'context.layout=segments']],
  ])('refuses what workers cannot divide: %s', async (what, overrides) => {
    const run = await prepare(['executor.workers=2', ...overrides]);
    await expect(finetune.train(run, {})).rejects.toThrow(failure('E_CONFIG', 'executor.workers', what));
  });
});

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventFilesIn, loggedScalars, readEvents, shownScalars } from '../../test/helpers/event-files.ts';
import { failure } from '../../test/helpers/failure.ts';
import { damagedBytes, fuzz } from '../../test/helpers/fuzz.ts';
import { loadCheckpoint, loadTensors, saveCheckpoint } from '../cache/checkpoint.ts';
import { nodeExecutor } from '../engine/executors/node.ts';
import { add, input, mean, mul, square, sub, sum, type Tensor, zeros } from '../engine/index.ts';
import { Scope, zeroInit } from '../nn/index.ts';
import { PARAMETERS } from '../optim/index.ts';
import type { OptimizerConfig } from '../settings/base.ts';
import { silentProgress } from '../util/progress.ts';
import { Random } from '../util/random.ts';
import type { BatchSource } from './step.ts';
import { type TrainRequest, train } from './trainer.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cadenza-trainer-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const executor = nodeExecutor({ threads: 1 });
const optimizer: OptimizerConfig = {
  learningRate: 0.1,
  warmup: 0,
  weightDecay: 0,
  clip: 1e9,
  batch: 1,
  beta1: 0.9,
  beta2: 0.99,
  decayTo: 1,
};

/** Parameters a [4] and b [2, 2] that should become the rows of a noisy batch: ½ Σ (a - x)² + ½ Σ (b - x)². */
function quadratic(change: Partial<TrainRequest> = {}, abort?: { at: number; controller: AbortController }): TrainRequest {
  const scope = new Scope();
  const a = scope.parameter('a', [4], zeroInit);
  const b = scope.parameter('b', [2, 2], zeroInit);
  const x = input('x', [4]);
  const toward = (parameter: Tensor, target: Tensor) => sum(square(sub(parameter, target)));
  const given = new Map([
    ['a', Float32Array.of(4, -3, 2, -1)],
    ['b', Float32Array.of(1, 1, 1, 1)],
  ]);
  const batch = { x: zeros([4]) };
  return {
    title: 'toy',
    loss: sum(mul(mean(toward(a, x)), 0.5)),
    metrics: { square: sum(square(b)) },
    trainable: [...scope.table.values()].filter(({ name }) => name === 'a'),
    frozen: [...scope.table.values()].filter(({ name }) => name === 'b'),
    given,
    steps: 40,
    optimizer,
    batches: {
      feeds: batch,
      fill(step) {
        if (abort?.at === step) abort.controller.abort(new Error('stop'));
        const random = Random.seeded(0).split(step);
        for (let i = 0; i < 4; i++) batch.x.data[i] = i + 0.1 * random.normal();
      },
    },
    checkpointEvery: 10,
    executor,
    context: { folder, key: 'k', progress: silentProgress, signal: (abort?.controller ?? new AbortController()).signal },
    ...change,
  };
}

/** The same request with both parameters trained, by one step of the loss Σ a + Σ b, whose Adam direction is 1 everywhere. */
function oneStep(change: Partial<TrainRequest>): TrainRequest {
  const request = quadratic();
  const parameters = [...request.trainable, ...(request.frozen ?? [])];
  const loss = parameters.map(({ tensor }) => sum(tensor)).reduce((p, q) => sub(p, mul(q, -1)));
  return { ...request, loss, metrics: {}, trainable: parameters, frozen: [], batches: { feeds: {}, fill() {} }, steps: 1, ...change };
}

const moved = async (request: TrainRequest) => {
  const { weights } = await train(request);
  return [...weights].map(([name, values]) => values.map((v, i) => request.given.get(name)![i] - v));
};

/** The context of a second run. */
const other = () => {
  const second = join(folder, 'other');
  mkdirSync(second, { recursive: true });
  return { folder: second, key: 'k', progress: silentProgress, signal: new AbortController().signal };
};

const metrics = () => readFileSync(join(folder, 'metrics.jsonl'), 'utf8');
const checkpoint = () => join(folder, 'checkpoint.safetensors');

describe('train', () => {
  it('finds the minimum, reports every metric and leaves frozen parameters alone', async () => {
    const { weights, lastLoss } = await train(quadratic({ steps: 200, optimizer: { ...optimizer, decayTo: 0 } }));
    expect([...weights.keys()]).toEqual(['a']);
    weights.get('a')!.forEach((value, i) => {
      expect(value).toBeCloseTo(i, 0);
    });
    expect(lastLoss).toBeLessThan(0.2);
    const rows = metrics()
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(rows.map(({ step }) => step)).toEqual(Array.from({ length: 20 }, (_, i) => 10 * (i + 1)));
    expect(rows[0]).toEqual({
      step: 10,
      loss: expect.any(Number),
      gradientNorm: expect.any(Number),
      learningRate: expect.any(Number),
      square: 4,
    });
  });

  it.each([1, 10, 17, 39])('interrupted before step %i and resumed, ends in the same bits', async at => {
    const whole = await train(quadratic());
    const lines = metrics();
    rmSync(folder, { recursive: true });
    folder = mkdtempSync(join(tmpdir(), 'cadenza-trainer-'));

    await expect(train(quadratic({}, { at: at - 1, controller: new AbortController() }))).rejects.toThrow('stop');
    expect(loadTensors(checkpoint()).metadata).toEqual({ key: 'k', step: String(at), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    const steps: number[] = [];
    const request = quadratic();
    const { feeds, fill } = request.batches;
    const watched: BatchSource = {
      feeds,
      fill(step, parameters) {
        steps.push(step);
        return fill(step, parameters);
      },
    };
    const resumed = await train({ ...request, batches: watched });
    expect(steps[0]).toBe(at);
    expect(resumed.weights).toEqual(whole.weights);
    expect(metrics()).toBe(lines);
  });

  it('writes event files in addition, as it goes on, and redone steps once', async () => {
    const probe = { every: 10, measure: async () => ({ 5: 0.125 }) };
    await train(quadratic({ probe, context: other() }));
    const lines = readFileSync(join(other().folder, 'metrics.jsonl'), 'utf8');
    const context = { folder, key: 'k', progress: silentProgress, signal: new AbortController().signal, tensorboard: true };
    const request = quadratic({ probe, checkpointEvery: 15, context });
    const { feeds, fill } = request.batches;
    const dying: BatchSource = {
      feeds,
      fill(step, parameters) {
        if (step === 25) throw new Error('killed');
        return fill(step, parameters);
      },
    };
    await expect(train({ ...request, batches: dying })).rejects.toThrow('killed');
    // Written before the checkpoint that has these metrics in the file.
    expect(shownScalars(folder).loss.map(([step]) => step)).toEqual([10, 20]);
    expect(loggedScalars(folder).loss.map(([step]) => step)).toEqual([10]);
    await train(request);
    expect(metrics()).toBe(lines);
    const shown = shownScalars(folder);
    expect(shown).toEqual(loggedScalars(folder));
    expect(Object.keys(shown)).toEqual(['loss', 'gradientNorm', 'learningRate', 'square', 'validation.5']);
    const files = eventFilesIn(folder).map(readEvents);
    expect(files.map(([, { step, status }]) => [step, status])).toEqual([
      [1, 1],
      [16, 1],
    ]);
  });

  it('moves buffers by what they were assigned, and resumes them in the same bits', async () => {
    const average = () => {
      const request = quadratic();
      const scope = new Scope();
      const mean = scope.buffer('mean', [4], zeroInit);
      const count = scope.buffer('count', []);
      scope.assign(mean, add(mul(mean, 0.9), mul(input('y', [4]), 0.1)));
      scope.assign(count, add(count, 1));
      const given = new Map([...request.given, ['mean', Float32Array.of(1, 2, 3, 4)] as const, ['count', Float32Array.of(0)] as const]);
      const { feeds, fill } = request.batches;
      const y = zeros([4]);
      const batches = {
        feeds: { ...feeds, y },
        fill(step: number) {
          fill(step, {});
          y.data.set(feeds.x.data);
        },
      };
      return { ...request, buffers: [...scope.buffers.values()], given, batches };
    };
    const { weights } = await train(average());
    const expected = [1, 2, 3, 4];
    const plain = average();
    for (let step = 0; step < 40; step++) {
      plain.batches.fill(step);
      for (let i = 0; i < 4; i++) expected[i] = 0.9 * expected[i] + 0.1 * plain.batches.feeds.y.data[i];
    }
    expect([...weights.keys()]).toEqual(['a', 'mean', 'count']);
    weights.get('mean')!.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 5);
    });
    expect([...weights.get('count')!]).toEqual([40]);
    expect(weights.get('a')).toEqual((await train(quadratic({ context: other() }))).weights.get('a'));

    rmSync(folder, { recursive: true });
    folder = mkdtempSync(join(tmpdir(), 'cadenza-trainer-'));
    const controller = new AbortController();
    const broken = average();
    const context = { ...broken.context, signal: controller.signal };
    const fill = (step: number) => {
      if (step === 16) controller.abort(new Error('stop'));
      broken.batches.fill(step);
    };
    await expect(train({ ...broken, batches: { ...broken.batches, fill }, context })).rejects.toThrow('stop');
    expect([...loadTensors(checkpoint()).tensors.get('buffers/count')!.data]).toEqual([17]);
    expect((await train(average())).weights).toEqual(weights);
  });

  it('says when a buffer stops being a number, and keeps the checkpoint before it', async () => {
    const request = quadratic();
    const scope = new Scope();
    const growing = scope.buffer('growing', [], zeroInit);
    // Beyond float32 in step 14: the loss knows nothing of it.
    scope.assign(growing, mul(growing, 1e3));
    const given = new Map([...request.given, ['growing', Float32Array.of(1)] as const]);
    const buffers = [...scope.buffers.values()];
    await expect(train({ ...request, given, buffers })).rejects.toThrow(failure('E_NUMERICS', 20, 40));
    expect(loadTensors(checkpoint()).metadata.step).toBe('10');
  });

  it('interrupted within a unit of batches that follow from the parameters at its beginning, continues from there to the same bits', async () => {
    const unit = 4;
    /** Batches that pull toward where the parameters were at the beginning of the unit, plus one. */
    const units = (request: TrainRequest): TrainRequest => {
      const { feeds, fill } = request.batches;
      let first = new Float32Array(4);
      const following: BatchSource = {
        feeds,
        unit,
        metrics: () => ({ first: first[0] }),
        async fill(step, state) {
          if (step % unit === 0) first = (state[PARAMETERS].data as Float32Array).map(v => v + 1);
          await fill(step, state);
          feeds.x.data.set(first);
        },
      };
      return { ...request, batches: following, checkpointEvery: unit };
    };
    const whole = await train(units(quadratic()));
    const lines = metrics();
    expect(JSON.parse(lines.split('\n')[0])).toMatchObject({ step: 10, first: expect.any(Number) });
    rmSync(folder, { recursive: true });
    folder = mkdtempSync(join(tmpdir(), 'cadenza-trainer-'));
    await expect(train(units(quadratic({}, { at: 17, controller: new AbortController() })))).rejects.toThrow('stop');
    expect(loadTensors(checkpoint()).metadata.step).toBe('16');
    expect((await train(units(quadratic()))).weights).toEqual(whole.weights);
    expect(metrics()).toBe(lines);
  });

  it('probes the parameters after every so many steps and after the last, also when it was interrupted', async () => {
    const probed = (): Pick<TrainRequest, 'probe'> => ({
      probe: { every: 15, measure: async ({ [PARAMETERS]: { data } }) => ({ first: data[0], size: data.length }) },
    });
    const { weights } = await train(quadratic(probed()));
    const rows = metrics()
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    const validation = rows.filter(row => row.validation);
    expect(validation.map(({ step }) => step)).toEqual([15, 30, 40]);
    expect(validation.at(-1)).toEqual({ step: 40, validation: { first: weights.get('a')![0], size: 4 } });
    expect(rows.filter(row => !row.validation).map(({ step }) => step)).toEqual([10, 20, 30, 40]);
    const lines = metrics();
    rmSync(folder, { recursive: true });
    folder = mkdtempSync(join(tmpdir(), 'cadenza-trainer-'));
    await expect(train(quadratic(probed(), { at: 17, controller: new AbortController() }))).rejects.toThrow('stop');
    await train(quadratic(probed()));
    expect(metrics()).toBe(lines);
  });

  it('gives each group its own learning rate', async () => {
    const [a, b] = await moved(oneStep({ group: name => (name === 'a' ? { rate: 0.25 } : {}) }));
    for (const value of a) expect(value).toBeCloseTo(0.025, 5);
    for (const value of b) expect(value).toBeCloseTo(0.1, 5);
  });

  it('decays matrices, each group at its own weight, and never vectors', async () => {
    const decaying = { ...optimizer, weightDecay: 0.5 };
    const [a, b] = await moved(oneStep({ optimizer: decaying }));
    for (const value of a) expect(value).toBeCloseTo(0.1, 5);
    for (const value of b) expect(value).toBeCloseTo(0.1 + 0.1 * 0.5, 5);
    const [, own] = await moved(oneStep({ optimizer: decaying, group: () => ({ weightDecay: 2 }) }));
    for (const value of own) expect(value).toBeCloseTo(0.1 + 0.1 * 2, 5);
  });

  it('names the step of a loss that is not finite and keeps the checkpoint before it', async () => {
    const request = quadratic();
    const { feeds, fill } = request.batches;
    const poisonous: BatchSource = {
      feeds,
      fill(step, parameters) {
        fill(step, parameters);
        if (step === 25) feeds.x.data[2] = Number.NaN;
      },
    };
    const poisoned = { ...request, batches: poisonous };
    await expect(train(poisoned)).rejects.toThrow(failure('E_NUMERICS', 'toy', 'NaN', 26, 40, checkpoint()));
    expect(loadTensors(checkpoint()).metadata.step).toBe('20');
    const bytes = readFileSync(checkpoint());
    await expect(train(poisoned)).rejects.toThrow(failure('E_NUMERICS', 26, 40));
    expect(readFileSync(checkpoint()).equals(bytes)).toBe(true);
    // And from there the mended run goes on as if nothing had been.
    const { weights } = await train(request);
    rmSync(checkpoint());
    expect((await train(quadratic())).weights).toEqual(weights);
  });

  it.each([
    [1, 2],
    [40, 1],
  ])('never writes or gives state that is not finite, though the loss was (a checkpoint every %i of %i steps)', async (every, steps) => {
    // Weight decay overflows float32 in the first update; the loss before it is still finite.
    const request = oneStep({ steps, checkpointEvery: every, optimizer: { ...optimizer, weightDecay: 3e38, learningRate: 1 } });
    const given = new Map(request.given).set('b', Float32Array.of(9, 9, 9, 9));
    await expect(train({ ...request, given })).rejects.toThrow(failure('E_NUMERICS', 1, steps));
    expect(existsSync(checkpoint())).toBe(false);
  });

  it('refuses a checkpoint of another configuration', async () => {
    await expect(train(quadratic({}, { at: 5, controller: new AbortController() }))).rejects.toThrow('stop');
    const request = quadratic();
    const other = { ...request, context: { ...request.context, key: 'other' } };
    await expect(train(other)).rejects.toThrow(failure('E_CHECKPOINT', checkpoint(), /\bk\b/, /\bother\b/));
  });

  it.each(['p00', '1000000000', '-40', '40', '2.5', '', '1e1', '5 ', '5'])(
    'refuses a checkpoint at step "%s" of 40 in units of 2',
    async step => {
      await expect(train(quadratic({}, { at: 4, controller: new AbortController() }))).rejects.toThrow('stop');
      const { tensors } = loadTensors(checkpoint());
      // Sealed like a genuine one: only the step is wrong.
      saveCheckpoint(checkpoint(), { key: 'k', step: step as unknown as number, tensors });
      const { batches } = quadratic();
      const again = train(quadratic({ batches: { ...batches, unit: 2 } }));
      await expect(again).rejects.toThrow(failure('E_CHECKPOINT', `"${step}"`, 40, 2));
    },
  );

  it('is interrupted between the pieces of building its graph, before anything is compiled', async () => {
    const controller = new AbortController();
    const compile = vi.fn(executor.compile);
    const { context } = quadratic();
    // As a signal arrives: while a piece of work is done.
    setImmediate(() => controller.abort(new Error('stop')));
    await expect(
      train(quadratic({ executor: { ...executor, compile }, context: { ...context, signal: controller.signal } })),
    ).rejects.toThrow('stop');
    expect(compile).not.toHaveBeenCalled();
  });

  it('refuses a damaged checkpoint, whichever byte it is', async () => {
    await expect(train(quadratic({}, { at: 4, controller: new AbortController() }))).rejects.toThrow('stop');
    const bytes = readFileSync(checkpoint());
    const whole = loadCheckpoint(checkpoint(), { key: 'k', steps: 40, unit: 1 });
    const damages = damagedBytes(bytes, { seed: 27, count: 300 });
    const { refused, accepted } = await fuzz(damages, content => {
      writeFileSync(checkpoint(), content);
      // A byte that says nothing, such as padding, may change.
      expect(loadCheckpoint(checkpoint(), { key: 'k', steps: 40, unit: 1 })).toEqual(whole);
    });
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['E_CHECKPOINT']));
    expect(accepted.length).toBeLessThan(15);
  });
});

import { describe, expect, it } from 'vitest';
import { compressors } from '../compressor/index.ts';
import { experimentSchema } from '../config/experiment.ts';
import { grad, interpret, slice, sum, type Tensor } from '../engine/index.ts';
import { environment } from '../envs/index.ts';
import { initialize, Scope, weightedMean } from '../nn/index.ts';
import { type History, listedTasks } from '../rl/index.ts';
import { generateHistory, source } from '../sources/index.ts';
import { BatchSampler, newBatch, StreamSampler } from '../tokenizers/index.ts';
import { loadConfig } from '../util/config.ts';
import { Random } from '../util/random.ts';
import { Model } from './model.ts';
import { Pass } from './terms.ts';

const [ROWS, EACH, EPISODES] = [3, 4, 6];
const SIZES = `name: a
context: {episodes: ${EACH}, layout: segments}
queries: {perHistory: ${EACH}, consecutive: true}
source: {episodes: ${EPISODES}}
model: {width: 8, heads: 2, poolHeads: 2, feedForward: 2, encoderLayers: 1, decoderLayers: 1, latents: 2}`;

const family = environment('key-to-door', { size: 3, horizon: 8 });
const histories: History[] = listedTasks(family, 'A test')
  .slice(0, 5)
  .map((task, i) => generateHistory({ family, task, source: source('r-max'), random: Random.seeded(i), episodes: EPISODES }));

function build(overrides: readonly string[] = []) {
  const config = loadConfig(experimentSchema(), { file: 'a.yaml', text: SIZES, overrides: [`env.id=${family.id}`, ...overrides] });
  const model = new Model(config, family);
  const shape = model.trainingShape(ROWS * model.perHistory);
  const sampler = () => new StreamSampler(new BatchSampler(histories, model.tokenizer, shape), model.tokenizer, shape, Random.seeded(3));
  const draw = (step: number, streams = sampler()) => {
    const batch = newBatch(model.tokenizer, shape);
    streams.fill(batch, step);
    return batch;
  };
  return { model, shape, sampler, draw };
}

const RECURRENT = compressors.all.filter(({ recurrence }) => recurrence).map(({ id }) => id);

describe('batches of consecutive segments', () => {
  const { draw, sampler } = build(['queries.restart=0.05']);

  it('follow each history from its first segment, in order, from batch to batch', () => {
    const streams = sampler();
    const rows = Array.from({ length: ROWS }, (): { history: number; first: number; begins: number }[] => []);
    for (let step = 0; step < 20; step++) {
      const { place, begins } = draw(step, streams);
      for (let b = 0; b < ROWS * EACH; b++)
        rows[Math.floor(b / EACH)].push({ history: place.history[b], first: place.first[b], begins: begins![b] });
    }
    for (const row of rows) {
      expect(row.filter(({ begins }) => begins === 1).length).toBeGreaterThan(80 / EPISODES - 1);
      for (const [i, { history, first, begins }] of row.entries()) {
        if (begins === 1) expect(first).toBe(0);
        else expect([history, first > row[i - 1].first]).toEqual([row[i - 1].history, true]);
      }
      expect(row[0].begins).toBe(1);
    }
    const lengths = rows.flatMap(row => row.flatMap(({ begins }, i) => (begins === 1 ? [i] : [])).map((at, i, all) => all[i + 1] - at));
    expect(Math.max(...lengths.filter(Number.isFinite))).toBe(EPISODES);
  });

  it('are the same without whole contexts, where nothing reads those', () => {
    const { model, shape, sampler } = build();
    const [whole, without] = [true, false].map(contexts => {
      const batch = newBatch(model.tokenizer, shape, contexts);
      sampler().fill(batch, 3);
      return batch;
    });
    expect(whole.context.some(value => value !== 0)).toBe(true);
    expect(without).toEqual({ ...whole, context: new Float32Array(0) });
  });

  it('depend on the step only, not on what was drawn before', () => {
    const streams = sampler();
    const all = [0, 1, 2, 3, 9].map(step => draw(step, streams));
    expect(draw(9)).toEqual(all[4]);
    expect(draw(2, streams)).toEqual(all[2]);
  });
});

describe.each(RECURRENT)('%s with Z carried', kind => {
  /** The action loss, Z before each segment, and gradients. */
  function graphOf({ model, shape }: ReturnType<typeof build>, whole = false) {
    const scope = new Scope();
    const pass = new Pass(model, scope, kind, shape.batch);
    const { inputs } = pass;
    const z = whole ? model.latents(scope, kind, { context: inputs.context })!.trained : pass.latents!.trained;
    const loss = weightedMean(model.head.crossEntropy(inputs.target, model.logits(scope, inputs.query, z)), inputs.weight);
    const parameters = [...scope.table.values()];
    const gradients = grad(
      loss,
      parameters.map(({ tensor }) => tensor),
    );
    const outputs: Record<string, Tensor> = { loss, z, ...Object.fromEntries(gradients.map((g, i) => [parameters[i].name, g])) };
    for (const { name, next } of scope.buffers.values()) outputs[`next.${name}`] = next;
    return { outputs, parameters, buffers: [...scope.buffers.values()] };
  }

  it('has the Z, loss and gradients of whole contexts, where these reach back to the start', () => {
    const built = build();
    const { place, ...batch } = built.draw(0);
    // In the first batch no context is longer than the row.
    for (let b = 0; b < ROWS * EACH; b += EACH) expect(batch.begins![b]).toBe(1);
    const [carried, whole] = [false, true].map(each => graphOf(built, each));
    const feeds = { ...batch, ...Object.fromEntries(initialize(whole.parameters, Random.seeded(0))) };
    // What is left in the buffer from another history has no effect.
    const state = Object.fromEntries(
      carried.buffers.map(({ name, shape }) => [name, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(3)]),
    );
    const [a, b] = [interpret(carried, { ...feeds, ...state }), interpret(whole, { ...feeds, ...state })];
    expect(carried.buffers.length).toBe(1);
    expect(place.first.some(first => first > 0)).toBe(true);
    expect(Object.keys(b).length).toBeGreaterThan(10);
    for (const [name, values] of Object.entries(b).filter(([name]) => !name.startsWith('next.')))
      for (const [i, value] of values.entries()) expect(a[name][i], `${name}[${i}]`).toBeCloseTo(value, 9);
  });

  it('continues in the next batch where the last one ended', () => {
    const [short, long] = [build(), build([`queries.perHistory=${2 * EACH}`])];
    const [one, both] = [short, long].map(each => graphOf(each));
    const weights = Object.fromEntries(initialize(one.parameters, Random.seeded(0)));
    const [{ name }] = one.buffers;
    let state: ArrayLike<number> = new Float32Array(one.buffers[0].shape.reduce((a, b) => a * b, 1));
    const parts = [0, 1].map(step => {
      const { place: _, ...batch } = short.draw(step);
      const found = interpret(one, { ...batch, ...weights, [name]: state });
      state = found[`next.${name}`];
      return found.z;
    });
    const { place: _, ...batch } = long.draw(0);
    const whole = interpret(both, { ...batch, ...weights, [name]: new Float32Array(state.length) });
    const size = whole.z.length / ROWS;
    for (let g = 0; g < ROWS; g++) {
      const joined = parts.flatMap(part => [...part.subarray((g * size) / 2, ((g + 1) * size) / 2)]);
      for (const [i, value] of joined.entries()) expect(value).toBeCloseTo(whole.z[g * size + i], 9);
    }
    expect(Array.from(state).some(value => Math.abs(value) > 1e-3)).toBe(true);
    for (const [i, value] of Array.from(state).entries()) expect(value).toBeCloseTo(whole[`next.${name}`][i], 9);
  });
});

describe('codes carried by a recurrent compressor', () => {
  const built = build(['compressor=recurrent', 'latents.kind=fsq', 'latents.groups=2', 'latents.levels=[4,3]']);
  const { model, shape } = built;
  const scope = new Scope();
  const { latents, inputs } = new Pass(model, scope, 'recurrent', shape.batch);
  const [carried] = [...scope.buffers.values()];
  const weights = Object.fromEntries(initialize([...scope.table.values()], Random.seeded(0)));
  const state = new Float32Array(carried.shape.reduce((a, b) => a * b, 1));
  const { place: _, ...batch } = built.draw(0);
  const row = state.length / ROWS;

  it('are the whole state: an agent that acts has the Z of training after every segment, and its codes decode to it', () => {
    const { z } = interpret({ outputs: { z: latents!.trained } }, { ...batch, ...weights, [carried.name]: state });
    const { compress, decode } = model.inference('recurrent', { compress: 1, act: 1 });
    const segmentRow = batch.segments!.length / shape.batch;
    let now: Float32Array = new Float32Array(row);
    // Of the first row, which begins with a history.
    for (let q = 0; q < EACH; q++) {
      if (batch.begins![q] === 1) now.fill(0);
      for (const [i, value] of now.entries()) expect(z[q * row + i]).toBeCloseTo(value, 5);
      const context = batch.segments!.slice(q * segmentRow, (q + 1) * segmentRow);
      const found = interpret(compress!, { ...weights, context, state: now });
      expect(found.next).toEqual(found.latents);
      expect(interpret(decode!, { ...weights, codes: found.codes }).latents).toEqual(found.next);
      now = Float32Array.from(found.next);
    }
    expect(Object.keys(inputs)).toContain('begins');
  });

  it('pass gradients through all segments', () => {
    const { tensor } = [...scope.table.values()].find(({ name }) => name.includes('update'))!;
    const last = sum(slice(latents!.trained, 0, EACH - 1, EACH));
    const [gradient] = grad(last, [tensor]);
    const { g } = interpret({ outputs: { g: gradient } }, { ...batch, ...weights, [carried.name]: state });
    expect(Math.max(...Array.from(g, Math.abs))).toBeGreaterThan(0);
  });

  it('are not learned from a codebook that moves', () => {
    const overrides = ['compressor=recurrent', 'latents.kind=vq'];
    expect(() => loadConfig(experimentSchema(), { file: 'a.yaml', text: SIZES, overrides })).toThrow(/latents\.kind: expected fsq/);
  });
});

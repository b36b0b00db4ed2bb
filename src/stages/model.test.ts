import { describe, expect, it } from 'vitest';
import { interpret, type Tensor } from '../engine/index.ts';
import { environment } from '../envs/index.ts';
import { initialise, Scope } from '../nn/index.ts';
import { generateHistory, source } from '../sources/index.ts';
import { BatchSampler, newBatch, TOKENIZERS } from '../tokenizers/index.ts';
import { loadConfig } from '../util/config.ts';
import { Random } from '../util/random.ts';
import { experimentSchema } from './config.ts';
import { Model, PARTS, weighted, withWeights } from './model.ts';

const BATCH = 3;
const SIZES =
  'name: a\ncontext: {episodes: 2}\nmodel: {width: 8, heads: 2, poolHeads: 4, feedForward: 2, encoderLayers: 1, decoderLayers: 1, latents: 2}';
const family = environment('dark-room', { size: 3, horizon: 4 });
const KINDS = ['bottleneck', 'full', 'truncated', 'mean-pool', 'none'];

function build(tokenizer: string) {
  const config = loadConfig(experimentSchema, { file: 'a.yaml', text: SIZES, overrides: [`tokenizer=${tokenizer}`] });
  const model = new Model(config, family);
  const histories = family.tasks().map((task, i) => {
    return generateHistory({ family, task, source: source('r-max'), random: Random.seeded(i), episodes: 4 });
  });
  const shape = model.batchShape(BATCH);
  const { place: _, ...batch } = newBatch(model.tokenizer, shape);
  const sampler = new BatchSampler(histories, model.tokenizer, shape);
  sampler.fill({ ...batch, place: _ }, Random.seeded(1));
  return { model, batch };
}

const weightsOf = (scope: Scope, seed = 0) => initialise(scope.table.values(), Random.seeded(seed));

/** Values of scalars, in the interpreter. */
function values(scalars: Record<string, Tensor>, feeds: Record<string, ArrayLike<number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(interpret({ outputs: scalars }, feeds)).map(([name, [value]]) => [name, value]));
}

describe.each(Object.keys(TOKENIZERS))('the model of %s tokens', tokenizer => {
  const { model, batch } = build(tokenizer);

  it.each(KINDS)('has finite losses with %s', kind => {
    const scope = new Scope();
    const { z, context, task, kl } = model.losses(scope, kind, BATCH, 'model');
    const rest: Record<string, Tensor> = z ? { capacity: model.capacity(z), rec: model.reconstruction(scope, z, context).loss } : {};
    const found = values({ task, kl: kl(), ...rest }, { ...batch, ...Object.fromEntries(weightsOf(scope)) });
    for (const [name, value] of Object.entries(found)) {
      expect(Number.isFinite(value), name).toBe(true);
      expect(value, name).toBeGreaterThan(0);
    }
    const parts = Object.keys(PARTS).filter(part => kind !== 'none' || !['compressor', 'decoder'].includes(part));
    expect([...new Set([...scope.table.keys()].map(name => name.split('.')[0]))].sort()).toEqual(parts.sort());
  });

  it('is at a divergence of 0 from itself and above 0 from another', () => {
    const scope = new Scope();
    const kl = model.losses(scope, 'full', BATCH, 'model').kl();
    const student = new Map([...weightsOf(scope)].filter(([name]) => !name.startsWith('teacher.')));
    const teacher = (source: Map<string, Float32Array>) => [...source].map(([name, data]) => [`teacher.${name}`, data] as const);
    const feeds = { ...batch, ...Object.fromEntries(student) };
    expect(values({ kl }, { ...feeds, ...Object.fromEntries(teacher(student)) }).kl).toBeCloseTo(0, 10);
    const another = new Map([...weightsOf(scope, 1)].filter(([name]) => student.has(name)));
    expect(values({ kl }, { ...feeds, ...Object.fromEntries(teacher(another)) }).kl).toBeGreaterThan(1e-3);
  });

  it('is at a divergence of 0 from a table of its own probabilities, which needs no teacher parameters', () => {
    const scope = new Scope();
    const kl = model.losses(scope, 'none', BATCH, 'table').kl();
    const weights = Object.fromEntries(weightsOf(scope));
    const { act } = model.inference('none', { compress: 1, act: BATCH });
    const { probabilities } = interpret(act, { ...weights, query: batch.query });
    expect(Object.keys(weights).some(name => name.startsWith('teacher'))).toBe(false);
    expect(values({ kl }, { ...batch, ...weights, teacher: probabilities }).kl).toBeCloseTo(0, 10);
  });

  it.each(KINDS)('acts with %s by what was trained: the task loss is the cross-entropy of its probabilities', kind => {
    const scope = new Scope();
    const { task } = model.losses(scope, kind, BATCH, 'absent');
    const weights = weightsOf(scope);
    const { compress, act, latentShape } = model.inference(kind, { compress: BATCH, act: BATCH });
    const data = new Set(['context', 'query', 'latents']);
    const latents = compress ? interpret(withWeights(compress, weights, data), { context: batch.context }).latents : [];
    expect(latents.length).toBe(latentShape ? latentShape.reduce((a, b) => a * b, BATCH) : 0);
    const { probabilities } = interpret(withWeights(act, weights, data), { query: batch.query, latents });
    const actions = family.actionSpace.n;
    let [sum, count] = [0, 0];
    for (let row = 0; row < BATCH * family.horizon; row++) {
      if (!batch.weight[row]) continue;
      count++;
      for (let a = row * actions; a < (row + 1) * actions; a++) sum -= batch.target[a] * Math.log(probabilities[a]);
    }
    expect(values({ task }, { ...batch, ...Object.fromEntries(weights) }).task).toBeCloseTo(sum / count, 5);
  });
});

describe('withWeights', () => {
  const { model } = build('packed');
  const { act } = model.inference('none', { compress: 1, act: 1 });
  const scope = new Scope();
  model.losses(scope, 'none', 1, 'absent');

  it.each([
    ['is missing', undefined, 'does not have it'],
    ['has another size', new Float32Array(3), 'has 3 numbers there'],
  ])('says which parameter %s', (_, data, says) => {
    const weights = weightsOf(scope);
    if (data) weights.set('policy.head.weight', data);
    else weights.delete('policy.head.weight');
    expect(() => withWeights(act, weights, new Set(['query']))).toThrow(
      expect.objectContaining({
        code: 'E_CHECKPOINT',
        message: expect.stringMatching(`"policy.head.weight" of shape \\[8, 5\\].*${says}`),
      }),
    );
  });
});

describe('weighted', () => {
  it('never builds the loss of a weight of 0', () => {
    const absent = () => {
      throw new Error('built');
    };
    const { model, batch } = build('packed');
    const scope = new Scope();
    const { task } = model.losses(scope, 'none', BATCH, 'absent');
    const loss = weighted([
      [2, () => task],
      [0, absent],
    ]);
    const found = values({ loss, task }, { ...batch, ...Object.fromEntries(weightsOf(scope)) });
    expect(found.loss).toBeCloseTo(2 * found.task, 10);
  });
});

import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { compressor, compressors } from '../compressor/index.ts';
import { experimentSchema } from '../config/experiment.ts';
import { add, countFlops, grad, input, interpret, type Tensor } from '../engine/index.ts';
import { environment } from '../envs/index.ts';
import { initialize, Scope, weightedMean } from '../nn/index.ts';
import { listedTasks } from '../rl/index.ts';
import { generateHistory, source } from '../sources/index.ts';
import { BatchSampler, chosenContexts, newBatch } from '../tokenizers/index.ts';
import { loadConfig } from '../util/config.ts';
import { Random } from '../util/random.ts';
import { Model } from './model.ts';
import { Pass } from './terms.ts';

const [BATCH, EACH] = [6, 3];
const SIZES = `name: a
context: {episodes: 3, layout: segments}
queries: {perHistory: ${EACH}, reconstructed: 2}
source: {episodes: 6}
optimizer: {batch: ${BATCH}}
model: {width: 8, heads: 2, poolHeads: 4, feedForward: 2, encoderLayers: 1, encoderSpan: horizon, decoderLayers: 1, latents: 2}`;

const FAMILIES = {
  'episodes of equal length': environment('dark-room', { size: 3, horizon: 4 }),
  'episodes that end early': environment('key-to-door', { size: 3, horizon: 8 }),
};

function build(family: (typeof FAMILIES)[keyof typeof FAMILIES], overrides: readonly string[] = []) {
  const config = loadConfig(experimentSchema(), { file: 'a.yaml', text: SIZES, overrides: [`env.id=${family.id}`, ...overrides] });
  const model = new Model(config, family);
  const histories = listedTasks(family, 'A test')
    .slice(0, 5)
    .map((task, i) => generateHistory({ family, task, source: source('r-max'), random: Random.seeded(i), episodes: 6 }));
  const shape = model.trainingShape(BATCH);
  const { place, ...batch } = newBatch(model.tokenizer, shape);
  // Some passages begin with the history, whose first contexts have empty slots, and some later.
  new BatchSampler(histories, model.tokenizer, shape).fill({ ...batch, place }, Random.seeded(3));
  const chosen = model.rebuilt ? chosenContexts(model.tokenizer, shape, model.rebuilt) : undefined;
  chosen?.fill(batch.context, Random.seeded(4));
  return { model, place, batch: { ...batch, ...(chosen && { rebuilt: chosen.contexts, rebuiltAt: chosen.at }) } };
}

const SHARING = compressors.all.filter(({ compress }) => compress.bySegment).map(({ id }) => id);

describe.each(Object.entries(FAMILIES))('queries of the same history, with %s', (_, family) => {
  const { model, batch, place } = build(family);

  it('are different segments, and some contexts have empty slots', () => {
    const { history, first } = place;
    for (let b = 0; b < BATCH; b += EACH) {
      const own = [...first.subarray(b, b + EACH)];
      expect(new Set(history.subarray(b, b + EACH)).size).toBe(1);
      expect(own).toEqual([...new Set(own)].sort((a, b) => a - b));
    }
    expect(batch.selection!.filter((_, i) => (i + 1) % (model.passage! + 1) === 0)).toContain(1);
  });

  it.each(SHARING)('%s: encoding each segment once gives the loss and gradients of whole contexts', kind => {
    const scope = new Scope();
    const pass = new Pass(model, scope, kind, BATCH);
    const { inputs } = pass;
    const lossOf = (z: Tensor) =>
      add(
        weightedMean(model.head.crossEntropy(inputs.target, model.logits(scope, inputs.query, z)), inputs.weight),
        model.reconstruction(scope, z, inputs).loss,
      );
    const shared = lossOf(pass.latents!.trained);
    const whole = lossOf(model.latents(scope, kind, { context: inputs.context })!.trained);
    const parameters = [...scope.table.values()];
    const feeds = { ...batch, ...Object.fromEntries(initialize(parameters, Random.seeded(0))) };
    const found = (loss: Tensor) => {
      const gradients = grad(
        loss,
        parameters.map(({ tensor }) => tensor),
      );
      return interpret({ outputs: { loss, ...Object.fromEntries(gradients.map((g, i) => [parameters[i].name, g])) } }, feeds);
    };
    const [a, b] = [found(shared), found(whole)];
    expect(Object.keys(a)).toEqual(Object.keys(b));
    expect(parameters.length).toBeGreaterThan(10);
    for (const [name, values] of Object.entries(a))
      for (const [i, v] of values.entries()) expect(v, `${name}[${i}]`).toBeCloseTo(b[name][i], 9);
  });

  it('cost fewer operations than whole contexts', () => {
    const scope = new Scope();
    const pass = new Pass(model, scope, 'mean-pool', BATCH);
    const [shared, whole] = [pass.latents!.trained, model.latents(scope, 'mean-pool', { context: pass.inputs.context })!.trained];
    expect(countFlops({ outputs: { shared } }).total).toBeLessThan(countFlops({ outputs: { whole } }).total);
  });

  it('reconstruct the chosen contexts as all contexts are reconstructed', () => {
    const scope = new Scope();
    const pass = new Pass(model, scope, 'mean-pool', BATCH);
    const z = input('z', [BATCH, 2, 8]);
    const { fields } = model.reconstruction(scope, z, pass.inputs);
    const numbers = Array.from({ length: BATCH * 2 * 8 }, (_, i) => Math.sin(i));
    const weights = Object.fromEntries(initialize([...scope.table.values()], Random.seeded(0)));
    const some = interpret({ outputs: fields }, { ...weights, ...batch, z: numbers });
    const [G, k] = [BATCH / EACH, model.rebuilt!];
    const rows = Array.from(
      { length: G * k },
      (_, i) => Math.floor(i / k) * EACH + batch.rebuiltAt!.subarray(i * EACH, (i + 1) * EACH).indexOf(1),
    );
    expect(new Set(rows).size).toBe(G * k);
    const of = (values: ArrayLike<number>) => {
      const size = values.length / BATCH;
      return rows.flatMap(row => Array.from({ length: size }, (_, i) => values[row * size + i]));
    };
    expect([...batch.rebuilt!]).toEqual(of(batch.context));
    const alone = new Scope();
    const context = input('context', [G * k, model.contextTokens, model.tokenizer.context.width]);
    const { fields: whole } = model.reconstruction(alone, input('z', [G * k, 2, 8]), { context });
    expect(some).toEqual(interpret({ outputs: whole }, { ...weights, context: of(batch.context), z: of(numbers) }));
  });
});

describe('a model', () => {
  const [family] = Object.values(FAMILIES);

  it('shares no encodings where these depend on the place in the context', () => {
    expect(build(family, ['context.layout=window']).model.passage).toBeUndefined();
    expect(build(family, ['model.encoderSpan=context']).model.passage).toBeUndefined();
    expect(build(family, ['queries.perHistory=1', 'queries.reconstructed=1']).model.passage).toBeUndefined();
  });

  it('holds no more segments of a passage than a history has before its last', () => {
    expect(build(family).model.passage).toBe(5);
    expect(build(family, ['queries.perHistory=2', 'context.episodes=1']).model.passage).toBe(4);
  });

  it('refuses a batch that does not consist of whole passages, and histories that are longer than passages', () => {
    const { model } = build(family);
    expect(() => model.trainingShape(7)).toThrow(failure('E_CONFIG', 7, 'queries.perHistory', EACH));
    expect(() => build(family, ['source.episodes=4'])).toThrow(failure('E_SHAPE', 6, 3));
  });

  it('refuses a layout that its compressor cannot have', () => {
    expect(() => build(family, ['compressor=causal', 'context.layout=window'])).toThrow(failure('E_CONFIG', 'context.layout', 'causal'));
    expect(compressor('causal').contextLayout).toBe('segments');
  });
});

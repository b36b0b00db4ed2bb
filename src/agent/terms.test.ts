/** @file Loss terms: what the sum is of, what is logged, and the variance term against its definition. */

import { describe, expect, it } from 'vitest';
import { experimentSchema } from '../config/experiment.ts';
import { interpret } from '../engine/index.ts';
import { environment } from '../envs/index.ts';
import { initialize, Scope } from '../nn/index.ts';
import { lossTermChecks } from '../testing/loss-term.ts';
import { newBatch } from '../tokenizers/index.ts';
import { Random } from '../util/random.ts';
import { Model } from './model.ts';
import { auxiliaryTerms, lossOf, lossTerms, Pass } from './terms.ts';

const BATCH = 5;
const config = experimentSchema().parse({
  name: 'terms',
  context: { episodes: 2 },
  model: { width: 8, heads: 2, poolHeads: 2, encoderLayers: 1, decoderLayers: 1, latents: 2 },
});
const model = new Model(config, environment('dark-room'));

/** A pass over random numbers, and the value of any tensor in it. */
function open() {
  const scope = new Scope();
  const pass = new Pass(model, scope, config.compressor, BATCH);
  const random = Random.seeded(1);
  const { place: _, ...batch } = newBatch(model.tokenizer, model.batchShape(BATCH));
  const feeds = Object.fromEntries(Object.entries(batch).map(([name, data]) => [name, Array.from(data!, () => random.uniform())]));
  const values = (outputs: Parameters<typeof interpret>[0]['outputs']) =>
    interpret({ outputs }, { ...feeds, ...Object.fromEntries(initialize(scope.table.values(), Random.seeded(2))) });
  return { pass, values };
}

describe.each(lossTerms.all)('$id', term => {
  for (const { name, run } of lossTermChecks(term)) it(name, run);
});

it('are summed by their weights, and logged whatever these are', () => {
  const { pass, values } = open();
  const terms = [
    { term: 'task', weight: 0 },
    { term: 'reconstruction', weight: 0.5 },
    { term: 'kl', weight: 0 },
    { term: 'returns', weight: 1 },
    { term: 'capacity', weight: 2 },
  ];
  const { loss, metrics } = lossOf(pass, terms);
  // No teacher is asked for a weight of 0, and nothing here predicts returns.
  expect(Object.keys(metrics)).toEqual(['task']);
  const term = (id: string) => lossTerms.get(id).compute(pass)!;
  const found = values({ loss, reconstruction: term('reconstruction'), capacity: term('capacity') });
  expect(found.loss[0]).toBeCloseTo(0.5 * found.reconstruction[0] + 2 * found.capacity[0], 10);
});

it('charge a number of Z for every bit that its deviation over the batch is below 1', () => {
  const { pass, values } = open();
  const { variance, z } = values({ variance: lossTerms.get('variance').compute(pass)!, z: pass.latents!.trained });
  const size = z.length / BATCH;
  const charges = Array.from({ length: size }, (_, i) => {
    const column = Array.from({ length: BATCH }, (_, b) => z[b * size + i]);
    const mean = column.reduce((a, b) => a + b, 0) / BATCH;
    const deviation = Math.sqrt(column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / BATCH + 1e-4);
    return Math.max(0, 1 - deviation);
  });
  expect(variance[0]).toBeCloseTo(charges.reduce((a, b) => a + b, 0) / size, 8);
  expect(variance[0]).toBeGreaterThan(0);
});

it('charge what the numbers of a latent have in common over the batch', () => {
  const { pass, values } = open();
  const { covariance, z } = values({ covariance: lossTerms.get('covariance').compute(pass)!, z: pass.latents!.trained });
  const [M, D] = model.latentShape(config.compressor)!;
  let charge = 0;
  for (let m = 0; m < M; m++) {
    const columns = Array.from({ length: D }, (_, d) => {
      const column = Array.from({ length: BATCH }, (_, b) => z[(b * M + m) * D + d]);
      const mean = column.reduce((a, b) => a + b, 0) / BATCH;
      return column.map(value => value - mean);
    });
    for (let i = 0; i < D; i++)
      for (let j = 0; j < D; j++)
        if (i !== j) charge += (columns[i].reduce((sum, value, b) => sum + value * columns[j][b], 0) / BATCH) ** 2;
  }
  expect(covariance[0]).toBeCloseTo(charge / (M * D), 8);
  expect(covariance[0]).toBeGreaterThan(0);
});

it('of which stages can be given some by name are all registered', () => {
  for (const id of auxiliaryTerms()) expect(lossTerms.has(id)).toBe(true);
});

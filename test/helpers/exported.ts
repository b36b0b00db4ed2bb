/** @file Small models with random weights, exported the way a run exports its own, and what they do. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { exportModel } from '../../src/agent/inference.ts';
import { Model } from '../../src/agent/model.ts';
import { lossOf, Pass } from '../../src/agent/terms.ts';
import { MODEL_FILE, saveTensors } from '../../src/cache/checkpoint.ts';
import { experimentSchema } from '../../src/config/experiment.ts';
import { environment } from '../../src/envs/index.ts';
import { initialize, Scope } from '../../src/nn/index.ts';
import { actingGraphs, GRAPHS, type ModelDescription, sealDescription } from '../../src/policy/index.ts';
import { writeJson } from '../../src/util/files.ts';
import { Random } from '../../src/util/random.ts';
import type { ModelFiles, Played } from './browser-page.ts';

/** Room for float32 sums in another order. */
const PROBABILITY_DIGITS = 4;

export interface ExportRequest {
  /** Names its folder under `root`. */
  readonly name: string;
  readonly tokenizer: string;
  /** The compressor, or what stands in its place. */
  readonly kind: string;
  /** Further settings of the experiment; those of `model` are laid over the small sizes. */
  readonly settings?: { readonly model?: object; readonly [key: string]: unknown };
}

/** Exports a model into `root/name`; its weights lie in `root/trained/name`. */
export async function makeModel(root: string, { name, tokenizer, kind, settings = {} }: ExportRequest) {
  const { model: sizes, ...rest } = settings;
  const config = experimentSchema().parse({
    name,
    tokenizer,
    compressor: kind,
    context: { episodes: 3 },
    model: { width: 32, heads: 2, encoderLayers: 1, decoderLayers: 2, latents: 4, ...sizes },
    ...rest,
  });
  const model = new Model(config, environment(config.env.id, config.env.options));
  const scope = new Scope();
  lossOf(new Pass(model, scope, kind, 1), [
    { term: 'task', weight: 1 },
    { term: 'returns', weight: 1 },
  ]);
  const specs = [...scope.table.values(), ...scope.buffers.values()];
  const weights = initialize(specs, Random.seeded(1));
  const folder = join(root, 'trained', name);
  const tensors = new Map(specs.map(({ name, shape }) => [name, { data: weights.get(name)!, shape }]));
  saveTensors(join(folder, MODEL_FILE), tensors, {});
  const trained = { folder, key: name, report: {}, seconds: 0 };
  await exportModel({ model, config }, { compressorId: kind, trained }, join(root, name));
  return { model, scope, weights, path: join(folder, MODEL_FILE) };
}

/** The files of an export: the plain graphs. */
export function readModel(folder: string): ModelFiles & { decode?: Uint8Array; act: Uint8Array } {
  const read = (file: string) => (existsSync(join(folder, file)) ? new Uint8Array(readFileSync(join(folder, file))) : undefined);
  const description = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8')) as ModelDescription;
  return { description, compress: read('compress.onnx'), act: read('act.onnx')!, decode: read('decode.onnx') };
}

/** The files that `openAgent` runs: the graphs that keep what they have computed, where there are any. */
export function readSteps(folder: string): ModelFiles {
  const { description } = readModel(folder);
  const graphs = actingGraphs(description).map(name => [name.replace('.onnx', ''), new Uint8Array(readFileSync(join(folder, name)))]);
  return { description, ...Object.fromEntries(graphs) };
}

/** Writes another description in the place of an export's own, with the right hashes, as if it had been exported so. */
export function describeAs(folder: string, description: Omit<ModelDescription, 'format' | 'files' | 'hash'>): void {
  const graphs = GRAPHS.filter(name => existsSync(join(folder, name))).map(name => [name, readFileSync(join(folder, name))]);
  writeJson(join(folder, 'model.json'), sealDescription(description, Object.fromEntries(graphs)));
}

export function expectSame(found: Played, expected: Played): void {
  expect(found.actions).toEqual(expected.actions);
  expect(found.returns).toEqual(expected.returns);
  expect(found.probabilities.length).toBe(expected.probabilities.length);
  const difference = found.probabilities.reduce((worst, p, i) => Math.max(worst, Math.abs(p - expected.probabilities[i])), 0);
  expect(difference).toBeLessThan(10 ** -PROBABILITY_DIGITS);
}

/** @file What a supervised experiment needs before it starts: see src/pipeline/needs.ts. */

import { SupervisedModel } from '../../agent/supervised/model.ts';
import { SCORED_AT_ONCE } from '../../agent/supervised/scorer.ts';
import type { SupervisedConfig } from '../../config/supervised.ts';
import { Scope } from '../../nn/index.ts';
import { optimiserOf } from '../../training/define.ts';
import {
  type Estimate,
  expectFits,
  expectTables,
  expectThreads,
  fitting,
  machineMemory,
  measure,
  type StageEstimate,
  TRAINING_BYTES,
  TRAINING_FLOPS,
  VECTORS,
} from '../needs.ts';

/** The models that are trained: what stands in the compressor's place, its steps and its batches. */
export const trainedModels = (config: SupervisedConfig) => {
  const { compressor, train, baselines } = config;
  const model = (stage: string, kind: string, own: SupervisedConfig['train' | 'baselines']) => ({
    stage,
    kind,
    steps: own.steps,
    batch: optimiserOf(config, own).batch,
  });
  const others = baselines.steps > 0 ? baselines.methods : [];
  return [model('cad', compressor, train), ...others.map(kind => model(kind, kind, baselines))];
};

/** Estimates a supervised experiment. Throws `E_CONFIG` as `estimate` does. */
export function estimateSupervised(config: SupervisedConfig, memory = machineMemory()): Estimate {
  expectThreads(config);
  const { context, queries, model: sizes, validation, evaluate, seeds } = config;
  const model = new SupervisedModel(config);
  const { inputs, label } = model.problem;
  const models = trainedModels(config);
  const batch = Math.max(...models.map(({ batch }) => batch));
  for (const { kind } of models)
    expectTables(kind, context.examples, model.options, kind === 'causal' ? 'model.latents' : 'context.examples');
  const pair = 8 * (inputs + label.size);
  const { width, feedForward, encoderLayers, decoderLayers, latents } = sizes;
  const grows = {
    'model.width': (width / 64) ** 2,
    'model.latents': latents / 8,
    'model.encoderLayers': encoderLayers / 3,
    'model.decoderLayers': decoderLayers / 3,
    'context.examples': context.examples / 16,
  };
  const results = (rows: number, asked: number) =>
    4 * rows * width * (context.examples * (1 + encoderLayers) + asked * (1 + decoderLayers) + latents);
  const counts = context.examples - context.fewest + 1;
  const held = (validation.tasks + evaluate.tasks) * (context.examples + evaluate.queries) * pair;
  const heldGrows = {
    'evaluate.tasks': evaluate.tasks / 1000,
    'validation.tasks': validation.tasks / 256,
    'evaluate.queries': evaluate.queries / 16,
    'context.examples': context.examples / 16,
  };
  const scores = 16 * counts * (validation.tasks + evaluate.tasks) * (models.length + 2);
  const bootstrap = evaluate.resamples * (2 * evaluate.tasks + 16 * counts);
  const needs = [
    { what: 'the held-out tasks', bytes: held, grows: heldGrows },
    { what: 'the scores', bytes: scores, grows: heldGrows },
    { what: 'the bootstrap', bytes: bootstrap, grows: { ...heldGrows, 'evaluate.resamples': evaluate.resamples / 2000 } },
    {
      what: 'the weights',
      bytes: 4 * VECTORS * width * (width * (4 + 2 * feedForward) * (encoderLayers + decoderLayers) + latents),
      grows,
    },
    {
      what: 'a training step',
      bytes: results(batch, queries),
      grows: { ...grows, 'optimiser.batch': batch / 128, queries: queries / 8 },
    },
    {
      what: 'the evaluation',
      bytes: results(SCORED_AT_ONCE, evaluate.queries),
      grows: { ...grows, 'evaluate.queries': evaluate.queries / 16 },
    },
  ];
  for (const need of needs) expectFits(need, memory);
  const trained = models.map(({ stage, kind, steps, batch }): StageEstimate => {
    const { bytes, flops, nodes, parameters } = measure([{ outputs: { outputs: model.outputs(new Scope(), kind, 1, queries) } }]);
    return {
      stage,
      steps,
      parameters,
      nodes,
      bytes: held + 4 * VECTORS * parameters + TRAINING_BYTES * batch * bytes,
      flops: TRAINING_FLOPS * steps * batch * flops * seeds.length,
    };
  });
  const evaluation = { stage: 'evaluate', bytes: held + scores + bootstrap + results(SCORED_AT_ONCE, evaluate.queries) };
  // Every model has a part of its own, for each seed.
  const parts = seeds.flatMap(() => trained.map(({ bytes }) => Math.max(bytes, evaluation.bytes)));
  return fitting({ name: config.name, stages: [...trained, evaluation], parts }, { ...grows, 'optimiser.batch': batch / 128 }, memory);
}

/** @file What a supervised experiment needs before it starts: see src/pipeline/estimate.ts. */

import type { SupervisedConfig } from '../../config/supervised.ts';
import { Scope } from '../../nn/index.ts';
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
} from '../estimate.ts';
import { SupervisedModel } from './model.ts';
import { SCORED_AT_ONCE } from './scorer.ts';

/** Estimates a supervised experiment. Throws `E_CONFIG` as `estimate` does. */
export function estimateSupervised(config: SupervisedConfig, memory = machineMemory()): Estimate {
  expectThreads(config);
  const { context, queries, model: sizes, optimiser, train, baselines, validation, evaluate, seeds } = config;
  const model = new SupervisedModel(config);
  const { inputs, label } = model.problem;
  const kinds = [config.compressor, ...(baselines.steps > 0 ? baselines.methods : [])];
  for (const kind of kinds) expectTables(kind, context.examples, model.options, kind === 'causal' ? 'model.latents' : 'context.examples');
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
  const scores = 16 * counts * (validation.tasks + evaluate.tasks) * (kinds.length + 2);
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
      bytes: results(optimiser.batch, queries),
      grows: { ...grows, 'optimiser.batch': optimiser.batch / 128, queries: queries / 8 },
    },
    {
      what: 'the evaluation',
      bytes: results(SCORED_AT_ONCE, evaluate.queries),
      grows: { ...grows, 'evaluate.queries': evaluate.queries / 16 },
    },
  ];
  for (const need of needs) expectFits(need, memory);
  const stages = kinds.map((kind, i): StageEstimate => {
    const steps = i === 0 ? train.steps : baselines.steps;
    const { bytes, flops, nodes, parameters } = measure([{ outputs: { outputs: model.outputs(new Scope(), kind, 1, queries) } }]);
    return {
      stage: i === 0 ? 'cad' : kind,
      steps,
      parameters,
      nodes,
      bytes: held + 4 * VECTORS * parameters + TRAINING_BYTES * optimiser.batch * bytes,
      flops: TRAINING_FLOPS * steps * optimiser.batch * flops * seeds.length,
    };
  });
  const evaluation = { stage: 'evaluate', bytes: held + scores + bootstrap + results(SCORED_AT_ONCE, evaluate.queries) };
  const all = [...stages, evaluation];
  const parts = [Math.max(...all.map(({ bytes }) => bytes))];
  return fitting({ name: config.name, stages: all, parts }, { ...grows, 'optimiser.batch': optimiser.batch / 128 }, memory);
}

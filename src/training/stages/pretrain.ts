/** @file Stage `pretrain`: L_pre = L_rec + λ_cap · R(Z) over C_θ and R_ψ (method 4.1). */

import type { z } from 'zod';
import { type Model, PARTS } from '../../agent/model.ts';
import { capacityTerm, latentMetrics, lossOf, Pass } from '../../agent/terms.ts';
import type { WeightedTerm } from '../../records/index.ts';
import type { BaseConfig } from '../../settings/base.ts';
import { stageSection, steps, weight } from '../../settings/fields.ts';
import { defineStage, type Objective, type TrainingRun } from '../define.ts';
import { trainOnHistories } from '../stage.ts';

const settings = stageSection('Pretraining of the compressor by reconstruction of the context. Loss: L_rec + λ_cap · R(Z)', {
  steps: steps('Number of training steps. 0 skips the stage').default(500),
  capacityWeight: weight(
    'λ_cap, the weight of the capacity penalty R(Z): an L2 penalty, KL divergence or commitment loss, depending on latents.kind',
  )
    .meta({ formerly: 'lambdaCap' })
    .default(1e-3),
});

export type PretrainSection = { readonly pretrain: z.output<typeof settings> };

const termsOf = (config: BaseConfig & PretrainSection): WeightedTerm[] => [
  { term: 'reconstruction', weight: 1 },
  capacityTerm(config, config.compressor, config.pretrain.capacityWeight, 'pretrain.capacityWeight'),
];

const objective = (config: BaseConfig & PretrainSection, model: Model): Objective => ({
  name: 'pretrain',
  compressor: config.compressor,
  trains: [PARTS.compressor, PARTS.decoder],
  build(scope, batch) {
    const pass = new Pass(model, scope, config.compressor, batch);
    const { fields, metrics } = model.reconstruction(scope, pass.latents!.trained, pass.inputs);
    const errors = Object.fromEntries(Object.entries(fields).map(([name, value]) => [`reconstruction.${name}`, value]));
    const { loss } = lossOf(pass, termsOf(config));
    return { loss, metrics: { ...errors, ...metrics, ...latentMetrics(pass.latents) } };
  },
});

export const pretrain = defineStage({
  name: 'pretrain',
  settings,
  steps: ({ pretrain }: BaseConfig & PretrainSection) => pretrain.steps,
  terms: termsOf,
  methods: () => [],
  objectives: (config, model: Model) => [objective(config, model)],
  async train(run: TrainingRun<PretrainSection>) {
    const { model, config } = run;
    const { capacityWeight } = config.pretrain;
    const output = await trainOnHistories(run, {
      ...objective(config, model),
      own: config.pretrain,
      settings: { compressor: config.compressor, latents: config.latents, capacityWeight },
      from: {},
    });
    return { output, methods: [] };
  },
});

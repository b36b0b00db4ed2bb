/** @file Stage `finetune`: L_joint = L_AD + γ · L_rec + λ_cap · R(Z) over all three parts, with a smaller learning rate for C_θ (method 4.3). */

import { z } from 'zod';
import { type Model, PARTS, partOf } from '../../agent/model.ts';
import { auxiliaryTerms, capacityTerm, latentMetrics, lossOf, lossTerms, Pass } from '../../agent/terms.ts';
import type { WeightedTerm } from '../../records/index.ts';
import type { BaseConfig } from '../../settings/base.ts';
import { fraction, stageSection, steps, weight } from '../../settings/fields.ts';
import { fromRegistries } from '../../util/registry.ts';
import { cadMethod, defineStage, type Objective, type TrainingRun, trainedAs } from '../define.ts';
import { trainOnHistories } from '../stage.ts';
import { adTerms, type DistillSection } from './distill.ts';
import { type TeacherSection, teacherFor } from './teacher.ts';

const settings = fromRegistries(() =>
  stageSection('Joint fine-tuning of compressor and policy. Loss: L_AD + γ · L_rec + λ_cap · R(Z)', {
    steps: steps('Number of training steps. 0 skips the stage').default(1000),
    beta: weight('β, the weight of the KL divergence from the teacher. If omitted, distill.beta').optional(),
    gamma: weight('γ, the weight of the reconstruction loss').default(0.1),
    capacityWeight: weight('λ_cap, the weight of the capacity penalty R(Z) of the latents').meta({ formerly: 'lambdaCap' }).default(0),
    compressorLearningRateScale: fraction("Learning rate of the compressor, as a fraction of the policy's")
      .meta({ formerly: 'compressorRate' })
      .default(0.5),
    compressorWeightDecay: weight('Weight decay of the compressor, multiplied by its learning rate').default(0.01),
    auxiliary: z
      .partialRecord(z.enum(auxiliaryTerms()), weight('Weight of this term'))
      .describe(
        auxiliaryTerms()
          .map(id => `${id}: ${lossTerms.get(id).description}`)
          .join('; '),
      )
      .default({}),
  }),
);

export type FinetuneSection = { readonly finetune: z.output<ReturnType<typeof settings>> };

type Config = FinetuneSection & DistillSection & TeacherSection;

/** β of fine-tuning. Default: β of distillation. */
export const finetuneBeta = ({ distill, finetune }: FinetuneSection & DistillSection): number => finetune.beta ?? distill.beta;

/** Whether any stage trains on a teacher. */
export const followsTeacher = (config: FinetuneSection & DistillSection): boolean => config.distill.beta > 0 || finetuneBeta(config) > 0;

const termsOf = (config: BaseConfig & Config): WeightedTerm[] => {
  const { gamma, capacityWeight, auxiliary } = config.finetune;
  return [
    ...adTerms(config, finetuneBeta(config), config.finetune.beta === undefined ? 'distill.beta' : 'finetune.beta'),
    { term: 'reconstruction', weight: gamma, setting: 'finetune.gamma' },
    capacityTerm(config, config.compressor, capacityWeight, 'finetune.capacityWeight'),
    ...Object.entries(auxiliary).map(([term, weight = 0]) => ({ term, weight, setting: `finetune.auxiliary.${term}` })),
  ];
};

/** The rate and weight decay of fine-tuning that a parameter has of its own. */
export const finetuneGroup =
  ({ finetune: { compressorLearningRateScale: rate, compressorWeightDecay: weightDecay } }: FinetuneSection) =>
  (name: string): { rate?: number; weightDecay?: number } =>
    partOf(name) === PARTS.compressor ? { rate, weightDecay } : {};

const objective = (config: BaseConfig & Config, model: Model): Objective => ({
  name: 'finetune',
  compressor: config.compressor,
  trains: [PARTS.compressor, PARTS.policy, PARTS.decoder],
  build(scope, batch) {
    const teacher = teacherFor(config, finetuneBeta(config));
    const pass = new Pass(model, scope, config.compressor, batch, { teacher: teacher.kind });
    const { loss, metrics } = lossOf(pass, termsOf(config));
    return { loss, metrics: { ...metrics, ...latentMetrics(pass.latents) } };
  },
});

export const finetune = defineStage({
  name: 'finetune',
  get settings() {
    return settings();
  },
  steps: ({ finetune }: BaseConfig & Config) => finetune.steps,
  terms: termsOf,
  methods: config => [cadMethod(config)],
  objectives: (config, model: Model) => [objective(config, model)],
  async train(run: TrainingRun<Config>, earlier) {
    const { model, config } = run;
    const { alpha } = config.distill;
    const { gamma, capacityWeight, compressorLearningRateScale, compressorWeightDecay, auxiliary } = config.finetune;
    const beta = finetuneBeta(config);
    const teacher = teacherFor(config, beta, earlier.teacher);
    const { compressor, latents } = config;
    const weights = { alpha, beta, gamma, capacityWeight, compressorLearningRateScale, compressorWeightDecay };
    const output = await trainOnHistories(run, {
      ...objective(config, model),
      own: config.finetune,
      settings: {
        compressor,
        latents,
        ...weights,
        teacher: teacher.kind,
        auxiliary: Object.keys(auxiliary).length > 0 ? auxiliary : undefined,
      },
      // The order matters: weights from distillation replace those from pretraining.
      from: { pretrain: earlier.pretrain, distill: earlier.distill, teacher: teacher.from },
      table: teacher.table,
      group: finetuneGroup(config),
      validates: true,
    });
    return trainedAs([cadMethod(config)], compressor, output);
  },
});

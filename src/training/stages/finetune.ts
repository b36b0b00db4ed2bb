/** @file Stage `finetune`: L_joint = L_AD + γ · L_rec + λ_cap · R(Z) over all three parts, with a smaller learning rate for C_θ (method 4.3). */

import { z } from 'zod';
import { type Model, PARTS, partOf } from '../../agent/model.ts';
import { auxiliaryTerms, capacityTerm, latentMetrics, lossOf, lossTerms, Pass } from '../../agent/terms.ts';
import type { StageOutput } from '../../cache/store.ts';
import type { WeightedTerm } from '../../records/index.ts';
import type { BaseConfig } from '../../settings/base.ts';
import { fraction, stageSection, steps, weight } from '../../settings/fields.ts';
import { fromRegistries } from '../../util/registry.ts';
import { cadMethod, defineStage, type HistoryStageSpec, type Objective, type TrainingRun, trainedAs } from '../define.ts';
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

/** What fine-tuning reads. */
export type FineTuningConfig = FinetuneSection & DistillSection & TeacherSection;

/** β of fine-tuning. Default: β of distillation. */
export const finetuneBeta = ({ distill, finetune }: FinetuneSection & DistillSection): number => finetune.beta ?? distill.beta;

/** Whether any stage trains on a teacher. */
export const followsTeacher = (config: FinetuneSection & DistillSection): boolean => config.distill.beta > 0 || finetuneBeta(config) > 0;

/** The loss, as a sum of terms. */
export const fineTuningTerms = (config: BaseConfig & FineTuningConfig): WeightedTerm[] => {
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

/** The loss of fine-tuning in the stage of this name. */
export const fineTuningOf = (config: BaseConfig & FineTuningConfig, model: Model, name = 'finetune'): Objective => ({
  name,
  compressor: config.compressor,
  trains: [PARTS.compressor, PARTS.policy, PARTS.decoder],
  build(scope, batch) {
    const teacher = teacherFor(config, finetuneBeta(config));
    const pass = new Pass(model, scope, config.compressor, batch, { teacher: teacher.kind });
    const { loss, metrics } = lossOf(pass, fineTuningTerms(config));
    return { loss, metrics: { ...metrics, ...latentMetrics(pass.latents) } };
  },
});

export const finetune = defineStage({
  name: 'finetune',
  get settings() {
    return settings();
  },
  steps: ({ finetune }: BaseConfig & FineTuningConfig) => finetune.steps,
  terms: fineTuningTerms,
  methods: config => [cadMethod(config)],
  objectives: (config, model: Model) => [fineTuningOf(config, model)],
  async train(run: TrainingRun<FineTuningConfig>, { teacher, pretrain, distill }) {
    // The order matters: weights from distillation replace those from pretraining.
    const output = await fineTune(run, { name: 'finetune', own: run.config.finetune, from: { pretrain, distill }, teacher });
    return trainedAs([cadMethod(run.config)], run.config.compressor, output);
  },
});

interface FineTuning extends Pick<HistoryStageSpec, 'name' | 'own' | 'from' | 'data'> {
  /** The teacher of an earlier stage, if there is one. */
  readonly teacher?: StageOutput;
}

/** Minimizes the loss of fine-tuning on the histories of the run, from the weights of earlier stages. */
export function fineTune(
  run: TrainingRun<FineTuningConfig>,
  { name, own, from, teacher: trained, data }: FineTuning,
): Promise<StageOutput> {
  const { model, config } = run;
  const { alpha } = config.distill;
  const { gamma, capacityWeight, compressorLearningRateScale, compressorWeightDecay, auxiliary } = config.finetune;
  const beta = finetuneBeta(config);
  const teacher = teacherFor(config, beta, trained);
  const { compressor, latents } = config;
  const weights = { alpha, beta, gamma, capacityWeight, compressorLearningRateScale, compressorWeightDecay };
  return trainOnHistories(run, {
    ...fineTuningOf(config, model, name),
    own,
    settings: {
      compressor,
      latents,
      ...weights,
      teacher: teacher.kind,
      auxiliary: Object.keys(auxiliary).length > 0 ? auxiliary : undefined,
    },
    data,
    from: { ...from, teacher: teacher.from },
    table: teacher.table,
    group: finetuneGroup(config),
  });
}

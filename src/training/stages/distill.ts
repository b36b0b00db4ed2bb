/** @file Stage `distill`: L_AD = α · task + β · KL over A_φ, with C_θ frozen (method 4.2). */

import type { z } from 'zod';
import { type Model, PARTS } from '../../agent/model.ts';
import { lossOf, Pass, returnTerm } from '../../agent/terms.ts';
import type { WeightedTerm } from '../../records/index.ts';
import type { BaseConfig } from '../../settings/base.ts';
import { stageSection, steps, weight } from '../../settings/fields.ts';
import { cadMethod, defineStage, type Objective, type TrainingRun, trainedAs } from '../define.ts';
import { trainOnHistories } from '../stage.ts';
import { type TeacherSection, teacherFor } from './teacher.ts';

const settings = stageSection('Distillation into the policy with the compressor frozen. Loss: L_AD = α · task + β · KL', {
  steps: steps('Number of training steps. 0 skips the stage').default(500),
  alpha: weight("α, the weight of the cross-entropy with the source's actions").default(1),
  beta: weight('β, the weight of the KL divergence from the teacher. 0 distills without a teacher').default(0),
}).meta({ formerly: 'distil' });

export type DistillSection = { readonly distill: z.output<typeof settings> };

type Config = DistillSection & TeacherSection & { readonly finetune: { readonly steps: number } };

/** The terms of L_AD, with the weight β of the teacher. */
export const adTerms = (config: BaseConfig & DistillSection, beta: number, setting: string): WeightedTerm[] => [
  { term: 'task', weight: config.distill.alpha, setting: 'distill.alpha' },
  { term: 'kl', weight: beta, setting },
  returnTerm(config),
];

const termsOf = (config: BaseConfig & Config) => adTerms(config, config.distill.beta, 'distill.beta');

/** If fine-tuning follows, only the fine-tuned agent is evaluated. */
const methodsOf = (config: BaseConfig & Config) => (config.finetune.steps > 0 ? [] : [cadMethod(config)]);

const objective = (config: BaseConfig & Config, model: Model): Objective => ({
  name: 'distill',
  compressor: config.compressor,
  trains: [PARTS.policy],
  build(scope, batch) {
    const teacher = teacherFor(config, config.distill.beta);
    return lossOf(new Pass(model, scope, config.compressor, batch, { teacher: teacher.kind }), termsOf(config));
  },
});

export const distill = defineStage({
  name: 'distill',
  settings,
  steps: ({ distill }: BaseConfig & Config) => distill.steps,
  terms: termsOf,
  methods: methodsOf,
  objectives: (config, model: Model) => [objective(config, model)],
  async train(run: TrainingRun<Config>, earlier) {
    const { model, config } = run;
    const { alpha, beta } = config.distill;
    const teacher = teacherFor(config, beta, earlier.teacher);
    const output = await trainOnHistories(run, {
      ...objective(config, model),
      // The former name of the stage: the label determines the random stream, and equal seeds must still give equal weights.
      stream: 'distil',
      own: config.distill,
      settings: { compressor: config.compressor, latents: config.latents, alpha, beta, teacher: teacher.kind },
      from: { pretrain: earlier.pretrain, teacher: teacher.from },
      table: teacher.table,
    });
    return trainedAs(methodsOf(config), config.compressor, output);
  },
});

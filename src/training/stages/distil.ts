/** @file Stage `distil`: L_AD = α · task + β · KL over A_φ, with C_θ frozen (method 4.2). */

import type { z } from 'zod';
import { PARTS, weighted } from '../../agent/model.ts';
import { stageSection, steps, weight } from '../../settings/fields.ts';
import { cad } from '../cad.ts';
import { defineStage, type TrainingRun } from '../define.ts';
import { returnMetrics, trainingStage } from '../stage.ts';
import { type TeacherSection, teacherFor } from './teacher.ts';

const settings = stageSection('Distillation into the policy with the compressor frozen, α · task + β · KL', {
  steps: steps('Training steps; 0 skips the stage').default(500),
  alpha: weight("α, the weight of the cross-entropy with the source's actions").default(1),
  beta: weight('β, the weight of the KL divergence from the teacher').default(0),
});

export interface DistilSection {
  readonly distil: z.output<typeof settings>;
}

/** Where fine-tuning follows, its agent is the one that is evaluated. */
type Config = DistilSection & TeacherSection & { readonly finetune: { readonly steps: number } };

export const distil = defineStage({
  name: 'distil',
  settings,
  steps: ({ distil }: Config) => distil.steps,
  rows: config => (config.finetune.steps > 0 ? [] : [cad.planned(config)]),
  async train(run: TrainingRun<Config>, earlier) {
    const { model, config } = run;
    const { alpha, beta } = config.distil;
    const teacher = teacherFor(config, beta, earlier.teacher);
    const output = await trainingStage(run, {
      name: 'distil',
      own: config.distil,
      compressor: config.compressor,
      settings: { compressor: config.compressor, latents: config.latents, alpha, beta, teacher: teacher.kind },
      from: { pretrain: earlier.pretrain, teacher: teacher.from },
      trains: [PARTS.policy],
      table: teacher.table,
      build(scope, batch) {
        const { task, kl, returns } = model.losses(scope, config.compressor, batch, teacher.kind);
        const loss = weighted([[alpha, () => task], [beta, kl], model.returnTerm(returns)]);
        return { loss, metrics: { task, ...returnMetrics(returns) } };
      },
    });
    return { output, rows: config.finetune.steps > 0 ? [] : [cad.row(config, output)] };
  },
});

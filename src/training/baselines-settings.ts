/** @file Settings of the rows that CAD is compared with, and the budget that they are trained by. */

import { z } from 'zod';
import { baselines } from '../agent/baselines/index.ts';
import type { ExperimentConfig } from '../config/experiment.ts';
import { steps, trainingStage } from '../settings/fields.ts';

/** The stage `baselines`. */
export const baselinesStage = trainingStage('Rows beside CAD for comparison; what is trained among them is trained end to end', {
  steps: z
    .union([z.literal('equal'), steps('Training steps')])
    .describe(
      'Training steps of each, 0 trains none; equal: as many as see as many sequences as the stages of CAD do (pretrain, distil and finetune)',
    )
    .default('equal'),
  methods: z
    .array(z.enum(baselines.ids))
    .refine(list => new Set(list).size === list.length, 'expected every baseline once')
    .describe(baselines.all.map(({ id, description }) => `${id}: ${description}`).join('; '))
    .default(['truncated', 'mean-pool', 'none']),
});

/** Training steps of each baseline. */
export function baselineSteps(config: Pick<ExperimentConfig, 'optimiser' | 'pretrain' | 'distil' | 'finetune' | 'baselines'>): number {
  const { baselines, optimiser } = config;
  if (baselines.steps !== 'equal') return baselines.steps;
  const sequences = [config.pretrain, config.distil, config.finetune].reduce(
    (sum, stage) => sum + stage.steps * (stage.batch ?? optimiser.batch),
    0,
  );
  return Math.ceil(sequences / (baselines.batch ?? optimiser.batch));
}

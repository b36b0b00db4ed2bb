/** @file Stage `consolidate`: L_AD over A_φ after fine-tuning, with the final C_θ frozen. */

import type { z } from 'zod';
import { type Model, PARTS } from '../../agent/model.ts';
import { lossOf, Pass, returnTerm } from '../../agent/terms.ts';
import type { WeightedTerm } from '../../records/index.ts';
import type { BaseConfig } from '../../settings/base.ts';
import { stageSection, steps } from '../../settings/fields.ts';
import { predictsReturns } from '../../settings/policy.ts';
import { agentOf, defineStage, type Objective, type TrainingRun, trainedAs } from '../define.ts';
import { trainOnHistories } from '../stage.ts';

const settings = stageSection(
  'Further training of the policy after fine-tuning, with the compressor frozen, so that the policy adapts to its final latents',
  {
    steps: steps('Number of training steps. 0 skips the stage').default(0),
  },
);

export type ConsolidateSection = { readonly consolidate: z.output<typeof settings> };

const methodsOf = (config: BaseConfig) => [{ method: 'consolidated', agent: true, predictsReturns: predictsReturns(config) }];
const termsOf = (config: BaseConfig): WeightedTerm[] => [{ term: 'task', weight: 1 }, returnTerm(config)];

const objective = (config: BaseConfig, model: Model): Objective => ({
  name: 'consolidate',
  compressor: config.compressor,
  trains: [PARTS.policy],
  build: (scope, batch) => lossOf(new Pass(model, scope, config.compressor, batch), termsOf(config)),
});

export const consolidate = defineStage({
  name: 'consolidate',
  settings,
  steps: ({ consolidate }: BaseConfig & ConsolidateSection) => consolidate.steps,
  terms: termsOf,
  methods: methodsOf,
  objectives: (config, model: Model) => [objective(config, model)],
  async train(run: TrainingRun<ConsolidateSection>, earlier) {
    const { model, config } = run;
    const { compressor, latents, consolidate } = config;
    const output = await trainOnHistories(run, {
      ...objective(config, model),
      own: consolidate,
      settings: { compressor, latents },
      from: { agent: agentOf(earlier) },
    });
    return trainedAs(methodsOf(config), compressor, output);
  },
});

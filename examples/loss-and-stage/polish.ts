/** A custom loss term and training stage: after fine-tuning, the agent is trained further with a penalty on the size of Z. */

import type { Model, Objective, StageConfig, TrainingRun } from 'cadenza';
import { agentOf, defineStage, lossOf, lossTerms, Pass, stageSection, stages, steps, trainedAs, trainOnHistories, weight } from 'cadenza';
import { mean, square } from 'cadenza/engine';

lossTerms.register({
  id: 'small',
  symbol: 'w_small',
  name: 'L_small',
  description: 'keeps the numbers of Z small',
  auxiliary: true,
  logged: true,
  compute: ({ latents }) => latents && mean(square(latents.trained)),
});

type Config = StageConfig & { readonly polish: { readonly steps: number; readonly small: number } };

const terms = ({ polish }: Config) => [
  { term: 'task', weight: 1 },
  { term: 'small', weight: polish.small, setting: 'polish.small' },
];

const objective = (config: Config, model: Model): Objective => ({
  name: 'polish',
  compressor: config.compressor,
  trains: ['compressor', 'policy'],
  build: (scope, batch) => lossOf(new Pass(model, scope, config.compressor, batch), terms(config)),
});

const rows = [{ method: 'polished', agent: true }];

stages.register(
  defineStage({
    name: 'polish',
    after: 'finetune',
    help: 'train on with latents that are kept small',
    settings: stageSection('Training after fine-tuning with latents that are kept small', {
      steps: steps('Training steps; 0 skips the stage').default(0),
      small: weight('Weight of the mean square of Z').default(0.01),
    }),
    steps: ({ polish }: Config) => polish.steps,
    terms,
    methods: () => rows,
    objectives: (config, model: Model) => [objective(config, model)],
    async train(run: TrainingRun<Config>, earlier) {
      const { config, model } = run;
      const { compressor, latents, polish } = config;
      const settings = { compressor, latents, small: polish.small };
      const spec = { ...objective(config, model), own: polish, settings, from: { agent: agentOf(earlier) } };
      return trainedAs(rows, compressor, await trainOnHistories(run, spec));
    },
  }),
);

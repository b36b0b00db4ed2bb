/**
 * @file The training stages of supervised experiments: CAD and its baselines (method 5.3). They train compressor and predictor end to end
 * on −log p(label), with tasks drawn on demand.
 */

import { z } from 'zod';
import { compressionOf } from '../../agent/compression.ts';
import { PARTS } from '../../agent/model.ts';
import { exampleCounts, makeScorer, meansByCount, type SupervisedModel } from '../../agent/supervised.ts';
import type { StageOutput } from '../../cache/store.ts';
import { mean } from '../../engine/index.ts';
import { heldOutTasks, supervisedStream, trainingStream, trainingTask } from '../../histories/supervised.ts';
import { PARAMETERS } from '../../optim/index.ts';
import { count, distinct, stageSection, steps } from '../../settings/fields.ts';
import type { SupervisedBase } from '../../settings/supervised.ts';
import {
  type BatchRequest,
  defineStage,
  type Objective,
  optimizerOf,
  type StageBatches,
  type StageRun,
  type StageSettings,
  type TrainingStage,
  trainedAs,
} from '../define.ts';
import { trainStage } from '../stage.ts';

export const supervisedStageFields = {
  train: stageSection('Training of compressor and predictor, end to end. Loss: −log p(label)', {
    steps: count('Number of training steps', 'steps').default(4000),
  }),
  baselines: stageSection('Baselines: models of the same size, trained in the same way', {
    steps: steps('Number of training steps of each baseline. 0 trains none').default(4000),
    methods: distinct(z.enum(['full', 'truncated', 'mean-pool', 'none']), 'baseline')
      .describe(
        'Baselines to train: all examples reach the predictor (full), only the last m examples (truncated), mean pooling to m latents (mean-pool), or no context (none)',
      )
      .default(['full', 'truncated', 'mean-pool']),
  }),
};

type Config = SupervisedBase & z.output<z.ZodObject<typeof supervisedStageFields>>;

export type SupervisedRun = StageRun<Config> & { readonly model: SupervisedModel };

const CAD = [{ method: 'cad' }];

/** The loss −log p(label) of the model `name` with this compressor. */
const objective = (name: string, compressor: string, { queries }: Config, model: SupervisedModel): Objective => ({
  name,
  compressor,
  trains: [PARTS.compressor, PARTS.policy],
  build: (scope, batch) => ({ loss: mean(model.negativeLogLikelihood(scope, compressor, batch, queries)) }),
});

const train = defineStage({
  name: 'train',
  settings: supervisedStageFields.train,
  steps: ({ train }: Config) => train.steps,
  parts: ({ train: { steps } }) => [{ name: 'cad', steps }],
  methods: () => CAD,
  objectives: (config, model: SupervisedModel) => [objective('cad', config.compressor, config, model)],
  async train(run: SupervisedRun) {
    const { config, model } = run;
    const cad = objective('cad', config.compressor, config, model);
    return trainedAs(CAD, cad.compressor, await trainModel(run, cad, config.train));
  },
});

const baselineObjectives = (config: Config, model: SupervisedModel) =>
  config.baselines.methods.map(kind => objective(kind, kind, config, model));

const baselines = defineStage({
  name: 'baselines',
  settings: supervisedStageFields.baselines,
  needs: 'a method in baselines.methods',
  steps: ({ baselines: { steps, methods } }: Config) => (methods.length > 0 ? steps : 0),
  parts: ({ baselines: { steps, methods } }) => methods.map(name => ({ name, steps })),
  methods: ({ baselines: { methods } }) => methods.map(method => ({ method })),
  objectives: baselineObjectives,
  async train(run: SupervisedRun) {
    const rows = [];
    for (const each of baselineObjectives(run.config, run.model))
      rows.push({ method: each.name, compressorId: each.compressor, trained: await trainModel(run, each, run.config.baselines) });
    return { methods: rows };
  },
});

export const supervisedStages: readonly TrainingStage<'train' | 'baselines', z.ZodType, Config, SupervisedRun>[] = [train, baselines];

/** Number of tasks that training draws per seed. All methods draw from the same sequence. */
export const tasksPerSeed = (config: Config): number =>
  Math.max(
    config.train.steps * optimizerOf(config, config.train).batch,
    baselines.steps(config) * optimizerOf(config, config.baselines).batch,
  );

function trainModel(run: SupervisedRun, of: Objective, own: StageSettings): Promise<StageOutput> {
  const { name, compressor: kind } = of;
  const { config, seed } = run;
  const { problem, context: contexts, queries, validation, evaluate } = config;
  // These settings change no weight, but they determine the curve.
  const measured = { ...validation, seed: config.seed, queries: evaluate.queries };
  return trainStage(run, {
    ...of,
    own,
    settings: {
      kind,
      problem,
      contexts,
      queries,
      model: config.model,
      compression: compressionOf(kind, config.compression),
      validation: measured,
    },
    data: {},
    from: {},
    random: supervisedStream(seed).split(name),
    batches: request => exampleBatches(run, kind, request),
  });
}

/** Batches of newly drawn tasks, and the probe that measures errors on validation tasks during training. */
async function exampleBatches(run: SupervisedRun, kind: string, request: BatchRequest): Promise<StageBatches> {
  const { config, model, seed, executor } = run;
  const { queries, validation, evaluate } = config;
  const { batch: size } = request.optimizer;
  const batch = model.newBatch(size, queries);
  const stream = trainingStream(seed);
  const tasks = heldOutTasks(model.problem, config, 'validation');
  const counts = exampleCounts(config);
  const scorer = await makeScorer(model, kind, evaluate.queries, executor);
  return {
    feeds: { ...batch },
    fill(step) {
      for (let b = 0; b < size; b++) model.write(batch, b, trainingTask(model.problem, stream, step * size + b, config));
    },
    probe: {
      every: validation.everySteps,
      async measure(state) {
        const means = meansByCount(await scorer.score(state[PARAMETERS], tasks, counts), counts.length);
        return Object.fromEntries(counts.map((count, i) => [count, Number(means[i].toPrecision(7))]));
      },
    },
    dispose: scorer.dispose,
  };
}

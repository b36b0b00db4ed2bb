/** @file Stage `baselines`: the models that CAD is compared with. All of them train on the same histories with the same loss. */

import { z } from 'zod';
import { baseline, isTrained, modelFor, baselines as registry, settingsOf, type TrainedBaseline } from '../../agent/baselines/index.ts';
import { type Model, PARTS } from '../../agent/model.ts';
import { capacityTerm, latentMetrics, lossOf, Pass, returnTerm } from '../../agent/terms.ts';
import type { StageOutput } from '../../cache/store.ts';
import type { WeightedTerm } from '../../records/index.ts';
import type { BaseConfig } from '../../settings/base.ts';
import { distinct, stageSection, steps } from '../../settings/fields.ts';
import { predictsReturns } from '../../settings/policy.ts';
import { oracleLabels } from '../../sources/index.ts';
import { fromRegistries } from '../../util/registry.ts';
import { defineStage, type Objective, type TrainingRun } from '../define.ts';
import { trainOnHistories } from '../stage.ts';

const settings = fromRegistries(() =>
  stageSection('Baselines: methods that CAD is compared with. Those with weights are trained end to end', {
    steps: z
      .union([z.literal('equal'), steps('Training steps')])
      .describe(
        'Training steps of each baseline. 0 trains none; equal gives each baseline as many training sequences as the CAD stages pretrain, distill and finetune together',
      )
      .default('equal'),
    methods: distinct(z.enum(registry.ids), 'baseline')
      .describe(registry.all.map(({ id, description }) => `${id}: ${description}`).join('; '))
      .default(['truncated', 'mean-pool', 'none']),
  }),
);

/** Its own section of the configuration. */
export type BaselinesSection = { readonly baselines: z.output<ReturnType<typeof settings>> };

type Budget = { readonly steps: number; readonly batch?: number };
type Config = BaselinesSection & Readonly<Record<'pretrain' | 'distill' | 'finetune', Budget>>;

export function baselineSteps(config: Pick<BaseConfig, 'optimizer'> & Config): number {
  const { baselines, optimizer } = config;
  if (baselines.steps !== 'equal') return baselines.steps;
  const stages = [config.pretrain, config.distill, config.finetune];
  const sequences = stages.reduce((sum, { steps, batch = optimizer.batch }) => sum + steps * batch, 0);
  return Math.ceil(sequences / (baselines.batch ?? optimizer.batch));
}

/** A baseline and its model in one experiment. */
export interface BaselineModel {
  readonly baseline: TrainedBaseline;
  /** The experiment configuration with the settings of the baseline's model. */
  readonly config: BaseConfig & Config;
  readonly model: Model;
}

/** The model of a baseline, given the experiment's model of CAD. */
export function baselineModel(baseline: TrainedBaseline, config: BaseConfig & Config, model: Model): BaselineModel {
  const experiment = { config, model };
  const settings = settingsOf(baseline, experiment);
  return { baseline, config: { ...config, ...settings }, model: modelFor(experiment, settings) };
}

/** Ids of the baselines that an experiment trains, in configuration order. Empty with 0 steps. */
const trainedIds = (config: BaseConfig & Config) =>
  baselineSteps(config) === 0 ? [] : config.baselines.methods.filter(id => isTrained(baseline(id)));

/** The same with their models, which all seeds share. */
export function baselineModels(config: BaseConfig & Config, model: Model): readonly BaselineModel[] {
  const earlier = built.get(model);
  if (earlier?.config === config) return earlier.models;
  const models = trainedIds(config).map(id => baselineModel(baseline(id) as TrainedBaseline, config, model));
  built.set(model, { config, models });
  return models;
}

const built = new WeakMap<Model, { readonly config: unknown; readonly models: readonly BaselineModel[] }>();

const termsOf = (config: BaseConfig, kind: string): WeightedTerm[] => [
  { term: 'task', weight: 1 },
  returnTerm(config),
  capacityTerm(config, kind, 0),
];

const objective = ({ baseline: { id, compressor }, config, model }: BaselineModel): Objective => ({
  name: id,
  compressor,
  trains: [PARTS.compressor, PARTS.policy],
  build(scope, batch) {
    const pass = new Pass(model, scope, compressor, batch);
    const { loss, metrics } = lossOf(pass, termsOf(config, compressor));
    return { loss, metrics: { ...metrics, ...latentMetrics(pass.latents) } };
  },
});

export const baselines = defineStage({
  name: 'baselines',
  get settings() {
    return settings();
  },
  needs: 'a trained method in baselines.methods',
  steps: (config: BaseConfig & Config) => (trainedIds(config).length > 0 ? baselineSteps(config) : 0),
  parts: config => trainedIds(config).map(name => ({ name, steps: baselineSteps(config) })),
  methods: config => trainedIds(config).map(method => ({ method, predictsReturns: predictsReturns(config) })),
  terms: config => termsOf(config, config.compressor),
  objectives: (config, model: Model) => baselineModels(config, model).map(objective),
  async train(run: TrainingRun<Config>) {
    const rows = [];
    for (const each of baselineModels(run.config, run.model)) {
      const { id: method, compressor: kind } = each.baseline;
      rows.push({
        method,
        compressorId: kind,
        model: each.model,
        trained: await trainBaseline(run, each),
        predictsReturns: predictsReturns(run.config),
      });
    }
    return { methods: rows };
  },
});

/** Trains compressor and policy end to end. */
export function trainBaseline(run: TrainingRun<Config>, of: BaselineModel): Promise<StageOutput> {
  const { baseline, config, model } = of;
  const { compressor: kind, labels } = baseline;
  const { id } = model.latentKind(kind);
  const latents = id === config.latents.kind ? config.latents : id;
  return trainOnHistories(
    { ...run, config, model },
    {
      ...objective(of),
      own: config.baselines,
      steps: baselineSteps(config),
      settings: { compressor: kind, latents, labels },
      from: {},
      labels: labels && (history => oracleLabels(model.family, history)),
    },
  );
}

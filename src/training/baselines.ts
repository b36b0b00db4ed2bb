/** @file Training of the baselines: each a model of its own, on the histories and by the loss that all of them share. */

import { baseline, isTrained, modelBeside, settingsOf, type TrainedBaseline } from '../agent/baselines/index.ts';
import { type Model, PARTS, weighted } from '../agent/model.ts';
import type { StageOutput } from '../cache/store.ts';
import type { ExperimentConfig } from '../config/experiment.ts';
import { oracleLabels } from '../sources/index.ts';
import { baselineSteps } from './baselines-settings.ts';
import { latentMetrics, returnMetrics, type TrainingRun, trainingStage } from './stage.ts';

/** A baseline of one experiment. */
export interface BaselineModel {
  readonly baseline: TrainedBaseline;
  /** The experiment with the settings of its model. */
  readonly config: ExperimentConfig;
  readonly model: Model;
}

/** What a baseline is beside CAD, whose model of the experiment is given. */
export function baselineModel(baseline: TrainedBaseline, config: ExperimentConfig, model: Model): BaselineModel {
  const beside = { config, model };
  const settings = settingsOf(baseline, beside);
  return { baseline, config: { ...config, ...settings }, model: modelBeside(beside, settings) };
}

/** The baselines that an experiment trains, in its order. */
export const baselineModels = (config: ExperimentConfig, model: Model): BaselineModel[] =>
  baselineSteps(config) === 0
    ? []
    : config.baselines.methods
        .map(baseline)
        .filter(isTrained)
        .map(each => baselineModel(each, config, model));

/** ℓ_task, end to end. */
export function trainBaseline(run: TrainingRun, { baseline, config, model }: BaselineModel): Promise<StageOutput> {
  const { id: name, compressor: kind, labels } = baseline;
  const { id: latents } = model.latentKind(kind);
  return trainingStage(
    { ...run, config, model },
    {
      name,
      kind: 'baselines',
      compressor: kind,
      settings: { compressor: kind, latents: latents === config.latents.kind ? config.latents : latents, ...(labels ? { labels } : {}) },
      from: {},
      trains: [PARTS.compressor, PARTS.policy],
      labels: labels && (history => oracleLabels(model.family, history)),
      build(scope, batch) {
        const { task, latents, returns } = model.losses(scope, kind, batch, 'absent');
        const loss = weighted([[1, () => task], model.returnTerm(returns), model.capacity(kind, latents, 0)]);
        return { loss, metrics: { ...returnMetrics(returns), ...latentMetrics(latents) } };
      },
    },
  );
}

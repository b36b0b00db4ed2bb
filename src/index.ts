/**
 * @file The root of the package, for Node: registries for your own environments, sources, compressors, loss terms and stages; experiments and their
 * results; trained agents. Web pages import only the parts that they need: cadenza/policy, cadenza/envs, cadenza/engine, ….
 */

export * from './agent/baselines/index.ts';
export type { Model } from './agent/model.ts';
export { type LossTerm, latentMetrics, lossOf, lossTerms, Pass } from './agent/terms.ts';
export * from './compressor/index.ts';
export { type ExperimentConfig, loadExperiment } from './config/experiment.ts';
export * from './envs/index.ts';
export { type Experiment, type ExperimentOptions, openExperiment, type RunProgress } from './pipeline/open.ts';
export * from './policy/heads/index.ts';
export { openAgent } from './policy/open.ts';
export type { AnyResults, Results } from './records/index.ts';
export * from './reports/figures/index.ts';
export { openResults, openRun } from './reports/open.ts';
export * from './rl/index.ts';
export type { BaseConfig as StageConfig } from './settings/base.ts';
export { stageSection, steps, weight } from './settings/fields.ts';
export * from './sources/index.ts';
export * from './tokenizers/index.ts';
export { agentOf, defineStage, type Objective, type TrainingRun, trainedAs } from './training/define.ts';
export { trainOnHistories } from './training/stage.ts';
export { stages } from './training/stages/index.ts';
export { CadenzaError, type ErrorCode, EXIT_CODES } from './util/errors.ts';
export { importModules } from './util/modules.ts';
export { Random } from './util/random.ts';

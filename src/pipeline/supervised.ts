/** @file Supervised experiments: problems with labeled examples, models that learn them in context, and an exact reference (method 5.3). */

import { exampleCounts, expectLatents, SCORED_AT_ONCE, SupervisedModel } from '../agent/supervised.ts';
import { type ScoredModel, type SupervisedEvaluation, scoreModel, supervisedMethods } from '../analysis/supervised.ts';
import { type SupervisedConfig, supervisedSchema } from '../config/supervised.ts';
import { auditStage, auditTasks } from '../histories/supervised.ts';
import { Scope } from '../nn/index.ts';
import { describeSupervisedIntervals, SUPERVISED_FORMAT, type SupervisedResults } from '../records/index.ts';
import { labelRecord, problems } from '../supervised/index.ts';
import { optimizerOf } from '../training/define.ts';
import { supervisedStages, tasksPerSeed } from '../training/supervised/stages.ts';
import { expectDivisible } from '../training/workers.ts';
import { hashJson } from '../util/files.ts';
import type { ExperimentKind } from './kind.ts';
import {
  type Estimate,
  expectFits,
  expectTables,
  expectThreads,
  fitting,
  grownSizes,
  leastResults,
  leastWeights,
  machineMemory,
  type StageEstimate,
  trainingCost,
} from './needs.ts';
import { commonResults } from './results.ts';

type SupervisedData = SupervisedEvaluation & { readonly audit: Awaited<ReturnType<typeof auditTasks>> };

type SupervisedScores = { readonly opened: SupervisedData; readonly models: readonly ScoredModel[] };

export const supervised: ExperimentKind<SupervisedConfig, SupervisedData, SupervisedScores, SupervisedResults> = {
  name: 'supervised',
  key: 'problem',
  acts: false,
  schema: supervisedSchema,
  dataStage: 'audit',
  training: supervisedStages,
  variants: config => [{ name: config.name, config }],
  expectBuildable(config) {
    // First, because models that are too large cannot be built.
    const found = estimateSupervised(config);
    const model = new SupervisedModel(config);
    expectLatents(model, config.compressor);
    for (const { kind } of trainedModels(config)) model.outputs(new Scope(), kind, 1, 1);
    return found;
  },
  async open(config, { store, executor }) {
    const model = new SupervisedModel(config);
    const audit = await auditTasks(store, config, model.problem, tasksPerSeed(config));
    return { store, config, executor, model, audit };
  },
  async evaluate(opened, trained) {
    return { opened, models: await opened.store.each(trained.map(method => () => scoreModel(opened, method))) };
  },
  async results(config, [{ evaluated }], { command, seconds }) {
    const { opened, models } = evaluated;
    const { problem } = opened.model;
    const { methods, tasks, validation } = await supervisedMethods(opened, models);
    const { headline, queries, resamples } = config.evaluate;
    const { score, better } = labelRecord(problem.label.kind);
    return {
      format: SUPERVISED_FORMAT,
      ...commonResults(config, { command, seconds, dataHashes: { test: hashJson(tasks.map(({ task }) => Array.from(task))) } }),
      problem: { ...config.problem, description: problems.get(problem.id).description },
      score: { name: score, better },
      reference: { name: problem.reference.name, about: problem.reference.about },
      examples: exampleCounts(config),
      headline,
      tasks: tasks.length,
      queries,
      intervalNote: describeSupervisedIntervals({ tasks: tasks.length, seeds: config.seeds.length, resamples }),
      methods,
      validation: { tasks: config.validation.tasks, reference: validation },
      split: { ...opened.audit },
    };
  },
  planned: ({ seeds }) => ({
    data: seeds.map(auditStage),
    evaluation: trained => trained.map(({ method, seed }) => `evaluate-${method}-seed${seed}`),
  }),
};

/** The trained models: compressor, steps and batch size. */
const trainedModels = (config: SupervisedConfig) => {
  const { compressor, baselines } = config;
  const model = (stage: string, kind: string, section: 'train' | 'baselines') => {
    const { steps, batch } = config[section];
    const setting = batch === undefined ? 'optimizer.batch' : `${section}.batch`;
    return { stage, kind, steps, batch: optimizerOf(config, config[section]).batch, setting };
  };
  const others = baselines.steps > 0 ? baselines.methods : [];
  return [model('cad', compressor, 'train'), ...others.map(kind => model(kind, kind, 'baselines'))];
};

/** Estimates a supervised experiment. Throws `E_CONFIG` like `estimate`. */
export function estimateSupervised(config: SupervisedConfig, memory = machineMemory()): Estimate {
  expectThreads(config);
  const { context, queries, model: sizes, validation, evaluate, seeds } = config;
  const { examples, fewest } = context;
  const model = new SupervisedModel(config);
  const { inputs, label } = model.problem;
  const models = trainedModels(config);
  const { batch, setting } = models.toSorted((a, b) => b.batch - a.batch)[0];
  for (const { kind } of models) expectTables(kind, examples, model.options, kind === 'causal' ? 'model.latents' : 'context.examples');
  const counts = examples - fewest + 1;
  const tasks = validation.tasks + evaluate.tasks;
  // The tasks and the scores of every method.
  const held = tasks * (8 * (examples + evaluate.queries) * (inputs + label.size) + 16 * counts * (models.length + 2));
  const bootstrap = evaluate.resamples * (2 * evaluate.tasks + 16 * counts);
  const scoring = 4 * SCORED_AT_ONCE * leastResults(sizes, examples, evaluate.queries);
  const grows = { ...grownSizes(sizes), 'context.examples': examples / 16 };
  const heldGrows = {
    'evaluate.tasks': evaluate.tasks / 1000,
    'validation.tasks': validation.tasks / 256,
    'evaluate.queries': evaluate.queries / 16,
    'context.examples': examples / 16,
  };
  const trainingGrows = { ...grows, [setting]: batch / 128, queries: queries / 8 };
  const needs = [
    { what: 'the held-out tasks and their scores', bytes: held, grows: heldGrows },
    { what: 'the bootstrap', bytes: bootstrap, grows: { ...heldGrows, 'evaluate.resamples': evaluate.resamples / 2000 } },
    { what: 'the weights', bytes: leastWeights(sizes, 0), grows },
    { what: 'a training step', bytes: 4 * batch * leastResults(sizes, examples, queries), grows: trainingGrows },
    { what: 'the evaluation', bytes: scoring, grows: { ...grows, 'evaluate.queries': evaluate.queries / 16 } },
  ];
  for (const need of needs) expectFits(need, memory);
  const trained = supervisedStages
    .filter(stage => stage.steps(config) > 0)
    .flatMap(stage =>
      stage.objectives(config, model).map(objective => ({ objective, steps: stage.steps(config), own: config[stage.name] })),
    )
    .map(({ objective, steps, own }): StageEstimate => {
      const { batch } = optimizerOf(config, own);
      expectDivisible(objective, batch, config.executor.workers);
      const { bytes, flops, ...cost } = trainingCost(objective, { steps, batch, recompute: config.executor.recompute });
      return { stage: objective.name, ...cost, bytes: held + bytes, flops: flops * seeds.length };
    });
  const evaluation = { stage: 'evaluate', bytes: held + bootstrap + scoring };
  const parts = seeds.flatMap(() => trained.flatMap(({ bytes }) => [bytes, evaluation.bytes]));
  return fitting({ name: config.name, stages: [...trained, evaluation], parts }, trainingGrows, memory);
}

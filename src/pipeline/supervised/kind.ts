/** @file Supervised experiments: a problem whose tasks are labeled examples, models that learn them in context, and the exact reference (method 5.3). */

import { expectLatents, SupervisedModel } from '../../agent/supervised/model.ts';
import { exampleCounts } from '../../agent/supervised/scorer.ts';
import { type ScoredModel, type SupervisedEvaluation, scoreModel, supervisedMethods } from '../../analysis/supervised.ts';
import { type SupervisedConfig, supervisedSchema } from '../../config/supervised.ts';
import { auditStage, auditTasks, type TaskAudit } from '../../histories/supervised.ts';
import { Scope } from '../../nn/index.ts';
import { describeSupervisedBars, SUPERVISED_FORMAT, type SupervisedResults } from '../../records/index.ts';
import { labelRecord, problems } from '../../supervised/index.ts';
import { supervisedStages, tasksPerSeed } from '../../training/supervised/stages.ts';
import { hashJson } from '../../util/files.ts';
import type { ExperimentKind } from '../kind.ts';
import { commonResults } from '../results.ts';
import { estimateSupervised, trainedModels } from './estimate.ts';

/** What the stages share. */
interface SupervisedData extends SupervisedEvaluation {
  readonly audit: TaskAudit;
}

/** What an evaluation found. */
interface SupervisedScores {
  readonly opened: SupervisedData;
  readonly models: readonly ScoredModel[];
}

export const supervised: ExperimentKind<SupervisedConfig, SupervisedData, SupervisedScores, SupervisedResults> = {
  name: 'supervised',
  key: 'problem',
  acts: false,
  schema: supervisedSchema,
  dataStage: 'audit',
  training: supervisedStages,
  variants: config => [{ name: config.name, config }],
  expectBuildable(config) {
    // First, because what is too large cannot even be built.
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
    const models: ScoredModel[] = [];
    for (const method of trained) models.push(await scoreModel(opened, method));
    return { opened, models };
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
      bars: describeSupervisedBars({ tasks: tasks.length, seeds: config.seeds.length, resamples }),
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

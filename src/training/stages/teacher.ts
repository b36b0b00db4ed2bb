/** @file Stage `teacher`: the full-context transformer p_T(a | X, Q), trained on the source's actions. With a Monte-Carlo teacher nothing is trained. */

import { z } from 'zod';
import { type Model, PARTS } from '../../agent/model.ts';
import { lossOf, Pass, returnTerm } from '../../agent/terms.ts';
import type { StageOutput } from '../../cache/store.ts';
import type { WeightedTerm } from '../../records/index.ts';
import type { BaseConfig } from '../../settings/base.ts';
import { stageSection, steps } from '../../settings/fields.ts';
import { predictsReturns } from '../../settings/policy.ts';
import { defineStage, type Objective, type TrainingRun, trainedAs } from '../define.ts';
import { trainOnHistories } from '../stage.ts';

const settings = stageSection('Teacher p_T for distillation with β > 0', {
  kind: z
    .enum(['context', 'monte-carlo'])
    .describe(
      'Kind of teacher: context (a transformer over the full raw context) or monte-carlo (Monte-Carlo estimates of optimal actions)',
    )
    .default('context'),
  steps: steps('Number of training steps of the full-context transformer').default(1000),
});

/** The section of the configuration that stages with a teacher read. */
export type TeacherSection = { readonly teacher: z.output<typeof settings> };

const methodsOf = (config: BaseConfig & TeacherSection) => [{ method: 'teacher', predictsReturns: predictsReturns(config) }];
const termsOf = (config: BaseConfig & TeacherSection): WeightedTerm[] => [{ term: 'task', weight: 1 }, returnTerm(config)];

const objective = (config: BaseConfig & TeacherSection, model: Model): Objective => ({
  name: 'teacher',
  compressor: 'full',
  trains: [PARTS.teacher],
  build: (scope, batch) => lossOf(new Pass(model, scope.at(PARTS.teacher), 'full', batch), termsOf(config)),
});

export const teacher = defineStage({
  name: 'teacher',
  settings,
  needs: 'teacher.kind context',
  steps: ({ teacher }: BaseConfig & TeacherSection) => (teacher.kind === 'context' ? teacher.steps : 0),
  terms: termsOf,
  methods: methodsOf,
  objectives: (config, model: Model) => [objective(config, model)],
  async train(run: TrainingRun<TeacherSection>) {
    const output = await trainOnHistories(run, {
      ...objective(run.config, run.model),
      own: run.config.teacher,
      settings: {},
      from: {},
    });
    return trainedAs(methodsOf(run.config), 'full', output);
  },
});

/** What L_AD needs of the teacher for a weight β: a trained model, a table of Monte-Carlo estimates, or nothing. */
export function teacherFor({ teacher: { kind } }: TeacherSection, beta: number, trained?: StageOutput) {
  const wanted = beta > 0;
  const table = wanted && kind === 'monte-carlo';
  const use = !wanted ? 'absent' : table ? 'table' : 'model';
  return { table, kind: use, from: use === 'model' ? trained : undefined } as const;
}

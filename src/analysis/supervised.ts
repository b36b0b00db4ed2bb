/** @file Stage `evaluate` of supervised experiments: scores on test tasks for every number of examples, compared with the exact reference (method 5.3). */

import { join } from 'node:path';
import { z } from 'zod';
import { exampleCounts, makeScorer, meansByCount, scoreFunction } from '../agent/supervised.ts';
import { loadWeights, MODEL_FILE } from '../cache/checkpoint.ts';
import { zeros } from '../engine/index.ts';
import { heldOutTasks } from '../histories/supervised.ts';
import { pack, packing } from '../optim/index.ts';
import { type SupervisedMethodResult, scoresByExamples, supervisedDraws } from '../records/index.ts';
import type { TrainedMethod } from '../retrieval/memory.ts';
import { type Draw, labelRecord } from '../supervised/index.ts';
import type { SupervisedRun } from '../training/supervised/stages.ts';
import type { ValidationCurve } from '../training/trainer.ts';
import { breathe } from '../util/breathe.ts';
import { stageTitle } from '../util/progress.ts';
import { Random } from '../util/random.ts';

const SCORES = { name: 'scores.json', schema: z.strictObject({ counts: z.array(z.int()), scores: z.array(z.number()) }) };

export type SupervisedEvaluation = Omit<SupervisedRun, 'seed'>;

/** A trained model with its [counts × tasks] scores. */
export type ScoredModel = TrainedMethod & { readonly scores: readonly number[] };

/** Scores a trained model on the test tasks, or returns its cached scores. */
export async function scoreModel({ store, config, model, executor }: SupervisedEvaluation, of: TrainedMethod): Promise<ScoredModel> {
  const { method, compressorId: kind, seed, trained } = of;
  const counts = exampleCounts(config);
  const { tasks: count, queries } = config.evaluate;
  const { value } = await store.compute({
    stage: `evaluate-${method}-seed${seed}`,
    settings: { seed: config.seed, problem: config.problem, counts, tasks: count, queries, executor: config.executor },
    inputs: { model: trained.key },
    file: SCORES,
    async run({ progress }) {
      progress.start(stageTitle(`evaluate ${method}`, seed), 1);
      const scorer = await makeScorer(model, kind, queries, executor);
      const weights = loadWeights(join(trained.folder, MODEL_FILE), scorer.specs);
      const parameters = zeros([packing(scorer.specs).size]);
      pack(packing(scorer.specs), weights, parameters.data as Float32Array);
      const tasks = heldOutTasks(model.problem, config, 'test');
      const scores = await scorer.score(parameters, tasks, counts).finally(scorer.dispose);
      progress.finish();
      return { counts, scores: Array.from(scores) };
    },
  });
  return { ...of, scores: value.scores };
}

/** All methods with intervals, including the reference and the blind prediction, and the reference's mean scores on validation tasks. */
export async function supervisedMethods({ store, config, model }: SupervisedEvaluation, models: readonly ScoredModel[]) {
  const { problem } = model;
  const tasks = heldOutTasks(problem, config, 'test');
  const counts = exampleCounts(config);
  const { blind } = labelRecord(problem.label.kind);
  const predictReference = ({ examples, queries }: Omit<Draw, 'task'>) => problem.reference.predict(examples, queries.inputs);
  const predictBlind = ({ examples, queries }: Omit<Draw, 'task'>) => {
    const one = blind.predict(examples, problem.label.size);
    return Float64Array.from({ length: queries.count * one.length }, (_, i) => one[i % one.length]);
  };
  const reference = scoreFunction(problem, predictReference, tasks, counts);
  const draws = supervisedDraws(tasks.length, config.evaluate.resamples, Random.seeded(config.seed).split('bootstrap'));
  const methods: Record<string, SupervisedMethodResult> = {};
  for (const name of new Set(models.map(({ method }) => method))) {
    await breathe(store.signal);
    const own = models.filter(({ method }) => method === name);
    const [{ compressorId: kind, trained }] = own;
    const scores = own.map(model => model.scores);
    methods[name] = {
      byExamples: scoresByExamples(scores, reference, counts.length, draws),
      parameters: trained.report.parameters as number,
      steps: trained.report.steps as number,
      stateBytes: 4 * model.carried(kind),
      curve: meanCurve(own.map(({ trained }) => trained.report.curve as ValidationCurve)),
    };
  }
  const untrained = { parameters: 0, steps: 0, stateBytes: 0 };
  const bounds = { [problem.reference.name]: reference, [blind.name]: scoreFunction(problem, predictBlind, tasks, counts) };
  for (const [name, scores] of Object.entries(bounds))
    methods[name] = { byExamples: scoresByExamples([scores], reference, counts.length, draws), ...untrained };
  const validation = heldOutTasks(problem, config, 'validation');
  return { methods, tasks, validation: meansByCount(scoreFunction(problem, predictReference, validation, counts), counts.length) };
}

/** The mean over seeds of validation curves, with one column per number of examples. */
function meanCurve(curves: readonly ValidationCurve[]): NonNullable<SupervisedMethodResult['curve']> {
  const average = (columns: number[][]) => columns[0].map((_, i) => columns.reduce((sum, column) => sum + column[i], 0) / columns.length);
  const [{ step, values }] = curves;
  return {
    step,
    byExamples: Object.fromEntries(Object.keys(values).map(count => [count, average(curves.map(({ values }) => values[count]))])),
  };
}

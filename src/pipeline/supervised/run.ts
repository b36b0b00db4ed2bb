/** @file A supervised experiment (method 5.3): audit → train CAD and the baselines → evaluate against the exact reference. */

import { join } from 'node:path';
import { loadWeights, MODEL_FILE } from '../../cache/checkpoint.ts';
import { openOutputs } from '../../cache/outputs.ts';
import { madeBy } from '../../cache/provenance.ts';
import { type StageOutput, StageStore, sayReused } from '../../cache/store.ts';
import type { SupervisedConfig } from '../../config/supervised.ts';
import { readyExecutor } from '../../engine/executors/registry.ts';
import { zeros } from '../../engine/index.ts';
import { Scope } from '../../nn/index.ts';
import { pack, packing } from '../../optim/index.ts';
import {
  describeSupervisedBars,
  SUPERVISED_FORMAT,
  type SupervisedMethodResult,
  type SupervisedResults,
  scoresByExamples,
  supervisedDraws,
} from '../../records/index.ts';
import { type Draw, labelRecord, problems } from '../../supervised/index.ts';
import { breathe } from '../../util/breathe.ts';
import { hashJson, readJson, writeJson } from '../../util/files.ts';
import { Random } from '../../util/random.ts';
import type { RunOptions } from '../run.ts';
import { estimateSupervised } from './estimate.ts';
import { expectLatents, SupervisedModel } from './model.ts';
import { exampleCounts, makeScorer, meansByCount, scoreFunction } from './scorer.ts';
import { auditTasks, heldOutTasks } from './tasks.ts';
import { type SupervisedMethod, type SupervisedRun, trainSupervised, type ValidationCurve } from './training.ts';

const SCORES_FILE = 'scores.json';

/** Runs a supervised experiment and gives its results. */
export async function runSupervised(config: SupervisedConfig, options: Omit<RunOptions, 'until'>): Promise<SupervisedResults> {
  const { out, progress, signal, fresh, command } = options;
  estimateSupervised(config);
  const model = new SupervisedModel(config);
  const methods = methodsOf(config);
  // Built before anything runs: what does not fit should not show after an hour of training.
  expectLatents(model, config.compressor);
  for (const { kind } of methods) model.outputs(new Scope(), kind, 1, 1);

  const executor = await readyExecutor(config.executor, progress.say);
  const store = new StageStore(out, { fresh, progress, signal });
  const outputs = openOutputs(out, config, progress);
  const run: SupervisedRun = { store, config, model, executor };
  const audit = await auditTasks(store, config, model.problem);
  const trained: { method: SupervisedMethod; output: StageOutput }[] = [];
  for (const seed of config.seeds)
    for (const method of methods) trained.push({ method: { ...method, seed }, output: await trainSupervised(run, { ...method, seed }) });

  const results = await collect(run, trained, audit, command);
  sayReused([store], progress);
  await outputs.replace(async () => writeJson(join(out, 'results.json'), results));
  return results;
}

/** CAD and the baselines. */
function methodsOf({ compressor, train, baselines }: SupervisedConfig): Omit<SupervisedMethod, 'seed'>[] {
  const cad = { method: 'cad', kind: compressor, steps: train.steps };
  const others = baselines.steps > 0 ? baselines.methods : [];
  return [cad, ...others.map(kind => ({ method: kind, kind, steps: baselines.steps }))];
}

async function collect(
  run: SupervisedRun,
  trained: readonly { method: SupervisedMethod; output: StageOutput }[],
  audit: StageOutput,
  command: string,
): Promise<SupervisedResults> {
  const { store, config, model } = run;
  const { problem } = model;
  const tasks = heldOutTasks(problem, config, 'test');
  const counts = exampleCounts(config);
  const record = labelRecord(problem.label.kind);
  const fixed = {
    [problem.reference.name]: ({ examples, queries }: Omit<Draw, 'task'>) => problem.reference.predict(examples, queries.inputs),
    [record.blind.name]({ examples, queries }: Omit<Draw, 'task'>) {
      const one = record.blind.predict(examples, problem.label.size);
      return Float64Array.from({ length: queries.count * one.length }, (_, i) => one[i % one.length]);
    },
  };
  const functions = Object.entries(fixed).map(([name, predict]) => [name, scoreFunction(problem, predict, tasks, counts)] as const);
  const reference = functions[0][1];

  const scores = new Map<string, { seeds: ArrayLike<number>[]; outputs: StageOutput[]; kind: string }>();
  for (const { method, output } of trained) {
    const entry = scores.get(method.method) ?? { seeds: [], outputs: [], kind: method.kind };
    entry.seeds.push(await evaluateModel(run, method, output, tasks, counts));
    entry.outputs.push(output);
    scores.set(method.method, entry);
  }

  const { resamples } = config.evaluate;
  const draws = supervisedDraws(tasks.length, resamples, Random.seeded(config.seed).split('bootstrap'));
  const methods: Record<string, SupervisedMethodResult> = {};
  for (const [name, { seeds, outputs, kind }] of scores) {
    await breathe(run.store.signal);
    methods[name] = {
      byExamples: scoresByExamples(seeds, reference, counts.length, draws),
      parameters: outputs[0].report.parameters as number,
      steps: outputs[0].report.steps as number,
      stateBytes: 4 * model.carried(kind),
      curve: meanCurve(outputs.map(({ report }) => report.curve as ValidationCurve)),
    };
  }
  for (const [name, values] of functions)
    methods[name] = { byExamples: scoresByExamples([values], reference, counts.length, draws), parameters: 0, steps: 0, stateBytes: 0 };

  const validation = heldOutTasks(problem, config, 'validation');
  const ofReference = scoreFunction(problem, fixed[problem.reference.name], validation, counts);
  return {
    format: SUPERVISED_FORMAT,
    name: config.name,
    problem: { ...config.problem, description: problems.get(problem.id).description },
    score: { name: record.score, better: record.better },
    reference: { name: problem.reference.name, about: problem.reference.about },
    examples: counts,
    headline: config.evaluate.headline,
    tasks: tasks.length,
    queries: config.evaluate.queries,
    seeds: config.seeds.length,
    bars: describeSupervisedBars({ tasks: tasks.length, seeds: config.seeds.length, resamples }),
    methods,
    validation: { tasks: validation.length, reference: meansByCount(ofReference, counts.length) },
    split: { ...audit.report },
    run: {
      command,
      config,
      ...madeBy(),
      dataHashes: { test: hashJson(tasks.map(({ task }) => Array.from(task))) },
      seconds: store.seconds,
    },
  };
}

/** [counts × tasks] scores of a trained model, computed or read. */
async function evaluateModel(
  { store, config, model, executor }: SupervisedRun,
  { method, kind, seed }: SupervisedMethod,
  trained: StageOutput,
  tasks: readonly Draw[],
  counts: readonly number[],
): Promise<number[]> {
  const { tasks: count, queries } = config.evaluate;
  const output = await store.run({
    stage: `evaluate-${method}-seed${seed}`,
    settings: { seed: config.seed, problem: config.problem, counts, tasks: count, queries, executor: config.executor },
    inputs: { model: trained.key },
    async run({ folder, progress }) {
      progress.start(`evaluate ${method} (seed ${seed})`, 1);
      const scorer = await makeScorer(model, kind, queries, executor);
      const weights = loadWeights(join(trained.folder, MODEL_FILE), scorer.specs);
      const parameters = zeros([packing(scorer.specs).size]);
      pack(packing(scorer.specs), weights, parameters.data as Float32Array);
      const scores = await scorer.score(parameters, tasks, counts).finally(scorer.dispose);
      writeJson(join(folder, SCORES_FILE), { counts, scores: Array.from(scores) });
      progress.finish();
      return {};
    },
  });
  return (readJson(join(output.folder, SCORES_FILE)) as { scores: number[] }).scores;
}

function meanCurve(curves: readonly ValidationCurve[]): ValidationCurve {
  const average = (columns: number[][]) => columns[0].map((_, i) => columns.reduce((sum, column) => sum + column[i], 0) / columns.length);
  const counts = Object.keys(curves[0].byExamples);
  return {
    step: curves[0].step,
    byExamples: Object.fromEntries(counts.map(count => [count, average(curves.map(({ byExamples }) => byExamples[count]))])),
  };
}

/**
 * @file The whole road: generate → teacher → pretrain → distil → finetune → reinforce → retrieve → baselines → evaluate, for every seed, and
 * the results of it.
 */

import { join } from 'node:path';
import { exportModel } from '../agent/export.ts';
import { Model } from '../agent/model.ts';
import { type Evaluated, evaluate } from '../analysis/evaluate.ts';
import { compareWithSource, measuresImitation } from '../analysis/imitation.ts';
import { returnPrediction } from '../analysis/return-prediction.ts';
import { measureTimes } from '../analysis/times.ts';
import { openOutputs } from '../cache/outputs.ts';
import { diskTime, type StageOutput, StageStore, sayReused } from '../cache/store.ts';
import { type ExperimentConfig, evaluatedAt, tableConfig } from '../config/experiment.ts';
import { readyExecutor } from '../engine/executors/registry.ts';
import type { Executor } from '../engine/index.ts';
import { demonstrateEvaluated, demonstrateTraining } from '../histories/demonstrate.ts';
import { expectPast, generate, generatedReport, loadHistories } from '../histories/generate.ts';
import { openTasks } from '../histories/tasks.ts';
import type { MethodTimes, Results } from '../records/index.ts';
import type { TrainedMethod } from '../retrieval/memory.ts';
import type { ImitationTable, ReturnTable } from '../statistics/index.ts';
import type { TrainingRun } from '../training/define.ts';
import { type StageSections, trainingStages } from '../training/stages/index.ts';
import type { Stage } from '../training/stages/names.ts';
import { lazy } from '../util/lazy.ts';
import { type Progress, silentProgress } from '../util/progress.ts';
import { expectBuildable } from './buildable.ts';
import { together } from './estimate.ts';
import { makeAtOnce, partsOf, STUDENT } from './parallel.ts';
import { Plan, plannedStages, wantedBy } from './plan.ts';
import { writeResults } from './results.ts';

export interface RunOptions {
  /** Folder of the run. */
  out: string;
  /** The last stage to run, with whatever it needs; all of them when left out. */
  until?: Stage;
  /** Make every stage again that the command needs, finished or not, instead of continuing. */
  fresh?: boolean;
  /** Parts (seeds, tables, combinations) that are made at once, each in a process of its own; 1 when left out. */
  jobs?: number;
  progress: Progress;
  /** Aborted on SIGINT and SIGTERM: the running stage saves and throws `E_INTERRUPTED`. */
  signal: AbortSignal;
  /** The command line, for the record. */
  command: string;
}

/** Runs an experiment. Gives its results, or undefined when it was asked to stop before the evaluation. */
export async function runExperiment(config: ExperimentConfig, options: RunOptions): Promise<Results | undefined> {
  const { out, until = 'evaluate', progress, signal, fresh } = options;
  const needs = [config, ...config.tables.map(table => tableConfig(config, table))].map(each => {
    const plays = until === 'evaluate' || (wantedBy(until, 'reinforce') && each.reinforce.steps > 0);
    return expectBuildable(each, { plays });
  });
  together(needs, options.jobs);
  const executor = await readyExecutor(config.executor, progress.say);
  const since = diskTime(out);
  const stores: StageStore[] = [];
  const plan = new Plan(plannedStages(config, until));
  const open = () => {
    const store = new StageStore(out, { fresh, since, plan, progress, signal });
    stores.push(store);
    return store;
  };
  const store = open();
  const outputs = openOutputs(out, config, until === 'evaluate' ? progress : silentProgress);
  const parts = [config, ...config.tables.map(table => tableConfig(config, table))].flatMap(each => partsOf(each.name, each));
  await makeAtOnce(config.name, parts, { ...options, since });
  const main = await road(config, store, executor, until);
  if (!main) {
    sayReused(stores, progress);
    return undefined;
  }
  const tables: Record<string, Evaluated> = { ...main.elsewhere };
  const returns: Record<string, ReturnTable> = { ...(main.returns ? { [config.name]: main.returns } : {}) };
  const imitation: Record<string, ImitationTable> = { ...(main.imitation ? { [config.name]: main.imitation } : {}) };
  const times: Record<string, Record<string, MethodTimes>> = { [config.name]: await measureTimes(main.here, main.trained, main.methods) };
  const dataHashes: Record<string, string> = { main: main.dataHash };
  const imported: Record<string, unknown> = main.imported ? { main: main.imported } : {};
  const seconds = { ...store.seconds };
  for (const table of config.tables) {
    const own = open();
    const other = await road(tableConfig(config, table), own, executor, until);
    // Stages of a table have the names of the experiment's own.
    for (const [stage, spent] of Object.entries(own.seconds)) seconds[`${table.name}: ${stage}`] = spent;
    tables[table.name] = other!;
    if (other!.returns) returns[table.name] = other!.returns;
    if (other!.imitation) imitation[table.name] = other!.imitation;
    for (const [at, found] of Object.entries(other!.elsewhere)) tables[`${table.name}-${at}`] = found;
    times[table.name] = await measureTimes(other!.here, other!.trained, other!.methods);
    dataHashes[table.name] = other!.dataHash;
    if (other!.imported) imported[table.name] = other!.imported;
  }
  sayReused(stores, progress);
  return outputs.replace(async () => {
    await exportModel({ model: main.model, config }, main.agent, join(out, 'model'));
    const found = { ...main, tables, returns, imitation, dataHashes, imported, seconds, times, command: options.command };
    return writeResults(out, config, found, { signal });
  });
}

/**
 * Generates the histories of one experiment and trains on them, for all seeds: the student `cad`, and what it is compared with.
 *
 * @param only the student alone, or the baseline with this id alone; everything when left out.
 */
export async function trainMethods(
  config: ExperimentConfig,
  store: StageStore,
  executor: Executor,
  until: Stage = 'baselines',
  only?: string,
) {
  const asked = (stage: Stage) => only === undefined || (stage === 'baselines') === (only !== STUDENT);
  const wanted = (stage: Stage) => wantedBy(until, stage) && asked(stage);
  const generated = await generate(store, config);
  const { family } = openTasks(config);
  const demonstrations = wantedBy(until, 'teacher') ? await demonstrateTraining(store, config) : [];
  const model = new Model(config, family);
  const histories = lazy(() => expectPast(loadHistories(generated, family).histories, model.segment));
  const trained: TrainedMethod[] = [];
  for (const seed of config.seeds) {
    const run: TrainingRun<StageSections> = { store, config, seed, model, histories, generated, demonstrations, executor };
    const earlier: Record<string, StageOutput | undefined> = {};
    for (const stage of trainingStages) {
      if (!wanted(stage.name) || stage.steps(config) === 0) continue;
      const { output, rows } = await stage.train(run, earlier, only);
      earlier[stage.name] = output;
      trained.push(...rows.map(row => ({ ...row, seed })));
    }
  }
  return { generated, model, trained };
}

/** One experiment with one source, through all seeds; undefined when it ends before the evaluation. `only` is that of `trainMethods`. */
export async function road(config: ExperimentConfig, store: StageStore, executor: Executor, until: Stage, only?: string) {
  const { generated, model, trained } = await trainMethods(config, store, executor, until, only);
  if (until !== 'evaluate') return undefined;
  const shownIn = (there: ExperimentConfig, at?: string) => demonstrateEvaluated(store, there, openTasks(there).evaluated, at);
  const here = { store, config, model, executor, shown: await shownIn(config) };
  const main = await evaluate(here, trained);
  // Who recorded a data set cannot be asked to learn anew.
  const asks = model.returns && config.source.dataset === undefined;
  const returns = asks ? await returnPrediction(here, generated, trained) : undefined;
  const imitated = measuresImitation(config, model.family) ? await compareWithSource(here, trained) : undefined;
  const elsewhere: Record<string, Evaluated> = {};
  for (const env of config.evaluate.envs) {
    const there = evaluatedAt(config, env);
    const shown = await shownIn(there, env.name);
    const evaluation = { store, config: there, model: model.in(openTasks(there).family), executor, at: env.name, shown };
    const found = await evaluate(evaluation, trained);
    // Other options of the environment, but the settings that the same networks were trained with.
    elsewhere[env.name] = { ...found, protocol: { ...found.protocol, selection: main.protocol.selection } };
  }
  // The last one trained is the one to keep.
  const agent = ['reinforced', 'cad'].map(name => trained.find(({ method }) => method === name)).find(Boolean)!;
  return { ...main, here, trained, returns, imitation: imitated, elsewhere, model, agent, ...generatedReport(generated) };
}

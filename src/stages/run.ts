/** @file The whole road: generate → teacher → pretrain → distil → finetune → baselines → evaluate, for every seed, and the results of it. */

import { join } from 'node:path';
import { nodeExecutor } from '../engine/executors/node.ts';
import type { Executor } from '../engine/index.ts';
import { describeBars, type MethodTable, RESULTS_FORMAT, type Results } from '../evaluation/index.ts';
import type { History } from '../rl/index.ts';
import { source } from '../sources/index.ts';
import { formatConfig } from '../util/config.ts';
import { CadenzaError } from '../util/errors.ts';
import { writeFileAtomic, writeJson } from '../util/files.ts';
import type { Progress } from '../util/progress.ts';
import { Random } from '../util/random.ts';
import { type ExperimentConfig, tableConfig } from './config.ts';
import { evaluate, exportModel, type TrainedMethod } from './evaluate.ts';
import { generate, loadHistories, split } from './generate.ts';
import { Model } from './model.ts';
import { machine, provenance } from './provenance.ts';
import { StageStore } from './store.ts';
import { distil, finetune, pretrain, type TrainingRun, trainBaseline, trainTeacher } from './training.ts';

/** The stages in the order in which they run. */
export const STAGES = ['generate', 'teacher', 'pretrain', 'distil', 'finetune', 'baselines', 'evaluate'] as const;
export type Stage = (typeof STAGES)[number];

export interface RunOptions {
  /** Folder of the run. */
  out: string;
  /** The last stage to run, with whatever it needs; all of them when left out. */
  until?: Stage;
  /** Continue from the checkpoints of an interrupted run. */
  resume: boolean;
  progress: Progress;
  /** Aborted on SIGINT and SIGTERM: the running stage saves and throws `E_INTERRUPTED`. */
  signal: AbortSignal;
  /** The command line, for the record. */
  command: string;
}

/** Runs an experiment. Gives its results, or undefined when it was asked to stop before the evaluation. */
export async function runExperiment(config: ExperimentConfig, options: RunOptions): Promise<Results | undefined> {
  const { out, until = 'evaluate', progress, signal, resume } = options;
  for (const each of [config, ...config.tables.map(table => tableConfig(config, table))]) expectBuildable(each);
  const store = new StageStore(out, { resume, progress, signal });
  writeFileAtomic(join(out, 'config.yaml'), formatConfig(config));
  const executor = nodeExecutor(config.executor);
  const main = await road(config, store, executor, until);
  if (!main) return undefined;
  const tables: Record<string, MethodTable> = {};
  const dataHashes: Record<string, string> = { main: main.dataHash };
  for (const table of config.tables) {
    const other = await road(tableConfig(config, table), store, executor, until);
    tables[table.name] = other!.methods;
    dataHashes[table.name] = other!.dataHash;
  }
  await exportModel({ model: main.model, config }, main.cad, join(out, 'model'));

  const { train, [config.evaluate.tasks]: test, family } = split(config);
  const { version, commit, node } = provenance();
  const { episodes, streams, sampling, resamples } = config.evaluate;
  const results: Results = {
    format: RESULTS_FORMAT,
    name: config.name,
    oracle: main.oracle,
    episodes,
    streams: main.streams,
    seeds: config.seeds.length,
    sampling,
    bars: describeBars({ tasks: test.length, streams, seeds: config.seeds.length, resamples }),
    methods: main.methods,
    ...(config.tables.length > 0 ? { tables } : {}),
    split: {
      by: 'content of the task',
      train: train.length,
      test: test.length,
      overlap: test.filter(task => train.map(family.taskKey).includes(family.taskKey(task))).length,
      testTasks: test.map(family.taskKey),
    },
    run: {
      command: options.command,
      config,
      commit: commit ?? 'unknown',
      version,
      node,
      machine: machine(),
      dataHashes,
      seconds: store.seconds,
    },
  };
  writeJson(join(out, 'results.json'), results);
  return results;
}

/** Builds what the settings name before anything runs: what does not exist or fit should not show after an hour of training. */
function expectBuildable(config: ExperimentConfig): void {
  const { family, train } = split(config);
  source(config.source.id).learner(family, train[0], Random.seeded(config.seed), config.source.options);
  const model = new Model(config, family);
  const graphs = [config.compressor, ...config.baselines.methods].map(kind => model.inference(kind, { compress: 1, act: 1 }));
  if (!graphs[0].compress)
    throw new CadenzaError('E_CONFIG', `compressor "${config.compressor}" makes no latents for the policy; it can only be a baseline.`);
}

/** One experiment with one source, through all seeds; undefined when it ends before the evaluation. */
async function road(config: ExperimentConfig, store: StageStore, executor: Executor, until: Stage) {
  const last = STAGES.indexOf(until);
  const wanted = (stage: Stage) => STAGES.indexOf(stage) <= last;
  const generated = await generate(store, config);
  const { family } = split(config);
  const model = new Model(config, family);
  let opened: readonly History[] | undefined;
  const histories = () => {
    opened ??= loadHistories(generated, family).histories;
    return opened;
  };
  const trained: TrainedMethod[] = [];
  for (const seed of config.seeds) {
    const run: TrainingRun = { store, config, seed, model, histories, generated, executor };
    const needsTeacher = config.teacher.kind === 'context' && config.teacher.steps > 0;
    const teacher = wanted('teacher') && needsTeacher ? await trainTeacher(run) : undefined;
    const pretrained = wanted('pretrain') && config.pretrain.steps > 0 ? await pretrain(run) : undefined;
    const distilled = wanted('distil') && config.distil.steps > 0 ? await distil(run, { teacher, pretrain: pretrained }) : undefined;
    const joint =
      wanted('finetune') && config.finetune.steps > 0
        ? await finetune(run, { teacher, pretrain: pretrained, distil: distilled })
        : undefined;
    const student = joint ?? distilled;
    if (student) trained.push({ method: 'cad', kind: config.compressor, trained: student, seed });
    if (teacher) trained.push({ method: 'teacher', kind: 'full', trained: teacher, seed });
    if (!wanted('baselines') || config.baselines.steps === 0) continue;
    for (const kind of config.baselines.methods) trained.push({ method: kind, kind, trained: await trainBaseline(run, kind), seed });
  }
  if (!wanted('evaluate')) return undefined;
  const evaluation = { store, config, model, executor };
  const cad = trained.find(({ method }) => method === 'cad')!;
  return { ...(await evaluate(evaluation, trained)), model, cad, dataHash: generated.report.dataHash as string };
}

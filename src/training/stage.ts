/** @file Runs one training stage (method 4): builds the graph, loads weights, trains, and saves weights and metrics. All training goes through here. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { CARRIED, PARTS, partOf, RETURN_PARTS } from '../agent/model.ts';
import { CHECKPOINT, loadTensors, MODEL_FILE, saveTensors, type Weights, weightsFrom } from '../cache/checkpoint.ts';
import type { StageOutput } from '../cache/store.ts';
import { loadHistories } from '../histories/generate.ts';
import type { ParameterSpec } from '../nn/index.ts';
import { stageTitle } from '../util/progress.ts';
import { Random } from '../util/random.ts';
import { historyBatches } from './batches.ts';
import { type HistoryStageSpec, optimizerOf, type StageRun, type StageSpec, type TrainingRun } from './define.ts';
import { prepareStage } from './prepare.ts';
import { train, validationCurve } from './trainer.ts';
import { validationProbe, validationSettings } from './validation.ts';
import { shareOf, type Workers } from './workers.ts';

/** Runs a training stage on learning histories. `spec.batches` can replace the source of batches. */
export function trainOnHistories(run: TrainingRun, spec: HistoryStageSpec): Promise<StageOutput> {
  const { config, model, generated, demonstrations = [] } = run;
  const shown = () => demonstrations.flatMap(({ output }) => loadHistories(output, model.family).histories);
  // Only the stage `retrieve` depends on the retrieval settings and adds them itself. The model reports the head settings that matter.
  const { retrieval: _, head: __, ...policy } = config.policy;
  const validation = spec.validates ? validationSettings(config) : undefined;
  return trainStage(run, {
    ...spec,
    settings: {
      tokenizer: config.tokenizer,
      context: config.context,
      queries: config.queries,
      policy,
      ...model.keySettings(spec.compressor, config),
      ...spec.settings,
      validation,
    },
    data: {
      generate: generated.key,
      ...Object.fromEntries(demonstrations.map(({ style, output }) => [`demonstrate-${style}`, output.key])),
      ...spec.data,
    },
    batches:
      spec.batches ??
      (async request => ({
        ...historyBatches({ ...run, shown }, spec, request),
        ...(validation && (await validationProbe(run, spec.compressor, request, validation))),
      })),
  });
}

/** Trains a stage, resuming from its checkpoint if there is one. Returns the cached output if the stage is already finished. */
export async function trainStage(run: StageRun, spec: StageSpec): Promise<StageOutput> {
  const { config, seed } = run;
  const optimizer = optimizerOf(config, spec.own);
  const steps = spec.steps ?? Number(spec.own.steps);
  const updates = spec.updates?.(optimizer.batch) ?? steps;
  const before = Object.entries(spec.from).filter((entry): entry is [string, StageOutput] => entry[1] !== undefined);
  const output = await run.store.run({
    stage: `${spec.name}-seed${seed}`,
    settings: { seed, steps, optimizer, executor: config.executor, ...spec.settings },
    inputs: { ...spec.data, ...Object.fromEntries(before.map(([role, { key }]) => [role, key])) },
    async run(context) {
      const { random = Random.seeded(seed).split(spec.stream ?? spec.name) } = spec;
      const inherit = (specs: readonly ParameterSpec[]) => before.flatMap(([, output]) => [...inherited(output, specs)]);
      const prepared = await prepareStage(spec, { optimizer, random, inherit, signal: context.signal });
      const { specs, given, step, batches, probe, dispose } = prepared;
      const { metrics, trainable } = step;
      const result = await train({
        ...step,
        title: stageTitle(spec.name, seed),
        steps: updates,
        optimizer,
        group: spec.group,
        batches,
        checkpointEvery: batches.unit ?? config.checkpoint.everySteps,
        probe,
        executor: run.executor,
        workers: workersOf(config.executor, spec, optimizer.batch),
        recompute: config.executor.recompute,
        context,
      }).finally(dispose);
      // Frozen parts are saved as well, so that one file contains the whole agent.
      const aside: readonly string[] = [PARTS.teacher, RETURN_PARTS.reference, CARRIED];
      const tensors = specs
        .filter(({ name }) => spec.trains.includes(partOf(name)) || !aside.includes(partOf(name)))
        .map(({ name, shape }) => [name, { data: (result.weights.get(name) ?? given.get(name)) as Float32Array, shape }] as const);
      saveTensors(join(context.folder, MODEL_FILE), new Map(tensors), { stage: spec.name, key: context.key });
      rmSync(join(context.folder, CHECKPOINT), { force: true });
      return {
        parameters: trainable.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
        steps,
        loss: result.lastLoss,
        ...(metrics && { metrics: result.lastMetrics }),
        ...(probe && { curve: validationCurve(context.folder) }),
        overhead: Number(result.overhead.toFixed(4)),
        sampling: Number(result.sampling.toFixed(4)),
        ...batches.metrics?.(),
      };
    },
  });
  const own = { stage: spec.name, steps: updates, examples: updates * optimizer.batch };
  // Stages that several predecessors share count once.
  const budget = new Map([...before.flatMap(([, { budget = [] }]) => budget), own].map(each => [each.stage, each]));
  return { ...output, budget: [...budget.values()] };
}

/** The threads among which a stage divides its steps; undefined if there is one worker. */
function workersOf(
  { workers: count, recompute: _, ...executor }: StageRun['config']['executor'],
  { build }: StageSpec,
  batch: number,
): Workers | undefined {
  if (count === 1) return undefined;
  return { count, executor, part: shareOf(build, batch, count) };
}

/** The tensors of an earlier stage that match parameters or buffers of this one, with checked shapes. */
function inherited(output: StageOutput, specs: readonly ParameterSpec[]): Weights {
  const path = join(output.folder, MODEL_FILE);
  const file = loadTensors(path);
  const shared = specs.filter(({ name }) => file.tensors.has(name));
  return weightsFrom(path, file, shared);
}

/** @file Runs one training stage (method 4): builds the graph, loads weights, trains, and saves weights and metrics. All training goes through here. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { CARRIED, isUpdated, PARTS, partOf, RETURN_PARTS } from '../agent/model.ts';
import { CHECKPOINT, loadTensors, MODEL_FILE, saveTensors, type Weights, weightsFrom } from '../cache/checkpoint.ts';
import type { StageOutput } from '../cache/store.ts';
import { type Data, type Graph, inputsOf, zeros } from '../engine/index.ts';
import { initialize, nextOf, type ParameterSpec, type RandomSpec, Scope } from '../nn/index.ts';
import { stageTitle } from '../util/progress.ts';
import { Random } from '../util/random.ts';
import { historyBatches } from './batches.ts';
import { type BatchRequest, type HistoryStageSpec, optimizerOf, type StageRun, type StageSpec, type TrainingRun } from './define.ts';
import { type BatchSource, train, validationCurve } from './trainer.ts';
import { validationProbe, validationSettings } from './validation.ts';
import { shareOf, type Workers } from './workers.ts';

/** Runs a training stage on learning histories. `spec.batches` can replace the source of batches. */
export function trainOnHistories(run: TrainingRun, spec: HistoryStageSpec): Promise<StageOutput> {
  const { config, model, generated, demonstrations = [] } = run;
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
        ...historyBatches(run, spec, request),
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
      const scope = new Scope();
      const { loss, metrics } = spec.build(scope, optimizer.batch);
      const isTrained = ({ name }: ParameterSpec) => isUpdated(spec.trains, name);
      const parameters = [...scope.table.values()];
      const specs: ParameterSpec[] = [...parameters, ...scope.buffers.values()];
      const trainable = parameters.filter(isTrained);
      const buffers = [...scope.buffers.values()].filter(isTrained);
      const frozen = specs.filter(each => !isTrained(each));
      const { random = Random.seeded(seed).split(spec.stream ?? spec.name) } = spec;
      const given: Weights = initialize(specs, random.split('init'));
      for (const [, output] of before) for (const [name, values] of inherited(output, specs)) given.set(name, values);
      // The initial weights stay available as a reference.
      for (const { name } of specs)
        if (partOf(name) === RETURN_PARTS.reference) given.set(name, given.get(name.slice(name.indexOf('.') + 1))!);

      const graph: Graph = { outputs: { loss, ...metrics, ...nextOf(buffers) } };
      const reads = new Set(inputsOf(graph).keys());
      const request: BatchRequest = { optimizer, trainable, frozen, buffers, given, random, signal: context.signal, reads };
      const { given: ofData = [], probe, dispose, ...batches } = await spec.batches(request);
      for (const [name, values] of ofData) if (given.has(name)) given.set(name, values);
      const result = await train({
        title: stageTitle(spec.name, seed),
        loss,
        metrics,
        trainable,
        // Parts that are only copied into the output file are in no graph.
        frozen: frozen.filter(({ name }) => reads.has(name)),
        buffers,
        given,
        steps: updates,
        optimizer,
        group: spec.group,
        batches: batchesFor(graph, batches, scope.randoms.values(), random),
        checkpointEvery: batches.unit ?? config.checkpoint.everySteps,
        probe,
        executor: run.executor,
        workers: workersOf(config.executor, spec, optimizer.batch),
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
  { workers: count, ...executor }: StageRun['config']['executor'],
  { build }: StageSpec,
  batch: number,
): Workers | undefined {
  if (count === 1) return undefined;
  return { count, executor, part: shareOf(build, batch, count) };
}

/** Batches for a graph: without inputs that it does not use, and with its random inputs drawn again at every step. */
export function batchesFor(graph: Graph, batches: BatchSource, randoms: Iterable<RandomSpec>, random: Random): BatchSource {
  const used = inputsOf(graph);
  const drawn = Array.from(randoms).filter(({ name }) => used.has(name));
  const noise = Object.fromEntries(drawn.map(({ name, tensor: { shape, dtype } }) => [name, zeros(shape, dtype)]));
  return {
    ...batches,
    feeds: { ...Object.fromEntries(Object.entries(batches.feeds).filter(([name]) => used.has(name))), ...noise },
    async fill(step, state) {
      await batches.fill(step, state);
      // The stream depends on the step and the name, so a resumed run draws the same numbers.
      for (const { name, draw } of drawn) {
        const [stream, data]: [Random, Data] = [random.split('noise', step, name), noise[name].data];
        for (let i = 0; i < data.length; i++) data[i] = draw(stream);
      }
    },
  };
}

/** The tensors of an earlier stage that match parameters or buffers of this one, with checked shapes. */
function inherited(output: StageOutput, specs: readonly ParameterSpec[]): Weights {
  const path = join(output.folder, MODEL_FILE);
  const file = loadTensors(path);
  const shared = specs.filter(({ name }) => file.tensors.has(name));
  return weightsFrom(path, file, shared);
}

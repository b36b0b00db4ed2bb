/**
 * @file The training loop that all stages share. A step is one `run` of the graph. The batch of step s depends only on the seed and s, so a
 * resumed run sees the same batches and ends with identical bytes.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKPOINT, type CheckpointRequest, loadCheckpoint, saveCheckpoint, type Weights, weightsFrom } from '../cache/checkpoint.ts';
import { eventFile } from '../cache/event-file.ts';
import { type MetricsSink, metricsFile, readMetrics } from '../cache/metrics.ts';
import type { StageContext } from '../cache/store.ts';
import { type Executor, type HostTensor, optimize, type StoredTensor, sizeOf, type Tensor, toOnnx, zeros } from '../engine/index.ts';
import type { BufferSpec, ParameterSpec } from '../nn/index.ts';
import {
  adam,
  BUFFERS,
  chain,
  clipByGlobalNorm,
  decayWeights,
  descend,
  FROZEN,
  PARAMETERS,
  type Packing,
  pack,
  packing,
  perParameter,
  STEP,
  type TrainedState,
  trainStep,
  unpack,
  warmupCosine,
} from '../optim/index.ts';
import type { OptimizerConfig } from '../settings/base.ts';
import { breathe } from '../util/breathe.ts';
import { CadenzaError } from '../util/errors.ts';
import { compileForWorkers, type Workers } from './workers.ts';

/** Steps between lines of metrics. */
const LOG_EVERY = 10;

/** Produces the batches that training steps use. */
export interface BatchSource {
  /** Input buffers, which `fill` writes before every step. */
  readonly feeds: Readonly<Record<string, HostTensor>>;
  /** Writes the batch of a step, counted from 0. It may depend only on the step and, at multiples of `unit`, on the current weights. */
  readonly fill: (step: number, state: TrainedState) => void | Promise<void>;
  /** Number of steps whose batches belong together. Training resumes only at multiples of it. Default: 1. */
  readonly unit?: number;
  /** Metrics of the current batch, in addition to those that the graph computes. */
  readonly metrics?: () => Readonly<Record<string, number>>;
  /** Text for the progress line. Default: the loss. */
  readonly note?: () => string;
}

export interface TrainRequest {
  readonly title: string;
  readonly loss: Tensor;
  readonly metrics?: Readonly<Record<string, Tensor>>;
  readonly trainable: readonly ParameterSpec[];
  readonly frozen?: readonly ParameterSpec[];
  /** State that steps update without a gradient. Buffers that must not change belong in `frozen`. */
  readonly buffers?: readonly BufferSpec[];
  /** Initial value of every parameter and buffer. */
  readonly given: ReadonlyMap<string, Float32Array>;
  readonly steps: number;
  readonly optimizer: OptimizerConfig;
  /** Per-parameter learning rate, as a multiple of the optimizer's, and weight decay. */
  readonly group?: (name: string) => { rate?: number; weightDecay?: number };
  readonly batches: BatchSource;
  /** Steps between checkpoints; a multiple of the batches' `unit`. */
  readonly checkpointEvery: number;
  /** Measures the model every `every` steps and after the last step. The numbers appear in the metrics as `validation`. */
  readonly probe?: { readonly every: number; readonly measure: (state: TrainedState) => Promise<Readonly<Record<string, number>>> };
  readonly executor: Executor;
  /** The threads among which every step is divided. Default: none; the step runs as one graph. */
  readonly workers?: Workers;
  /** Whether blocks are computed again for their gradients, which saves memory. Default: false. */
  readonly recompute?: boolean;
  readonly context: StageContext;
}

/**
 * Trains to the last step, resuming from the stage's checkpoint if there is one. Throws `E_NUMERICS` if the loss or the state is not
 * finite, and `E_INTERRUPTED` on a signal.
 */
export async function train(request: TrainRequest) {
  const compiled = await compileStep(request);
  return trainCompiled(request, compiled).finally(compiled.program.dispose);
}

async function trainCompiled(request: TrainRequest, { program, state, frozen }: Awaited<ReturnType<typeof compileStep>>) {
  const { title, metrics = {}, steps, batches, checkpointEvery, probe, context } = request;
  const { feeds, fill, unit = 1, metrics: measured = () => ({}), note = () => `loss ${lastLoss.toFixed(4)}` } = batches;
  const begin = state.restore({ key: context.key, steps, unit });
  const log = metricsLog(context, begin);
  const scalarNames = ['loss', 'gradientNorm', 'learningRate', ...Object.keys(metrics)];
  const scalars = Object.fromEntries(scalarNames.map(name => [name, zeros([])]));
  const outputs = [...scalarNames, ...Object.keys(state.next())];
  const step = zeros([]);
  let [inside, drawing, probing] = [0, 0, 0];
  let lastLoss = Number.NaN;
  let lastMetrics: Record<string, number> = {};
  const diverged = (what: string, done: number) => {
    const checkpoint = state.saved() ? `The last valid checkpoint is ${state.path}` : 'No checkpoint was written yet';
    const { learningRate, clip } = request.optimizer;
    return new CadenzaError(
      'E_NUMERICS',
      `${title}: ${what} at step ${done} of ${steps}. ${checkpoint}. Lower the learning rate (now ${learningRate}) or the gradient clipping norm (now ${clip}), then run the command again.`,
    );
  };
  /** Checks the state: after a finite loss, the update can still produce numbers that are not finite. */
  const expectFinite = (done: number) => {
    const bad = state.notFinite();
    if (bad) throw diverged(`the ${bad} contain NaN or infinity`, done);
  };
  const save = (done: number) => {
    expectFinite(done);
    // Write metrics first: on resume, lines after the checkpoint are dropped, but missing lines before it could not be restored.
    log.flush();
    state.save({ key: context.key, step: done });
  };

  context.progress.start(title, steps, begin);
  const began = performance.now();
  for (let done = begin; done < steps; done++) {
    if (context.signal.aborted) {
      // Training can resume only at the start of a unit, which is saved already.
      if (done % unit === 0) save(done);
      context.signal.throwIfAborted();
    }
    const drew = performance.now();
    await fill(done, state.current());
    drawing += performance.now() - drew;
    step.data[0] = done + 1;
    const entered = performance.now();
    const result = await program.run({ ...state.current(), ...frozen, ...feeds, [STEP]: step }, outputs, { ...scalars, ...state.next() });
    inside += performance.now() - entered;
    const read = (name: string) => result[name].data[0];
    lastLoss = read('loss');
    const norm = read('gradientNorm');
    if (!Number.isFinite(lastLoss) || !Number.isFinite(norm)) throw diverged(`the loss is ${lastLoss} (gradient norm ${norm})`, done + 1);
    state.advance(result);
    const last = done + 1 === steps;
    if ((done + 1) % LOG_EVERY === 0 || last) {
      const row = rounded({ ...Object.fromEntries(scalarNames.map(name => [name, read(name)])), ...measured() });
      log.add(done + 1, row);
      lastMetrics = Object.fromEntries(Object.keys(metrics).map(name => [name, row[name]]));
      context.progress.update(done + 1, note());
    }
    if (probe && ((done + 1) % probe.every === 0 || last)) {
      const asked = performance.now();
      log.add(done + 1, { validation: await probe.measure(state.current()) });
      probing += performance.now() - asked;
    }
    if ((done + 1) % checkpointEvery === 0 && !last) save(done + 1);
  }
  expectFinite(steps);
  const total = performance.now() - began - probing;
  log.flush();
  context.progress.finish(note());
  return {
    weights: state.weights(),
    /** `overhead`: fraction of the loop's time, without probes, outside `run`. `sampling`: time to draw batches, divided by the time in `run`. */
    overhead: inside > 0 ? 1 - inside / total : 0,
    sampling: inside > 0 ? drawing / inside : 0,
    lastLoss,
    /** Metrics of the last step. Empty if no steps remained. */
    lastMetrics,
  };
}

/** What the program of a step depends on. */
export type StepRequest = Omit<TrainRequest, 'title' | 'batches' | 'checkpointEvery' | 'probe' | 'context'> & {
  readonly context: Pick<StageContext, 'folder' | 'signal'>;
};

/** One AdamW step as a compiled program, its initial state, and the frozen parameters. */
export async function compileStep(request: StepRequest) {
  const {
    loss,
    metrics,
    trainable,
    frozen = [],
    buffers = [],
    given,
    steps,
    optimizer,
    group,
    executor,
    workers,
    recompute,
    context,
  } = request;
  const { learningRate, warmup, weightDecay, clip, beta1, beta2, decayTo } = optimizer;
  const shapes = packing(trainable);
  const decays = perParameter(shapes, (name, shape) => (shape.length > 1 ? (group?.(name).weightDecay ?? weightDecay) : 0), 0);
  const step = {
    loss,
    trainable,
    frozen,
    metrics,
    recompute,
    optimizer: chain(
      clipByGlobalNorm(clip),
      adam({ beta1, beta2 }),
      ...(decays ? [decayWeights(decays)] : []),
      descend(
        warmupCosine({ peak: learningRate, warmup, total: steps, final: decayTo }),
        perParameter(shapes, name => group?.(name).rate ?? 1, 1),
      ),
    ),
  };
  const { graph, frozenLayout, layouts } = trainStep({ ...step, buffers });
  const constants = zeros([frozenLayout.size]);
  pack(frozenLayout, given, constants.data as Float32Array);
  await breathe(context.signal);
  const program = workers ? await compileForWorkers({ ...step, buffers, workers, constants, executor }) : await compileWhole();
  return {
    program,
    state: trainingState(join(context.folder, CHECKPOINT), layouts, given),
    frozen: (frozen.length > 0 ? { [FROZEN]: constants } : {}) as Record<string, HostTensor>,
  };

  async function compileWhole() {
    const optimized = optimize(graph);
    await breathe(context.signal);
    const model = toOnnx(optimized);
    await breathe(context.signal);
    return executor.compile(model);
  }
}

/**
 * The training state, in memory and as a checkpoint at `path`: parameters, optimizer moments and buffers, each packed into one vector.
 * `given` has the initial value of every parameter and buffer.
 */
function trainingState(path: string, layouts: Readonly<Record<string, Packing>>, given: ReadonlyMap<string, Float32Array>) {
  const slots = Object.entries(layouts);
  const trained = [PARAMETERS, BUFFERS].filter(name => name in layouts);
  const vectors = () => Object.fromEntries(slots.map(([name, { size }]) => [name, zeros([size])]));
  let [current, next]: TrainedState[] = [vectors(), vectors()];
  const dataOf = (name: string) => current[name].data as Float32Array;
  for (const name of trained) pack(layouts[name], given, dataOf(name));
  return {
    path,
    saved: () => existsSync(path),
    /** The vectors that a step reads, valid until the next step. */
    current: () => current,
    /** The vectors that a step writes, by output name. */
    next: () => Object.fromEntries(slots.map(([name]) => [`next.${name}`, next[name]])),
    /** Makes the written vectors the current ones. The next step overwrites the old ones. */
    advance(result: Readonly<Record<string, HostTensor>>): void {
      [current, next] = [Object.fromEntries(slots.map(([name]) => [name, result[`next.${name}`]])), current];
    },
    /** The name of a vector with a NaN or an infinity, if there is one. */
    notFinite: () => Object.keys(layouts).find(name => !dataOf(name).every(Number.isFinite)),
    weights: (): Weights => new Map(trained.flatMap(name => [...unpack(layouts[name], dataOf(name))])),
    save(at: { readonly key: string; readonly step: number }): void {
      const tensors = new Map<string, StoredTensor>();
      for (const [slot, { entries }] of slots)
        for (const { name, shape, offset } of entries)
          tensors.set(`${slot}/${name}`, { data: dataOf(slot).subarray(offset, offset + sizeOf(shape)), shape });
      saveCheckpoint(path, { ...at, tensors });
    },
    /** Loads the checkpoint, if there is one, and returns the number of finished steps. Throws the same errors as `loadCheckpoint`. */
    restore(request: CheckpointRequest): number {
      if (!existsSync(path)) return 0;
      const file = loadCheckpoint(path, request);
      for (const [slot, layout] of slots) pack(layout, weightsFrom(path, file, layout.entries, `${slot}/`), dataOf(slot));
      return file.step;
    },
  };
}

type Numbers = Readonly<Record<string, number>>;

const rounded = (numbers: Numbers): Numbers =>
  Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, Number(value.toPrecision(7))]));

/** Where a stage that resumes after `steps` steps writes its metrics. */
function metricsLog({ folder, tensorboard }: StageContext, steps: number): MetricsSink {
  const file = metricsFile(folder, steps);
  if (!tensorboard) return file;
  const events = eventFile(folder, { steps, before: readMetrics(folder) });
  return {
    add(step, metrics) {
      file.add(step, metrics);
      events.add(step, metrics);
    },
    flush() {
      file.flush();
      events.flush();
    },
  };
}

/** Measurements on validation tasks, by training step. */
export interface ValidationCurve {
  readonly step: number[];
  /** One column per measured quantity. */
  readonly values: Readonly<Record<string, number[]>>;
}

/** Reads the probe's measurements from the metrics file, including those of steps before an interruption. */
export function validationCurve(folder: string): ValidationCurve {
  const rows = readMetrics(folder).flatMap(({ step, metrics: { validation } }) =>
    typeof validation === 'object' ? [{ step, validation }] : [],
  );
  const names = Object.keys(rows[0].validation);
  return {
    step: rows.map(({ step }) => step),
    values: Object.fromEntries(names.map(name => [name, rows.map(({ validation }) => validation[name])])),
  };
}

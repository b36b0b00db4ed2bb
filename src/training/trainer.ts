/**
 * @file The training loop that every stage shares. A step is one `run`; the batch of step s depends on the seed and s alone, so a resumed
 * run sees the same batches and ends in the same bytes.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKPOINT, type CheckpointRequest, loadCheckpoint, saveCheckpoint, type Weights, weightsFrom } from '../cache/checkpoint.ts';
import type { StageContext } from '../cache/store.ts';
import { type Executor, type HostTensor, optimise, type StoredTensor, sizeOf, type Tensor, toOnnx, zeros } from '../engine/index.ts';
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
import type { OptimiserConfig } from '../settings/base.ts';
import { breathe } from '../util/breathe.ts';
import { CadenzaError } from '../util/errors.ts';
import { appendText, writeFileAtomic } from '../util/files.ts';

/** What is measured of a training, a line of JSON each time. */
export const METRICS = 'metrics.jsonl';
/** Steps between two lines of metrics. */
const LOG_EVERY = 10;

/** What a step trains on. */
export interface BatchSource {
  /** Buffers that `fill` writes before every step. */
  readonly feeds: Readonly<Record<string, HostTensor>>;
  /** Writes the batch of a step, counted from 0, that follows from the step and, at a multiple of `unit`, the state of the moment. */
  readonly fill: (step: number, state: TrainedState) => void | Promise<void>;
  /** Steps whose batches hang together: training is only continued at a multiple of it (default 1). */
  readonly unit?: number;
  /** Numbers of the present batch for the metrics, besides those that the graph computes. */
  readonly figures?: () => Readonly<Record<string, number>>;
  /** What the progress shows, if not the loss. */
  readonly note?: () => string;
}

export interface TrainRequest {
  /** Name on the progress bar. */
  readonly title: string;
  readonly loss: Tensor;
  readonly metrics?: Readonly<Record<string, Tensor>>;
  readonly trainable: readonly ParameterSpec[];
  readonly frozen?: readonly ParameterSpec[];
  /** State that steps replace without a gradient. Buffers that must stay as they are belong to `frozen`. */
  readonly buffers?: readonly BufferSpec[];
  /** The first value of every parameter and buffer. */
  readonly given: ReadonlyMap<string, Float32Array>;
  readonly steps: number;
  readonly optimiser: OptimiserConfig;
  /** Learning rate and weight decay of a parameter, relative to the optimiser's. */
  readonly group?: (name: string) => { rate?: number; weightDecay?: number };
  /** Where the batches come from. */
  readonly batches: BatchSource;
  /** Steps between two checkpoints; a multiple of the batches' `unit`. */
  readonly checkpointEvery: number;
  /** Measures what is trained after every so many steps and after the last; the numbers go into the metrics as `validation`. */
  readonly probe?: { readonly every: number; readonly measure: (state: TrainedState) => Promise<Readonly<Record<string, number>>> };
  readonly executor: Executor;
  readonly context: StageContext;
}

export interface TrainResult {
  /** The trained parameters and the buffers by name. */
  readonly weights: Weights;
  /** Share of the loop's time, probes aside, that was not spent in `run`. */
  readonly overhead: number;
  /** Time spent drawing batches, as a share of the time in `run`. */
  readonly sampling: number;
  readonly lastLoss: number;
  /** The metrics of the last step's batch; empty when no step was left to do. */
  readonly lastMetrics: Readonly<Record<string, number>>;
}

/** Trains to the end, from the stage's checkpoint where there is one. Throws `E_NUMERICS` at a loss or a state that is not finite, `E_INTERRUPTED` on a signal. */
export async function train(request: TrainRequest): Promise<TrainResult> {
  const { title, loss, metrics = {}, trainable, frozen = [], buffers = [], given, steps, optimiser, group, batches, probe } = request;
  const { executor, context } = request;
  const { feeds, fill, unit = 1, figures = () => ({}), note = () => `loss ${lastLoss.toFixed(4)}` } = batches;
  const { learningRate, warmup, weightDecay, clip, beta1, beta2, decayTo } = optimiser;
  const shapes = packing(trainable);
  const decays = perParameter(shapes, (name, shape) => (shape.length > 1 ? (group?.(name).weightDecay ?? weightDecay) : 0), 0);
  const { graph, layout, frozenLayout, state, layouts } = trainStep({
    loss,
    trainable,
    frozen,
    buffers,
    metrics,
    optimiser: chain(
      clipByGlobalNorm(clip),
      adam({ beta1, beta2 }),
      ...(decays ? [decayWeights(decays)] : []),
      descend(
        warmupCosine({ peak: learningRate, warmup, total: steps, final: decayTo }),
        perParameter(shapes, name => group?.(name).rate ?? 1, 1),
      ),
    ),
  });
  await breathe(context.signal);
  const optimised = optimise(graph);
  await breathe(context.signal);
  const model = toOnnx(optimised);
  await breathe(context.signal);
  const program = await executor.compile(model);

  const vectors = () => Object.fromEntries(state.map(name => [name, zeros([layouts[name].size])]));
  let [current, next] = [vectors(), vectors()];
  pack(layout, given, current[PARAMETERS].data as Float32Array);
  if (buffers.length > 0) pack(layouts[BUFFERS], given, current[BUFFERS].data as Float32Array);
  const frozenFeed: Record<string, HostTensor> = frozen.length > 0 ? { [FROZEN]: zeros([frozenLayout.size]) } : {};
  if (frozen.length > 0) pack(frozenLayout, given, frozenFeed[FROZEN].data as Float32Array);

  const checkpoint = join(context.folder, CHECKPOINT);
  const begin = existsSync(checkpoint) ? restore(checkpoint, layouts, current, { key: context.key, steps, unit }) : 0;
  keepMetrics(context.folder, begin);

  const scalarNames = ['loss', 'gradientNorm', 'learningRate', ...Object.keys(metrics)];
  const scalars = Object.fromEntries(scalarNames.map(name => [name, zeros([])]));
  const outputs = [...scalarNames, ...state.map(name => `next.${name}`)];
  const step = zeros([]);
  let [inside, drawing, probing] = [0, 0, 0];
  let lastLoss = Number.NaN;
  let lastMetrics: Record<string, number> = {};
  let lines = '';
  const diverged = (what: string, done: number) => {
    const kept = existsSync(checkpoint) ? `The last good checkpoint is ${checkpoint}` : 'No checkpoint had been written yet';
    return new CadenzaError(
      'E_NUMERICS',
      `${title}: ${what} at step ${done} of ${steps}. ${kept}. Lower the learning rate (now ${learningRate}) or the clipping norm (now ${clip}), then run again.`,
    );
  };
  /** A finite loss does not tell whether the update after it was. */
  const expectFinite = (done: number) => {
    const bad = state.find(name => !(current[name].data as Float32Array).every(Number.isFinite));
    if (bad) throw diverged(`the ${bad} stopped being finite numbers`, done);
  };
  const save = (done: number) => {
    expectFinite(done);
    // Metrics first: lines past a checkpoint are dropped on resume, lines before it would be missing for good.
    if (lines) appendText(join(context.folder, METRICS), lines);
    lines = '';
    saveCheckpoint(checkpoint, { key: context.key, step: done, tensors: stateTensors(layouts, current) });
  };

  context.progress.start(title, steps, begin);
  const began = performance.now();
  for (let done = begin; done < steps; done++) {
    if (context.signal.aborted) {
      // Within a unit only its beginning can be continued from, and that is saved already.
      if (done % unit === 0) save(done);
      context.signal.throwIfAborted();
    }
    const drew = performance.now();
    await fill(done, current);
    drawing += performance.now() - drew;
    step.data[0] = done + 1;
    const into = { ...scalars, ...Object.fromEntries(state.map(name => [`next.${name}`, next[name]])) };
    const entered = performance.now();
    const result = await program.run({ ...current, ...frozenFeed, ...feeds, [STEP]: step }, outputs, into);
    inside += performance.now() - entered;
    const read = (name: string) => result[name].data[0];
    lastLoss = read('loss');
    const norm = read('gradientNorm');
    if (!Number.isFinite(lastLoss) || !Number.isFinite(norm))
      throw diverged(`the loss became ${lastLoss} (gradient norm ${norm})`, done + 1);
    const written = Object.fromEntries(state.map(name => [name, result[`next.${name}`]]));
    [current, next] = [written, current];
    if ((done + 1) % LOG_EVERY === 0 || done + 1 === steps) {
      const numbers: Record<string, number> = { ...Object.fromEntries(scalarNames.map(name => [name, read(name)])), ...figures() };
      const row = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, Number(value.toPrecision(7))]));
      lines += `${JSON.stringify({ step: done + 1, ...row })}\n`;
      lastMetrics = Object.fromEntries(Object.keys(metrics).map(name => [name, row[name]]));
      context.progress.update(done + 1, note());
    }
    if (probe && ((done + 1) % probe.every === 0 || done + 1 === steps)) {
      const asked = performance.now();
      const validation = await probe.measure(current);
      probing += performance.now() - asked;
      lines += `${JSON.stringify({ step: done + 1, validation })}\n`;
    }
    if ((done + 1) % request.checkpointEvery === 0 && done + 1 < steps) save(done + 1);
  }
  expectFinite(steps);
  const total = performance.now() - began - probing;
  if (lines) appendText(join(context.folder, METRICS), lines);
  context.progress.finish(note());
  await program.dispose();
  return {
    weights: new Map(
      [PARAMETERS, BUFFERS].filter(name => name in layouts).flatMap(name => [...unpack(layouts[name], dataOf(current, name))]),
    ),
    overhead: inside > 0 ? 1 - inside / total : 0,
    sampling: inside > 0 ? drawing / inside : 0,
    lastLoss,
    lastMetrics,
  };
}

type Vectors = Record<string, HostTensor>;
type Layouts = Readonly<Record<string, Packing>>;

const dataOf = (vectors: Vectors, name: string) => vectors[name].data as Float32Array;

function stateTensors(layouts: Layouts, vectors: Vectors): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const [slot, { entries }] of Object.entries(layouts))
    for (const { name, shape, offset } of entries)
      tensors.set(`${slot}/${name}`, { data: dataOf(vectors, slot).subarray(offset, offset + sizeOf(shape)), shape });
  return tensors;
}

/** Loads a checkpoint into the vectors and gives the number of steps behind it. */
function restore(path: string, layouts: Layouts, vectors: Vectors, request: CheckpointRequest): number {
  const file = loadCheckpoint(path, request);
  for (const [slot, layout] of Object.entries(layouts))
    pack(layout, weightsFrom(path, file, layout.entries, `${slot}/`), dataOf(vectors, slot));
  return file.step;
}

/** Drops the metrics of steps that a resumed run will repeat. */
function keepMetrics(folder: string, steps: number): void {
  const path = join(folder, METRICS);
  if (!existsSync(path)) return;
  const kept = readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line && metricStep(line) <= steps);
  writeFileAtomic(path, kept.map(line => `${line}\n`).join(''));
}

/** A line that a killed process left half-written belongs to no step. */
function metricStep(line: string): number {
  try {
    return JSON.parse(line).step;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

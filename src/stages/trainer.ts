/**
 * @file The training loop that every stage shares. A step is one `run`; the batch of step s depends on the seed and s alone, so a resumed
 * run sees the same batches and ends in the same bytes.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Executor, type HostTensor, optimise, type Shape, sizeOf, type Tensor, toOnnx, zeros } from '../engine/index.ts';
import type { ParameterSpec } from '../nn/index.ts';
import {
  adam,
  chain,
  clipByGlobalNorm,
  decayWeights,
  descend,
  FROZEN,
  PARAMETERS,
  pack,
  packing,
  perParameter,
  STEP,
  trainStep,
  unpack,
  warmupCosine,
} from '../optim/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { appendText, writeFileAtomic } from '../util/files.ts';
import { loadWeights, type NamedShape, saveTensors, type Weights } from './checkpoint.ts';
import type { OptimiserConfig } from './config.ts';
import type { StageContext } from './store.ts';

const CHECKPOINT = 'checkpoint.safetensors';
const METRICS = 'metrics.jsonl';
/** Steps between two lines of metrics. */
const LOG_EVERY = 10;

export interface TrainRequest {
  /** Name on the progress bar. */
  readonly title: string;
  readonly loss: Tensor;
  readonly metrics?: Readonly<Record<string, Tensor>>;
  readonly trainable: readonly ParameterSpec[];
  readonly frozen?: readonly ParameterSpec[];
  /** The first value of every parameter, trainable or frozen. */
  readonly given: ReadonlyMap<string, Float32Array>;
  readonly steps: number;
  readonly optimiser: OptimiserConfig;
  /** Learning rate and weight decay of a parameter, relative to the optimiser's. */
  readonly group?: (name: string) => { rate?: number; weightDecay?: number };
  /** Buffers that `fill` writes before every step. */
  readonly batch: Readonly<Record<string, HostTensor>>;
  readonly fill: (step: number) => void;
  readonly checkpointEvery: number;
  readonly executor: Executor;
  readonly context: StageContext;
}

export interface TrainResult {
  /** The trained parameters by name. */
  readonly weights: Weights;
  /** Share of the loop's time that was not spent in `run`. */
  readonly overhead: number;
  /** Time spent drawing batches, as a share of the time in `run`. */
  readonly sampling: number;
  readonly lastLoss: number;
}

/** Trains to the end, from the stage's checkpoint where there is one. Throws `E_NUMERICS` at a loss or a state that is not finite, `E_INTERRUPTED` on a signal. */
export async function train(request: TrainRequest): Promise<TrainResult> {
  const { title, loss, metrics = {}, trainable, frozen = [], given, steps, optimiser, group, batch, fill, executor, context } = request;
  const { learningRate, warmup, weightDecay, clip, beta1, beta2, decayTo } = optimiser;
  const shapes = packing(trainable);
  const decays = perParameter(shapes, (name, shape) => (shape.length > 1 ? (group?.(name).weightDecay ?? weightDecay) : 0), 0);
  const { graph, layout, frozenLayout, state } = trainStep({
    loss,
    trainable,
    frozen,
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
  const program = await executor.compile(toOnnx(optimise(graph)));

  const vectors = () => Object.fromEntries(state.map(name => [name, zeros([layout.size])]));
  let [current, next] = [vectors(), vectors()];
  pack(layout, given, current[PARAMETERS].data as Float32Array);
  const frozenFeed: Record<string, HostTensor> = frozen.length > 0 ? { [FROZEN]: zeros([frozenLayout.size]) } : {};
  if (frozen.length > 0) pack(frozenLayout, given, frozenFeed[FROZEN].data as Float32Array);

  const checkpoint = join(context.folder, CHECKPOINT);
  const begin = existsSync(checkpoint) ? restore(checkpoint, trainable, state, current, context.key) : 0;
  keepMetrics(context.folder, begin);

  const scalarNames = ['loss', 'gradientNorm', 'learningRate', ...Object.keys(metrics)];
  const scalars = Object.fromEntries(scalarNames.map(name => [name, zeros([])]));
  const outputs = [...scalarNames, ...state.map(name => `next.${name}`)];
  const step = zeros([]);
  let [inside, drawing] = [0, 0];
  let lastLoss = Number.NaN;
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
    saveState(checkpoint, trainable, state, current, { key: context.key, step: String(done) });
  };

  context.progress.start(title, steps, begin);
  const began = performance.now();
  for (let done = begin; done < steps; done++) {
    if (context.signal.aborted) {
      save(done);
      context.signal.throwIfAborted();
    }
    const drew = performance.now();
    fill(done);
    drawing += performance.now() - drew;
    step.data[0] = done + 1;
    const into = { ...scalars, ...Object.fromEntries(state.map(name => [`next.${name}`, next[name]])) };
    const entered = performance.now();
    const result = await program.run({ ...current, ...frozenFeed, ...batch, [STEP]: step }, outputs, into);
    inside += performance.now() - entered;
    const read = (name: string) => result[name].data[0];
    lastLoss = read('loss');
    const norm = read('gradientNorm');
    if (!Number.isFinite(lastLoss) || !Number.isFinite(norm))
      throw diverged(`the loss became ${lastLoss} (gradient norm ${norm})`, done + 1);
    const written = Object.fromEntries(state.map(name => [name, result[`next.${name}`]]));
    [current, next] = [written, current];
    if ((done + 1) % LOG_EVERY === 0 || done + 1 === steps) {
      const row = Object.fromEntries(scalarNames.map(name => [name, Number(read(name).toPrecision(7))]));
      lines += `${JSON.stringify({ step: done + 1, ...row })}\n`;
      context.progress.update(done + 1, `loss ${lastLoss.toFixed(4)}`);
    }
    if ((done + 1) % request.checkpointEvery === 0 && done + 1 < steps) save(done + 1);
  }
  expectFinite(steps);
  const total = performance.now() - began;
  if (lines) appendText(join(context.folder, METRICS), lines);
  context.progress.finish(`loss ${lastLoss.toFixed(4)}`);
  await program.dispose();
  return {
    weights: unpack(layout, current[PARAMETERS].data as Float32Array),
    overhead: inside > 0 ? 1 - inside / total : 0,
    sampling: inside > 0 ? drawing / inside : 0,
    lastLoss,
  };
}

type Vectors = Record<string, HostTensor>;

function saveState(
  path: string,
  parameters: readonly NamedShape[],
  state: readonly string[],
  vectors: Vectors,
  metadata: Record<string, string>,
): void {
  const tensors = new Map<string, { data: Float32Array; shape: Shape }>();
  let offset = 0;
  for (const { name, shape } of parameters) {
    const size = sizeOf(shape);
    for (const slot of state)
      tensors.set(`${slot}/${name}`, { data: (vectors[slot].data as Float32Array).subarray(offset, offset + size), shape });
    offset += size;
  }
  saveTensors(path, tensors, metadata);
}

/** Loads a checkpoint into the vectors and gives the number of steps behind it. */
function restore(path: string, parameters: readonly NamedShape[], state: readonly string[], vectors: Vectors, key: string): number {
  let metadata: Record<string, string> = {};
  for (const slot of state) {
    const loaded = loadWeights(path, parameters, `${slot}/`);
    metadata = loaded.metadata;
    pack(packing(parameters), loaded.weights, vectors[slot].data as Float32Array);
  }
  if (metadata.key !== key)
    throw new CadenzaError(
      'E_CHECKPOINT',
      `${path} was written by another configuration (key ${metadata.key?.slice(0, 12)}, expected ${key.slice(0, 12)}). Delete it and run again.`,
    );
  return Number(metadata.step);
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

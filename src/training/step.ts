/**
 * @file One training step: the loss with its gradients and AdamW as one program, and the state that it updates. All training runs these
 * steps, in Node and in pages.
 */

import { type Executor, type HostTensor, optimize, type Program, type Tensor, toOnnx, zeros } from '../engine/index.ts';
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
  type TrainStepOptions,
  trainStep,
  unpack,
  warmupCosine,
} from '../optim/index.ts';
import type { OptimizerConfig } from '../settings/base.ts';
import { breathe } from '../util/breathe.ts';

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

/** What a step minimizes, and how. */
export interface OpenStepRequest {
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
  /** Whether blocks are computed again for their gradients, which saves memory. Default: false. */
  readonly recompute?: boolean;
  readonly executor: Executor;
  readonly signal: AbortSignal;
  /** Compiles the step in another way than as one graph. */
  readonly compile?: (step: BuiltStep) => Promise<Program>;
}

/** A step before it is compiled, and the frozen parameters that it reads. */
export type BuiltStep = Pick<TrainStepOptions, 'optimizer' | 'metrics' | 'recompute'> &
  Required<Pick<OpenStepRequest, 'loss' | 'trainable' | 'frozen' | 'buffers'>> & { readonly constants: HostTensor };

/** A step that can run, its state before the first one, and the frozen parameters. */
export type CompiledStep = Awaited<ReturnType<typeof openStep>>;

/** One AdamW step as a compiled program, its initial state, and the frozen parameters. */
export async function openStep(request: OpenStepRequest) {
  const { loss, metrics, trainable, frozen = [], buffers = [], given, steps, optimizer, group, recompute, executor, signal } = request;
  const { learningRate, warmup, weightDecay, clip, beta1, beta2, decayTo } = optimizer;
  const shapes = packing(trainable);
  const decays = perParameter(shapes, (name, shape) => (shape.length > 1 ? (group?.(name).weightDecay ?? weightDecay) : 0), 0);
  const step = {
    loss,
    trainable,
    frozen,
    metrics,
    buffers,
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
  const { graph, frozenLayout, layouts } = trainStep(step);
  const constants = zeros([frozenLayout.size]);
  pack(frozenLayout, given, constants.data as Float32Array);
  await breathe(signal);
  return {
    program: await (request.compile?.({ ...step, constants }) ?? compileWhole()),
    state: trainingState(layouts, given),
    frozen: (frozen.length > 0 ? { [FROZEN]: constants } : {}) as Record<string, HostTensor>,
  };

  async function compileWhole() {
    const optimized = optimize(graph);
    await breathe(signal);
    const model = toOnnx(optimized);
    await breathe(signal);
    return executor.compile(model);
  }
}

/**
 * The training state: parameters, optimizer moments and buffers, each packed into one vector. `given` has the initial value of every
 * parameter and buffer.
 */
function trainingState(layouts: Readonly<Record<string, Packing>>, given: ReadonlyMap<string, Float32Array>) {
  const slots = Object.entries(layouts);
  const trained = [PARAMETERS, BUFFERS].filter(name => name in layouts);
  const vectors = () => Object.fromEntries(slots.map(([name, { size }]) => [name, zeros([size])]));
  let [current, next]: TrainedState[] = [vectors(), vectors()];
  const vector = (name: string) => current[name].data as Float32Array;
  for (const name of trained) pack(layouts[name], given, vector(name));
  return {
    /** What is where in the vectors, by their names. */
    layouts,
    /** The numbers of a vector, valid until the next step. */
    vector,
    /** The vectors that a step reads, valid until the next step. */
    current: () => current,
    /** The vectors that a step writes, by output name. */
    next: () => Object.fromEntries(slots.map(([name]) => [`next.${name}`, next[name]])),
    /** Makes the written vectors the current ones. The next step overwrites the old ones. */
    advance(result: Readonly<Record<string, HostTensor>>): void {
      [current, next] = [Object.fromEntries(slots.map(([name]) => [name, result[`next.${name}`]])), current];
    },
    /** The name of a vector with a NaN or an infinity, if there is one. */
    notFinite: () => Object.keys(layouts).find(name => !vector(name).every(Number.isFinite)),
    weights: () => new Map(trained.flatMap(name => [...unpack(layouts[name], vector(name))])),
  };
}

/** What a step computed, and the milliseconds that its batch and its program took. */
export interface TakenStep {
  /** `loss`, `gradientNorm`, `learningRate` and the metrics of the graph. */
  readonly numbers: Readonly<Record<string, number>>;
  readonly drawMs: number;
  readonly runMs: number;
}

/** A function that takes step `done`, counted from 0, on its batch. */
export function stepTaker({ program, state, frozen }: CompiledStep, { feeds, fill }: BatchSource, metrics: readonly string[]) {
  const names = ['loss', 'gradientNorm', 'learningRate', ...metrics];
  const scalars = Object.fromEntries(names.map(name => [name, zeros([])]));
  const outputs = [...names, ...Object.keys(state.next())];
  const step = zeros([]);
  return async (done: number): Promise<TakenStep> => {
    const began = performance.now();
    await fill(done, state.current());
    step.data[0] = done + 1;
    const drawn = performance.now();
    const result = await program.run({ ...state.current(), ...frozen, ...feeds, [STEP]: step }, outputs, { ...scalars, ...state.next() });
    const runMs = performance.now() - drawn;
    state.advance(result);
    return { numbers: Object.fromEntries(names.map(name => [name, result[name].data[0]])), drawMs: drawn - began, runMs };
  };
}

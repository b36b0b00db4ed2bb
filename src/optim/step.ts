/**
 * @file A whole training step as one graph: forward, backward, clipping, update. All parameters are packed into one vector, and so is each
 * optimizer state, so that a step takes and returns three vectors however many layers there are. Buffers, which have no gradient, are
 * packed into one more.
 */

import { add, concat, constant, type Graph, grad, type HostTensor, input, reshape, rewrite, sizeOf, type Tensor } from '../engine/index.ts';
import { type Packing, packing, readPacked, type TrainableParameter } from './packing.ts';
import type { Transform } from './transforms.ts';

/** A tensor that a step replaces by an expression rather than by a gradient update, such as an exponential moving average. */
export interface TrainingBuffer extends TrainableParameter {
  /** Its value after the step. */
  readonly next: Tensor;
}

/** Input with the packed parameters. */
export const PARAMETERS = 'parameters';
/** Input with the packed frozen parameters. */
export const FROZEN = 'frozen';
/** Input with the packed buffers. */
export const BUFFERS = 'buffers';
/** Input with the step number. */
export const STEP = 'step';

/** The vectors that a step updates, by name: `parameters` [P], and `buffers` [S] if any. They are valid only until the next step. */
export type TrainedState = Readonly<Record<string, HostTensor>>;

/** What a training step is built from. */
export interface TrainStepOptions {
  /** Scalar float32 to minimize. */
  readonly loss: Tensor;
  /** Parameters that the step updates. */
  readonly trainable: readonly TrainableParameter[];
  /** Parameters that the loss reads but the step does not update. */
  readonly frozen?: readonly TrainableParameter[];
  /** Tensors that the step replaces by an expression. */
  readonly buffers?: readonly TrainingBuffer[];
  /** Turns the gradient into an update. */
  readonly optimizer: Transform;
  /** Further scalars to report. */
  readonly metrics?: Readonly<Record<string, Tensor>>;
  /** Whether `recomputable` parts of the loss are computed again for their gradients, as by `grad`. */
  readonly recompute?: boolean;
}

/** Concatenates tensors, flattened, into [S] in the order of the list. */
const joined = (tensors: readonly Tensor[]): Tensor =>
  concat(
    tensors.map(tensor => reshape(tensor, [sizeOf(tensor.shape)])),
    0,
  );

/** The gradient of the loss, packed into [P]. */
const packedGradient = ({ loss, trainable, recompute }: Pick<TrainStepOptions, 'loss' | 'trainable' | 'recompute'>): Tensor =>
  joined(
    grad(
      loss,
      trainable.map(({ tensor }) => tensor),
      { recompute },
    ),
  );

/** The state after a step, given the gradient [P]: outputs prefixed with `next.`, and the optimizer's metrics. */
function updated(optimizer: Transform, gradient: Tensor): Record<string, Tensor> {
  const parameters = input(PARAMETERS, gradient.shape);
  const slots = optimizer.init.map(name => input(name, gradient.shape));
  const result = optimizer.update(gradient, slots, { parameters, step: input(STEP, []) });
  const next = optimizer.init.map((name, i) => [`next.${name}`, result.state[i]]);
  return { ...result.metrics, [`next.${PARAMETERS}`]: add(parameters, result.update), ...Object.fromEntries(next) };
}

/**
 * Builds the training step. Inputs: `parameters` [P], one [P] vector per optimizer state, `step` (scalar, counted from 1), `frozen`,
 * `buffers` [S] if any, and the batch. Outputs: the same state names prefixed with `next.`, `loss`, and the metrics.
 *
 * @example
 * const scope = new Scope();
 * const loss = mean(square(sub(project(scope, input('x', [8, 3]), 1), input('y', [8, 1]))));
 * const trainable = [...scope.table.values()];
 * const { graph } = trainStep({ loss, trainable, optimizer: chain(adam(), descend(warmupCosine({ peak: 1e-3, warmup: 10, total: 100 })))
 * });
 */
export function trainStep(options: TrainStepOptions): {
  graph: Graph;
  layout: Packing;
  frozenLayout: Packing;
  /** The names of the vectors that the step takes and returns. */
  state: string[];
  /** Layout of each of them. */
  layouts: Readonly<Record<string, Packing>>;
} {
  const { loss, trainable, frozen = [], buffers = [], optimizer, metrics = {} } = options;
  const layout = packing(trainable);
  const frozenLayout = packing(frozen);
  const bufferLayout = packing(buffers);
  const outputs: Record<string, Tensor> = { loss, ...metrics, ...updated(optimizer, packedGradient(options)) };
  if (buffers.length > 0) outputs[`next.${BUFFERS}`] = joined(buffers.map(({ next }) => next));
  const graph = packed({ outputs }, { [PARAMETERS]: layout, [FROZEN]: frozenLayout, [BUFFERS]: bufferLayout });
  const perParameter = [PARAMETERS, ...optimizer.init];
  const state = buffers.length > 0 ? [...perParameter, BUFFERS] : perParameter;
  const layouts = Object.fromEntries(state.map(name => [name, name === BUFFERS ? bufferLayout : layout]));
  return { graph, layout, frozenLayout, state, layouts };
}

/** Output of `gradientStep` and input of `updateStep`: the packed gradient [P]. */
export const GRADIENT = 'gradient';

/** The first half of a training step: `parameters`, `frozen` and the batch → `loss`, the metrics, and `gradient` [P]. */
export function gradientStep(options: Omit<TrainStepOptions, 'buffers' | 'optimizer'>): Graph {
  const { loss, trainable, frozen = [], metrics = {} } = options;
  const outputs = { loss, ...metrics, [GRADIENT]: packedGradient(options) };
  return packed({ outputs }, { [PARAMETERS]: packing(trainable), [FROZEN]: packing(frozen) });
}

/** The second half: `parameters`, the optimizer's state, `step` and `gradient` [P] → the state after the step. */
export const updateStep = ({ trainable, optimizer }: Pick<TrainStepOptions, 'trainable' | 'optimizer'>): Graph => ({
  outputs: updated(optimizer, input(GRADIENT, [packing(trainable).size])),
});

/** Reads all parameters from the packed inputs of these names, one input for each. */
function packed(graph: Graph, layouts: Readonly<Record<string, Packing>>): Graph {
  const read = Object.entries(layouts).reduce((result, [name, layout]) => readPacked(result, layout, name), graph);
  // `readPacked` creates a new vector input, which must be the one that the optimizer reads.
  return sameVector(read, input(PARAMETERS, [layouts[PARAMETERS].size]));
}

const sameVector = (graph: Graph, vector: Tensor): Graph =>
  rewrite(graph, node => (node.op.name === 'input' && node.attributes.name === vector.node.attributes.name ? [vector] : undefined));

/** A constant [P] vector with one value for all entries of each parameter; undefined if every value is `neutral`. */
export function perParameter(
  layout: Packing,
  value: (name: string, shape: readonly number[]) => number,
  neutral: number,
): Tensor | undefined {
  const values = new Float32Array(layout.size);
  for (const { name, shape, offset } of layout.entries) values.fill(value(name, shape), offset, offset + sizeOf(shape));
  return values.every(v => v === Math.fround(neutral)) ? undefined : constant(values);
}

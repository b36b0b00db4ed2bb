/**
 * @file A whole training step as one graph: forward, backward, clipping, update. Parameters live in one packed vector, and so does each
 * optimizer state, so that a step takes three vectors in and gives three out however many layers there are. Buffers, which no gradient
 * changes, live in one more.
 */

import { add, concat, constant, type Graph, grad, type HostTensor, input, reshape, rewrite, sizeOf, type Tensor } from '../engine/index.ts';
import { type Packing, packing, readPacked, type TrainableParameter } from './packing.ts';
import type { Transform } from './transforms.ts';

/** A tensor that a step replaces by another expression, not by a gradient's: an exponential average, say. */
export interface TrainingBuffer extends TrainableParameter {
  /** Its value after the step. */
  readonly next: Tensor;
}

export const PARAMETERS = 'parameters';
export const FROZEN = 'frozen';
export const BUFFERS = 'buffers';
export const STEP = 'step';

/** The vectors that a step changes, by name: `parameters` [P], `buffers` [S] where there are any. They are only valid until the step. */
export type TrainedState = Readonly<Record<string, HostTensor>>;

export interface TrainStepOptions {
  readonly loss: Tensor;
  readonly trainable: readonly TrainableParameter[];
  /** Parameters that are read and not changed. */
  readonly frozen?: readonly TrainableParameter[];
  /** State that the step replaces by itself. */
  readonly buffers?: readonly TrainingBuffer[];
  readonly optimizer: Transform;
  /** Further scalars to report. */
  readonly metrics?: Readonly<Record<string, Tensor>>;
}

/** What one vector after another is made of: [S] in the order of the list. */
const joined = (tensors: readonly Tensor[]): Tensor =>
  concat(
    tensors.map(tensor => reshape(tensor, [sizeOf(tensor.shape)])),
    0,
  );

/**
 * Builds the step. Inputs: `parameters` [P], one [P] vector per optimizer state, `step` (scalar, counted from 1), `frozen`, `buffers` [S]
 * where there are any, and the batch. Outputs: the same state names with `next.` before them, `loss`, and the metrics.
 */
export function trainStep({ loss, trainable, frozen = [], buffers = [], optimizer, metrics = {} }: TrainStepOptions): {
  graph: Graph;
  layout: Packing;
  frozenLayout: Packing;
  /** The vectors that the step takes and gives. */
  state: string[];
  /** How each of them is laid out. */
  layouts: Readonly<Record<string, Packing>>;
} {
  const layout = packing(trainable);
  const frozenLayout = packing(frozen);
  const bufferLayout = packing(buffers);
  const gradient = joined(
    grad(
      loss,
      trainable.map(({ tensor }) => tensor),
    ),
  );
  const parameters = input(PARAMETERS, [layout.size]);
  const step = input(STEP, []);
  const slots = optimizer.init.map(name => input(name, [layout.size]));
  const result = optimizer.update(gradient, slots, { parameters, step });
  const outputs: Record<string, Tensor> = { loss, ...metrics, ...result.metrics, [`next.${PARAMETERS}`]: add(parameters, result.update) };
  for (const [i, name] of optimizer.init.entries()) outputs[`next.${name}`] = result.state[i];
  if (buffers.length > 0) outputs[`next.${BUFFERS}`] = joined(buffers.map(({ next }) => next));
  const packed = readPacked(readPacked(readPacked({ outputs }, layout, PARAMETERS), frozenLayout, FROZEN), bufferLayout, BUFFERS);
  // `readPacked` makes a vector input of its own, which must be the one that the optimizer read.
  const graph = sameVector(packed, parameters);
  const perParameter = [PARAMETERS, ...optimizer.init];
  const state = buffers.length > 0 ? [...perParameter, BUFFERS] : perParameter;
  const layouts = Object.fromEntries(state.map(name => [name, name === BUFFERS ? bufferLayout : layout]));
  return { graph, layout, frozenLayout, state, layouts };
}

const sameVector = (graph: Graph, vector: Tensor): Graph =>
  rewrite(graph, node => (node.op.name === 'input' && node.attributes.name === vector.node.attributes.name ? [vector] : undefined));

/** [P] vector with one value for all entries of each parameter, as a constant; undefined when every value is `neutral`. */
export function perParameter(
  layout: Packing,
  value: (name: string, shape: readonly number[]) => number,
  neutral: number,
): Tensor | undefined {
  const values = new Float32Array(layout.size);
  for (const { name, shape, offset } of layout.entries) values.fill(value(name, shape), offset, offset + sizeOf(shape));
  return values.every(v => v === Math.fround(neutral)) ? undefined : constant(values);
}

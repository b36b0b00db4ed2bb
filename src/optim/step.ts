/**
 * @file A whole training step as one graph: forward, backward, clipping, update. Parameters live in one packed vector, and so does each
 * optimiser state, so that a step takes three buffers in and gives three out however many layers there are.
 */

import { add, concat, constant, type Graph, grad, input, reshape, rewrite, sizeOf, slice, type Tensor } from '../engine/index.ts';
import type { Transform } from './transforms.ts';

/** One parameter as the optimiser sees it. */
export interface TrainableParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly tensor: Tensor;
}

/** Where each parameter stands in the packed vector. */
export interface Packing {
  readonly size: number;
  readonly entries: readonly { readonly name: string; readonly shape: readonly number[]; readonly offset: number }[];
}

/** Lays parameters out one behind the other. */
export function packing(parameters: readonly Pick<TrainableParameter, 'name' | 'shape'>[]): Packing {
  let size = 0;
  const entries = parameters.map(({ name, shape }) => {
    const offset = size;
    size += sizeOf(shape);
    return { name, shape, offset };
  });
  return { size, entries };
}

/** Copies named values into one vector; every entry of the packing must be there. */
export function pack(
  { size, entries }: Packing,
  values: ReadonlyMap<string, Float32Array>,
  target: Float32Array = new Float32Array(size),
): Float32Array {
  for (const { name, offset } of entries) target.set(values.get(name)!, offset);
  return target;
}

/** Named copies of the parts of one vector. */
export const unpack = ({ entries }: Packing, vector: Float32Array): Map<string, Float32Array> =>
  new Map(entries.map(({ name, shape, offset }) => [name, vector.slice(offset, offset + sizeOf(shape))]));

/** Replaces every parameter input by its part of the packed input called `name`. */
export function readPacked(graph: Graph, layout: Packing, name: string): Graph {
  if (layout.size === 0) return graph;
  const vector = input(name, [layout.size]);
  const places = new Map(layout.entries.map(entry => [entry.name, entry]));
  return rewrite(graph, node => {
    const place = node.op.name === 'input' ? places.get(node.attributes.name as string) : undefined;
    return place && [reshape(slice(vector, 0, place.offset, place.offset + sizeOf(place.shape)), place.shape)];
  });
}

export const PARAMETERS = 'parameters';
export const FROZEN = 'frozen';
export const STEP = 'step';

export interface TrainStepOptions {
  readonly loss: Tensor;
  readonly trainable: readonly TrainableParameter[];
  /** Parameters that are read and not changed. */
  readonly frozen?: readonly TrainableParameter[];
  readonly optimiser: Transform;
  /** Further scalars to report. */
  readonly metrics?: Readonly<Record<string, Tensor>>;
}

/**
 * Builds the step. Inputs: `parameters` [P], one [P] vector per optimiser state, `step` (scalar, counted from 1), `frozen`, and the batch.
 * Outputs: the same state names with `next.` before them, `loss`, and the metrics.
 */
export function trainStep({ loss, trainable, frozen = [], optimiser, metrics = {} }: TrainStepOptions): {
  graph: Graph;
  layout: Packing;
  frozenLayout: Packing;
  state: string[];
} {
  const layout = packing(trainable);
  const frozenLayout = packing(frozen);
  const gradients = grad(
    loss,
    trainable.map(({ tensor }) => tensor),
  );
  const gradient = concat(
    gradients.map((g, i) => reshape(g, [sizeOf(trainable[i].shape)])),
    0,
  );
  const parameters = input(PARAMETERS, [layout.size]);
  const step = input(STEP, []);
  const slots = optimiser.init.map(name => input(name, [layout.size]));
  const result = optimiser.update(gradient, slots, { parameters, step });
  const outputs: Record<string, Tensor> = { loss, ...metrics, ...result.metrics, [`next.${PARAMETERS}`]: add(parameters, result.update) };
  for (const [i, name] of optimiser.init.entries()) outputs[`next.${name}`] = result.state[i];
  // `readPacked` makes a vector input of its own, which must be the one that the optimiser read.
  const shared = sameVector(readPacked(readPacked({ outputs }, layout, PARAMETERS), frozenLayout, FROZEN), parameters);
  return { graph: shared, layout, frozenLayout, state: [PARAMETERS, ...optimiser.init] };
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

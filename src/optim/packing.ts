/** @file Packs many tensors into one vector: a few large inputs and outputs instead of many small ones. */

import { type Data, type Graph, input, reshape, rewrite, sizeOf, slice, type Tensor } from '../engine/index.ts';

/** A parameter as the optimizer sees it. */
export interface TrainableParameter {
  readonly name: string;
  /** Sizes of its axes. */
  readonly shape: readonly number[];
  /** The graph input that stands for it. */
  readonly tensor: Tensor;
}

/** The position of each parameter in the packed vector. */
export interface Packing {
  readonly size: number;
  /** Name, shape and first index of each parameter. */
  readonly entries: readonly { readonly name: string; readonly shape: readonly number[]; readonly offset: number }[];
}

/** Lays parameters out one after another. */
export function packing(parameters: readonly Pick<TrainableParameter, 'name' | 'shape'>[]): Packing {
  let size = 0;
  const entries = parameters.map(({ name, shape }) => {
    const offset = size;
    size += sizeOf(shape);
    return { name, shape, offset };
  });
  return { size, entries };
}

/** Copies named values into one vector [P]; every entry of the packing must be present. */
export function pack(
  { size, entries }: Packing,
  values: ReadonlyMap<string, Float32Array>,
  target: Float32Array = new Float32Array(size),
): Float32Array {
  for (const { name, offset } of entries) target.set(values.get(name)!, offset);
  return target;
}

/** Splits a vector [P] into named copies of its parts. */
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

/** Σ of vectors, always added in the order of the list, into `sum`. */
export function addInOrder(vectors: readonly Data[], sum: Data): void {
  sum.set(vectors[0]);
  for (const vector of vectors.slice(1)) for (let i = 0; i < sum.length; i++) sum[i] += vector[i];
}

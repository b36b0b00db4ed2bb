/** @file Inputs and constants, changes of shape that move no data, and broadcast and sum, from which all other gradients are built. */

import { CadenzaError, invariant } from '../../util/errors.ts';
import {
  applyOne,
  axisOf,
  broadcastShapes,
  type DType,
  formatType,
  type OpRecord,
  type Shape,
  sameShape,
  sizeOf,
  stridesOf,
  type Tensor,
} from '../tensor.ts';

/** ONNX's code of each dtype. */
export const ONNX_TYPE: Record<DType, number> = { float32: 1, int32: 6, bool: 9 };

const free = () => 0;

/** Op record of `input`. */
export const INPUT: OpRecord<{ name: string; shape: Shape; dtype: DType }> = {
  name: 'input',
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  gradient: 'none',
  reference: (_, { name }) => {
    throw new CadenzaError('E_SHAPE', `the graph has no value for its input "${name}". Add it to the feeds.`);
  },
  lower: () => {},
  flops: free,
};

/**
 * A graph input, fed at run time.
 *
 * @example const x = input('x', [8, 64]); // float32
 */
export const input = (name: string, shape: Shape, dtype: DType = 'float32'): Tensor => applyOne(INPUT, [], { name, shape, dtype });

/** Op record of `constant`. */
export const CONSTANT: OpRecord<{ data: ArrayLike<number>; shape: Shape; dtype: DType }> = {
  name: 'constant',
  infer: (_, { data, shape, dtype }) => {
    invariant(data.length === sizeOf(shape), `constant: ${data.length} numbers do not fill the shape [${shape.join(', ')}].`);
    return [{ shape, dtype }];
  },
  gradient: 'none',
  reference: (_, { data }) => [Float64Array.from(data)],
  lower: () => {},
  flops: free,
};

/** A value known when the graph is built; without a shape, a scalar or a vector. */
export function constant(data: number | ArrayLike<number>, shape?: Shape, dtype: DType = 'float32'): Tensor {
  if (typeof data === 'number') return applyOne(CONSTANT, [], { data: [data], shape: shape ?? [], dtype });
  return applyOne(CONSTANT, [], { data, shape: shape ?? [data.length], dtype });
}

/** A tensor, or a number that stands for a float32 scalar. */
export type Operand = Tensor | number;
/** Turns an operand into a tensor. */
export const lift = (x: Operand): Tensor => (typeof x === 'number' ? constant(x) : x);

/** Op record of `reshape`. */
export const RESHAPE: OpRecord<{ shape: Shape }> = {
  name: 'reshape',
  infer: ([x], { shape }) => {
    invariant(sizeOf(x.shape) === sizeOf(shape), `reshape: ${formatType(x)} does not have the size of [${shape.join(', ')}].`);
    return [{ shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], upstream: [g] }) => [g && reshape(g, x.shape)],
  reference: ([x]) => [x.data],
  lower: (c, { inputs: [x], outputs: [y], attributes: { shape } }) => c.emit('Reshape', [c.name(x), c.int64(shape)], [c.name(y)]),
  flops: free,
};

/** The same numbers in another shape; one entry may be -1 and is inferred. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const unknown = shape.indexOf(-1);
  const full = unknown < 0 ? shape : shape.with(unknown, sizeOf(x.shape) / -sizeOf(shape));
  return sameShape(full, x.shape) ? x : applyOne(RESHAPE, [x], { shape: full });
}

/** Op record of `transpose`. */
export const TRANSPOSE: OpRecord<{ permutation: readonly number[] }> = {
  name: 'transpose',
  infer: ([x], { permutation }) => {
    const valid = permutation.length === x.shape.length && x.shape.every((_, i) => permutation.includes(i));
    invariant(valid, `transpose: [${permutation.join(', ')}] is not a permutation of the axes of ${formatType(x)}.`);
    return [{ shape: permutation.map(axis => x.shape[axis]), dtype: x.dtype }];
  },
  gradient: ({ attributes: { permutation }, upstream: [g] }) => [
    g &&
      transpose(
        g,
        permutation.map((_, i) => permutation.indexOf(i)),
      ),
  ],
  reference: ([x], { permutation }, [y]) => {
    const strides = stridesOf(x.shape);
    return [
      gatherStrided(
        x.data,
        y.shape,
        permutation.map(axis => strides[axis]),
      ),
    ];
  },
  lower: (c, { inputs: [x], outputs: [y], attributes: { permutation } }) =>
    c.emit('Transpose', [c.name(x)], [c.name(y)], { perm: permutation }),
  flops: free,
};

/** Reorders axes: output axis i is input axis permutation[i]. */
export const transpose = (x: Tensor, permutation: readonly number[]): Tensor => applyOne(TRANSPOSE, [x], { permutation });

/** Reads `data` in the order of `shape` with the given strides (0 repeats). */
export function gatherStrided(data: Float64Array, shape: Shape, strides: readonly number[]): Float64Array {
  const out = new Float64Array(sizeOf(shape));
  const index = new Array<number>(shape.length).fill(0);
  let offset = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = data[offset];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += strides[axis];
      if (++index[axis] < shape[axis]) break;
      offset -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

/** Strides that read an array of shape `from` as the larger shape `to`. */
export function broadcastStrides(from: Shape, to: Shape): number[] {
  const strides = stridesOf(from);
  return to.map((_, i) => {
    const axis = i - (to.length - from.length);
    return axis < 0 || from[axis] === 1 ? 0 : strides[axis];
  });
}

/** Op record of `cast`. */
export const CAST: OpRecord<{ dtype: DType }> = {
  name: 'cast',
  infer: ([x], { dtype }) => [{ shape: x.shape, dtype }],
  gradient: 'none',
  reference: ([x], { dtype }) => [
    dtype === 'bool' ? x.data.map(v => Number(v !== 0)) : dtype === 'int32' ? x.data.map(Math.trunc) : x.data,
  ],
  lower: (c, { inputs: [x], outputs: [y], attributes: { dtype } }) => c.emit('Cast', [c.name(x)], [c.name(y)], { to: ONNX_TYPE[dtype] }),
  flops: free,
};

/** Converts to another dtype; no gradient flows. */
export const cast = (x: Tensor, dtype: DType): Tensor => (x.dtype === dtype ? x : applyOne(CAST, [x], { dtype }));

/** Op record of `stopGradient`. */
export const STOP_GRADIENT: OpRecord<Record<string, never>> = {
  name: 'stopGradient',
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  gradient: 'none',
  reference: ([x]) => [x.data],
  lower: (c, { inputs: [x], outputs: [y] }) => c.emit('Identity', [c.name(x)], [c.name(y)]),
  flops: free,
};

/** The same value, but no gradient flows through it. */
export const stopGradient = (x: Tensor): Tensor => applyOne(STOP_GRADIENT, [x], {});

/** Op record of `broadcastTo`. */
export const BROADCAST: OpRecord<{ shape: Shape }> = {
  name: 'broadcastTo',
  infer: ([x], { shape }) => {
    invariant(
      sameShape(broadcastShapes(x.shape, shape, 'broadcastTo'), shape),
      `broadcastTo: ${formatType(x)} does not fit [${shape.join(', ')}].`,
    );
    return [{ shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], upstream: [g] }) => [g && sumTo(g, x.shape)],
  reference: ([x], { shape }) => [gatherStrided(x.data, shape, broadcastStrides(x.shape, shape))],
  lower: (c, { inputs: [x], outputs: [y], attributes: { shape } }) => c.emit('Expand', [c.name(x), c.int64(shape)], [c.name(y)]),
  flops: free,
};

/** Repeats along axes of size 1 (and new leading axes) to reach the shape. */
export const broadcastTo = (x: Operand, shape: Shape): Tensor => {
  const tensor = lift(x);
  return sameShape(tensor.shape, shape) ? tensor : applyOne(BROADCAST, [tensor], { shape });
};

/** The tensor [1, ..] that `x` repeats along its first axis only: what is done to every row can be done to that one. Otherwise undefined. */
export function repeatedRow({ node, shape }: Tensor): Tensor | undefined {
  if (node.op.name !== BROADCAST.name) return undefined;
  const [source] = node.inputs;
  const row = [1, ...shape.slice(1)];
  const aligned = [...new Array(shape.length - source.shape.length).fill(1), ...source.shape];
  return sameShape(aligned, row) ? reshape(source, row) : undefined;
}

/** The shape after reducing `axes`; with `keep`, they stay with size 1. */
export const reducedShape = (shape: Shape, axes: readonly number[], keep: boolean): number[] =>
  keep ? shape.map((n, i) => (axes.includes(i) ? 1 : n)) : shape.filter((_, i) => !axes.includes(i));

/** Groups the elements of `x` by their index outside `axes`, in the order of the reduced shape, and folds each group. */
export function reduceReference(
  x: { data: Float64Array; shape: Shape },
  axes: readonly number[],
  fold: (group: Float64Array) => number,
): Float64Array {
  const strides = stridesOf(x.shape);
  const kept = x.shape.map((_, i) => i).filter(i => !axes.includes(i));
  const order = [...kept, ...axes];
  const sorted = gatherStrided(
    x.data,
    order.map(i => x.shape[i]),
    order.map(i => strides[i]),
  );
  const groups = sizeOf(kept.map(i => x.shape[i]));
  const length = groups === 0 ? 0 : sorted.length / groups;
  return Float64Array.from({ length: groups }, (_, i) => fold(sorted.subarray(i * length, (i + 1) * length)));
}

/** Op record of `sum`. */
export const SUM: OpRecord<{ axes: readonly number[]; keep: boolean }> = {
  name: 'sum',
  infer: ([x], { axes, keep }) => [{ shape: reducedShape(x.shape, axes, keep), dtype: x.dtype }],
  gradient: ({ inputs: [x], attributes: { axes }, upstream: [g] }) => [
    g && broadcastTo(reshape(g, reducedShape(x.shape, axes, true)), x.shape),
  ],
  reference: ([x], { axes }) => [reduceReference(x, axes, group => group.reduce((a, b) => a + b, 0))],
  lower: (c, { inputs: [x], outputs: [y], attributes: { axes, keep } }) =>
    c.emit('ReduceSum', [c.name(x), c.int64(axes)], [c.name(y)], { keepdims: Number(keep) }),
  flops: ({ inputs: [x] }) => sizeOf(x.shape),
};

/** Sum over `axes` (by default all). */
export function sum(x: Tensor, axes: readonly number[] = x.shape.map((_, i) => i), keep = false): Tensor {
  if (axes.length === 0) return x;
  const normal = axes.map(axis => axisOf(x.shape, axis, 'sum')).sort((a, b) => a - b);
  return applyOne(SUM, [x], { axes: normal, keep });
}

/** The adjoint of a broadcast: sums `x` over every axis along which `shape` was repeated. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const lead = x.shape.length - shape.length;
  const axes = x.shape.map((_, i) => i).filter(i => i < lead || (shape[i - lead] === 1 && x.shape[i] !== 1));
  return reshape(sum(x, axes), shape);
}

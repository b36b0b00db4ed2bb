/** @file Reductions other than sum. */

import { applyOne, axisOf, type OpRecord, sizeOf, type Tensor } from '../tensor.ts';
import { div, equal, mul } from './elementwise.ts';
import { broadcastTo, cast, ONNX_TYPE, reducedShape, reduceReference, reshape, sum } from './structure.ts';

/** Attributes of a reduction. */
export interface ReduceAttributes extends Record<string, unknown> {
  /** Axes to reduce. */
  readonly axes: readonly number[];
  /** Whether reduced axes stay, with size 1. */
  readonly keep: boolean;
}

/** Op record of `mean`. */
export const MEAN: OpRecord<ReduceAttributes> = {
  name: 'mean',
  infer: ([x], { axes, keep }) => [{ shape: reducedShape(x.shape, axes, keep), dtype: x.dtype }],
  gradient: ({ inputs: [x], outputs: [y], attributes: { axes }, upstream: [g] }) => [
    g && broadcastTo(reshape(mul(g, sizeOf(y.shape) / sizeOf(x.shape)), reducedShape(x.shape, axes, true)), x.shape),
  ],
  reference: ([x], { axes }) => [reduceReference(x, axes, group => group.reduce((a, b) => a + b, 0) / group.length)],
  lower: (c, { inputs: [x], outputs: [y], attributes: { axes, keep } }) =>
    c.emit('ReduceMean', [c.name(x)], [c.name(y)], { axes, keepdims: Number(keep) }),
  flops: ({ inputs: [x] }) => sizeOf(x.shape),
};

/** Op record of `max`. */
export const MAX: OpRecord<ReduceAttributes> = {
  name: 'max',
  infer: ([x], { axes, keep }) => [{ shape: reducedShape(x.shape, axes, keep), dtype: x.dtype }],
  // Equal maxima share the gradient.
  gradient: ({ inputs: [x], outputs: [y], attributes: { axes }, upstream: [g] }) => {
    const wide = reducedShape(x.shape, axes, true);
    const hit = cast(equal(x, reshape(y, wide)), 'float32');
    return [g && mul(hit, div(reshape(g, wide), sum(hit, axes, true)))];
  },
  reference: ([x], { axes }) => [reduceReference(x, axes, group => group.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY))],
  lower: (c, { inputs: [x], outputs: [y], attributes: { axes, keep } }) =>
    c.emit('ReduceMax', [c.name(x)], [c.name(y)], { axes, keepdims: Number(keep) }),
  flops: ({ inputs: [x] }) => sizeOf(x.shape),
};

const normalize = (x: Tensor, axes: readonly number[]) => axes.map(axis => axisOf(x.shape, axis, 'reduce')).sort((a, b) => a - b);
const allAxes = (x: Tensor) => x.shape.map((_, i) => i);

/** Mean over `axes` (by default all). */
export const mean = (x: Tensor, axes: readonly number[] = allAxes(x), keep = false): Tensor =>
  axes.length === 0 ? x : applyOne(MEAN, [x], { axes: normalize(x, axes), keep });

/** Largest entry over `axes` (by default all). */
export const max = (x: Tensor, axes: readonly number[] = allAxes(x), keep = false): Tensor =>
  axes.length === 0 ? x : applyOne(MAX, [x], { axes: normalize(x, axes), keep });

/** Op record of `argmax`. */
export const ARGMAX: OpRecord<{ axis: number }> = {
  name: 'argmax',
  infer: ([x], { axis }) => [{ shape: x.shape.filter((_, i) => i !== axis), dtype: 'int32' }],
  gradient: 'none',
  reference: ([x], { axis }) => [reduceReference(x, [axis], group => group.indexOf(group.reduce((a, b) => Math.max(a, b))))],
  lower: (c, { inputs: [x], outputs: [y], attributes: { axis } }) => {
    const wide = c.fresh('index');
    c.emit('ArgMax', [c.name(x)], [wide], { axis, keepdims: 0 });
    c.emit('Cast', [wide], [c.name(y)], { to: ONNX_TYPE.int32 });
  },
  flops: ({ inputs: [x] }) => sizeOf(x.shape),
};

/** Index of the largest entry along one axis, as int32; the first if several are equal. */
export const argmax = (x: Tensor, axis = -1): Tensor => applyOne(ARGMAX, [x], { axis: axisOf(x.shape, axis, 'argmax') });

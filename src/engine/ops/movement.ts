/** @file Ops that move numbers: slice, pad, concat, split, one-hot. */

import { invariant } from '../../util/errors.ts';
import { apply, applyOne, axisOf, formatType, type OpRecord, type Shape, sizeOf, stridesOf, type Tensor } from '../tensor.ts';
import { broadcastTo, ONNX_TYPE, reshape } from './structure.ts';

/** Splits a shape at one axis: `outer` is the size of the axes before it, `inner` that of the axes after it. */
function blocks(shape: Shape, axis: number): { outer: number; inner: number } {
  return { outer: sizeOf(shape.slice(0, axis)), inner: stridesOf(shape)[axis] };
}

/** Op record of `slice`. */
export const SLICE: OpRecord<{ axis: number; start: number; stop: number; step: number }> = {
  name: 'slice',
  infer: ([x], { axis, start, stop, step }) => {
    invariant(
      0 <= start && start < stop && stop <= x.shape[axis] && step > 0,
      `slice: [${start}:${stop}:${step}] does not fit axis ${axis} of ${formatType(x)}.`,
    );
    return [{ shape: x.shape.with(axis, Math.ceil((stop - start) / step)), dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], outputs: [y], attributes: { axis, start, step }, upstream: [g] }) => {
    const spread = (y.shape[axis] - 1) * step + 1;
    return [g && pad(g, axis, start, x.shape[axis] - start - spread, step)];
  },
  reference: ([x], { axis, start, step }, [y]) => {
    const { outer, inner } = blocks(x.shape, axis);
    const out = new Float64Array(sizeOf(y.shape));
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < y.shape[axis]; i++) {
        const from = (o * x.shape[axis] + start + i * step) * inner;
        out.set(x.data.subarray(from, from + inner), (o * y.shape[axis] + i) * inner);
      }
    return [out];
  },
  lower: (c, { inputs: [x], outputs: [y], attributes: { axis, start, stop, step } }) =>
    c.emit('Slice', [c.name(x), ...[start, stop, axis, step].map(n => c.int64([n]))], [c.name(y)]),
  flops: () => 0,
};

/** Every `step`-th entry of [start, stop) along one axis; negative bounds count from the end. */
export function slice(x: Tensor, axis: number, start: number, stop: number = x.shape.at(axis)!, step = 1): Tensor {
  const normal = axisOf(x.shape, axis, 'slice');
  const n = x.shape[normal];
  const [from, to] = [start, stop].map(bound => (bound < 0 ? bound + n : bound));
  return from === 0 && to === n && step === 1 ? x : applyOne(SLICE, [x], { axis: normal, start: from, stop: to, step });
}

/** Op record of `pad`. */
export const PAD: OpRecord<{ axis: number; before: number; after: number }> = {
  name: 'pad',
  infer: ([x], { axis, before, after }) => {
    invariant(before >= 0 && after >= 0, `pad: cannot add ${before} and ${after} entries.`);
    return [{ shape: x.shape.with(axis, before + x.shape[axis] + after), dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], attributes: { axis, before }, upstream: [g] }) => [g && slice(g, axis, before, before + x.shape[axis])],
  reference: ([x], { axis, before }, [y]) => {
    const { outer, inner } = blocks(x.shape, axis);
    const out = new Float64Array(sizeOf(y.shape));
    const row = x.shape[axis] * inner;
    for (let o = 0; o < outer; o++) out.set(x.data.subarray(o * row, (o + 1) * row), (o * y.shape[axis] + before) * inner);
    return [out];
  },
  lower: (c, { inputs: [x], outputs: [y], attributes: { axis, before, after } }) => {
    const amount = (n: number) => x.shape.map((_, i) => (i === axis ? n : 0));
    c.emit('Pad', [c.name(x), c.int64([...amount(before), ...amount(after)])], [c.name(y)]);
  },
  flops: () => 0,
};

/** Pads one axis with zeros, before and after and (with `step` > 1) between its entries: the gradient of a slice. */
export function pad(x: Tensor, axis: number, before: number, after: number, step = 1): Tensor {
  if (step > 1 && x.shape[axis] > 1) {
    // Each entry becomes a group of `step` with zeros behind it; the zeros of the last group are cut off.
    const split = [...x.shape.slice(0, axis + 1), 1, ...x.shape.slice(axis + 1)];
    const groups = pad(reshape(x, split), axis + 1, 0, step - 1);
    const spread = slice(reshape(groups, x.shape.with(axis, x.shape[axis] * step)), axis, 0, (x.shape[axis] - 1) * step + 1);
    return pad(spread, axis, before, after);
  }
  return before === 0 && after === 0 ? x : applyOne(PAD, [x], { axis, before, after });
}

/** Op record of `concat`. */
export const CONCAT: OpRecord<{ axis: number }> = {
  name: 'concat',
  infer: (inputs, { axis }) => {
    const [first] = inputs;
    const fits = inputs.every(
      x => x.dtype === first.dtype && x.shape.length === first.shape.length && x.shape.every((n, i) => i === axis || n === first.shape[i]),
    );
    invariant(fits, `concat: ${inputs.map(formatType).join(', ')} differ outside axis ${axis}.`);
    return [
      {
        shape: first.shape.with(
          axis,
          inputs.reduce((n, x) => n + x.shape[axis], 0),
        ),
        dtype: first.dtype,
      },
    ];
  },
  gradient: ({ inputs, attributes: { axis }, upstream: [g] }) => {
    let start = 0;
    return inputs.map(x => {
      start += x.shape[axis];
      return g && slice(g, axis, start - x.shape[axis], start);
    });
  },
  reference: (inputs, { axis }, [y]) => {
    const { outer, inner } = blocks(y.shape, axis);
    const out = new Float64Array(sizeOf(y.shape));
    let at = 0;
    for (let o = 0; o < outer; o++)
      for (const x of inputs) {
        const row = x.shape[axis] * inner;
        out.set(x.data.subarray(o * row, (o + 1) * row), at);
        at += row;
      }
    return [out];
  },
  lower: (c, { inputs, outputs: [y], attributes: { axis } }) => c.emit('Concat', inputs.map(c.name), [c.name(y)], { axis }),
  flops: () => 0,
};

/** Concatenates along one axis. */
export const concat = (inputs: readonly Tensor[], axis: number): Tensor =>
  inputs.length === 1 ? inputs[0] : applyOne(CONCAT, inputs, { axis: axisOf(inputs[0].shape, axis, 'concat') });

/** Op record of `split`. */
export const SPLIT: OpRecord<{ axis: number; parts: number }> = {
  name: 'split',
  infer: ([x], { axis, parts }) => {
    invariant(x.shape[axis] % parts === 0, `split: axis ${axis} of ${formatType(x)} does not divide into ${parts} equal parts.`);
    return Array.from({ length: parts }, () => ({ shape: x.shape.with(axis, x.shape[axis] / parts), dtype: x.dtype }));
  },
  gradient: ({ outputs, attributes: { axis }, upstream }) => [
    concat(
      outputs.map(({ shape }, i) => upstream[i] ?? broadcastTo(0, shape)),
      axis,
    ),
  ],
  reference: ([x], { axis }, outputs) => {
    const { outer, inner } = blocks(x.shape, axis);
    const row = outputs[0].shape[axis] * inner;
    return outputs.map((y, part) => {
      const out = new Float64Array(sizeOf(y.shape));
      for (let o = 0; o < outer; o++) {
        const from = (o * outputs.length + part) * row;
        out.set(x.data.subarray(from, from + row), o * row);
      }
      return out;
    });
  },
  lower: (c, { inputs: [x], outputs, attributes: { axis } }) => {
    const sizes = outputs.map(({ shape }) => shape[axis]);
    c.emit('Split', [c.name(x), c.int64(sizes)], outputs.map(c.name), { axis });
  },
  flops: () => 0,
};

/** Splits an axis into equal parts. Cheaper than slices if all parts are used: the gradient is one concat. */
export const split = (x: Tensor, axis: number, parts: number): readonly Tensor[] =>
  apply(SPLIT, [x], { axis: axisOf(x.shape, axis, 'split'), parts });

/** Op record of `oneHot`. */
export const ONE_HOT: OpRecord<{ depth: number }> = {
  name: 'oneHot',
  infer: ([x], { depth }) => {
    invariant(x.dtype === 'int32', `oneHot: expected int32 indices, got ${formatType(x)}.`);
    return [{ shape: [...x.shape, depth], dtype: 'float32' }];
  },
  gradient: 'none',
  reference: ([x], { depth }) => {
    const out = new Float64Array(x.data.length * depth);
    for (const [i, index] of x.data.entries()) if (index >= 0 && index < depth) out[i * depth + index] = 1;
    return [out];
  },
  // Compares with 0 … depth-1 instead of using ONNX's OneHot, which reads -1 as "the last class".
  lower: (c, { inputs: [x], outputs: [y], attributes: { depth } }) => {
    const [column, classes, hits] = [c.fresh('column'), c.fresh('classes'), c.fresh('hits')];
    c.emit('Unsqueeze', [c.name(x), c.int64([x.shape.length])], [column]);
    c.emit('Cast', [c.int64(Array.from({ length: depth }, (_, i) => i))], [classes], { to: ONNX_TYPE.int32 });
    c.emit('Equal', [column, classes], [hits]);
    c.emit('Cast', [hits], [c.name(y)], { to: ONNX_TYPE.float32 });
  },
  flops: () => 0,
};

/** One-hot encoding: int32 [..] → float32 [.., depth]. An index outside [0, depth) gives zeros, which represent absent tokens. */
export const oneHot = (x: Tensor, depth: number): Tensor => applyOne(ONE_HOT, [x], { depth });

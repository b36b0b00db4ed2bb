/** @file Elementwise ops with NumPy broadcasting. */

import { invariant } from '../../util/errors.ts';
import { errorFunction } from '../../util/normal.ts';
import { applyOne, broadcastShapes, type DType, formatType, type OpRecord, sizeOf, type Tensor, type TensorType } from '../tensor.ts';
import { broadcastStrides, cast, gatherStrided, lift, type Operand, sumTo } from './structure.ts';

type NoAttributes = Record<string, never>;
type Simple = OpRecord<NoAttributes>;

const elements = ({ outputs: [y] }: { outputs: readonly TensorType[] }) => sizeOf(y.shape);

/** An op with one input and one output of the same type; `derivative` gives dy/dx from x and y. */
function unary(
  name: string,
  onnx: string,
  f: (x: number) => number,
  derivative: 'none' | ((g: Tensor, x: Tensor, y: Tensor) => Tensor),
): Simple {
  return {
    name,
    infer: ([x]) => {
      invariant(x.dtype === 'float32', `${name}: expected float32, got ${formatType(x)}.`);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    gradient: derivative === 'none' ? 'none' : ({ inputs: [x], outputs: [y], upstream: [g] }) => [g && derivative(g, x, y)],
    reference: ([x]) => [x.data.map(f)],
    lower: (c, { inputs: [x], outputs: [y] }) => c.emit(onnx, [c.name(x)], [c.name(y)]),
    flops: elements,
  };
}

/** An op with two inputs that broadcast; `partials` gives both gradients before they are summed back to the operands' shapes. */
function binary(
  name: string,
  onnx: string,
  f: (a: number, b: number) => number,
  partials: 'none' | ((g: Tensor, a: Tensor, b: Tensor, y: Tensor) => [() => Tensor, () => Tensor]),
  result?: DType,
): Simple {
  return {
    name,
    infer: ([a, b]) => {
      invariant(a.dtype === b.dtype, `${name}: operands have different dtypes, ${formatType(a)} and ${formatType(b)}.`);
      return [{ shape: broadcastShapes(a.shape, b.shape, name), dtype: result ?? a.dtype }];
    },
    gradient:
      partials === 'none'
        ? 'none'
        : ({ inputs: [a, b], outputs: [y], upstream: [g] }) => {
            if (!g) return [null, null];
            const [da, db] = partials(g, a, b, y);
            // A constant operand needs no gradient; one would only be removed again.
            return [a, b].map((x, i) => (x.node.op.name === 'constant' ? null : sumTo([da, db][i](), x.shape)));
          },
    reference: ([a, b], _, [y]) => {
      const left = gatherStrided(a.data, y.shape, broadcastStrides(a.shape, y.shape));
      const right = gatherStrided(b.data, y.shape, broadcastStrides(b.shape, y.shape));
      return [left.map((v, i) => f(v, right[i]))];
    },
    lower: (c, { inputs: [a, b], outputs: [y] }) => c.emit(onnx, [c.name(a), c.name(b)], [c.name(y)]),
    flops: elements,
  };
}

/** Op record of `add`. */
export const ADD = binary(
  'add',
  'Add',
  (a, b) => a + b,
  g => [() => g, () => g],
);
/** Op record of `sub`. */
export const SUBTRACT = binary(
  'sub',
  'Sub',
  (a, b) => a - b,
  g => [() => g, () => neg(g)],
);
/** Op record of `mul`. */
export const MULTIPLY = binary(
  'mul',
  'Mul',
  (a, b) => a * b,
  (g, a, b) => [() => mul(g, b), () => mul(g, a)],
);
/** Op record of `div`. */
export const DIVIDE = binary(
  'div',
  'Div',
  (a, b) => a / b,
  (g, _, b, y) => [() => div(g, b), () => neg(div(mul(g, y), b))],
);
/** Op record of `maximum`. Where operands are equal, the first gets the whole gradient. */
export const MAXIMUM = binary('maximum', 'Max', Math.max, (g, a, b) => {
  const first = cast(less(a, b), 'float32');
  return [() => mul(g, sub(1, first)), () => mul(g, first)];
});
/** Op record of `minimum`. Where operands are equal, the first gets the whole gradient. */
export const MINIMUM = binary('minimum', 'Min', Math.min, (g, a, b) => {
  const second = cast(less(b, a), 'float32');
  return [() => mul(g, sub(1, second)), () => mul(g, second)];
});
/** Op record of `less`. */
export const LESS = binary('less', 'Less', (a, b) => Number(a < b), 'none', 'bool');
/** Op record of `equal`. */
export const EQUAL = binary('equal', 'Equal', (a, b) => Number(a === b), 'none', 'bool');

/** x², elementwise. */
export const square = (x: Tensor): Tensor => mul(x, x);
/** a + b with broadcasting. */
export const add = (a: Operand, b: Operand): Tensor => applyOne(ADD, [lift(a), lift(b)], {});
/** a − b with broadcasting. */
export const sub = (a: Operand, b: Operand): Tensor => applyOne(SUBTRACT, [lift(a), lift(b)], {});
/** a · b with broadcasting. */
export const mul = (a: Operand, b: Operand): Tensor => applyOne(MULTIPLY, [lift(a), lift(b)], {});
/** a / b with broadcasting. */
export const div = (a: Operand, b: Operand): Tensor => applyOne(DIVIDE, [lift(a), lift(b)], {});
/** The larger of a and b, elementwise with broadcasting. */
export const maximum = (a: Operand, b: Operand): Tensor => applyOne(MAXIMUM, [lift(a), lift(b)], {});
/** The smaller of a and b, elementwise with broadcasting. */
export const minimum = (a: Operand, b: Operand): Tensor => applyOne(MINIMUM, [lift(a), lift(b)], {});
/** a < b as bool, elementwise with broadcasting. */
export const less = (a: Operand, b: Operand): Tensor => applyOne(LESS, [lift(a), lift(b)], {});
/** a = b as bool, elementwise with broadcasting. */
export const equal = (a: Operand, b: Operand): Tensor => applyOne(EQUAL, [lift(a), lift(b)], {});

const sigmoidReference = (x: number) => 1 / (1 + Math.exp(-x));

/** Op record of `neg`. */
export const NEGATE = unary(
  'neg',
  'Neg',
  x => -x,
  g => neg(g),
);
/** Op record of `exp`. */
export const EXP = unary('exp', 'Exp', Math.exp, (g, _, y) => mul(g, y));
/** Op record of `log`. */
export const LOG = unary('log', 'Log', Math.log, (g, x) => div(g, x));
/** Op record of `sqrt`. */
export const SQRT = unary('sqrt', 'Sqrt', Math.sqrt, (g, _, y) => div(mul(g, 0.5), y));
/** Op record of `sin`. */
export const SIN = unary('sin', 'Sin', Math.sin, (g, x) => mul(g, cos(x)));
/** Op record of `cos`. */
export const COS = unary('cos', 'Cos', Math.cos, (g, x) => neg(mul(g, sin(x))));
/** Op record of `tanh`. */
export const TANH = unary('tanh', 'Tanh', Math.tanh, (g, _, y) => mul(g, sub(1, mul(y, y))));
/** Op record of `sigmoid`. */
export const SIGMOID = unary('sigmoid', 'Sigmoid', sigmoidReference, (g, _, y) => mul(g, mul(y, sub(1, y))));
/** Op record of `softplus`. */
export const SOFTPLUS = unary(
  'softplus',
  'Softplus',
  x => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  (g, x) => mul(g, sigmoid(x)),
);
/** Op record of `erf`. */
export const ERF = unary('erf', 'Erf', errorFunction, (g, x) => mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))));
/** Op record of `abs`. */
export const ABS = unary('abs', 'Abs', Math.abs, (g, x) => mul(g, sign(x)));
/** Op record of `sign`. */
export const SIGN = unary('sign', 'Sign', Math.sign, 'none');
/** Ties round to the even neighbor, as in ONNX's Round and IEEE 754; Math.round rounds them up. */
const roundReference = (x: number) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
/** Op record of `round`. */
export const ROUND = unary('round', 'Round', roundReference, 'none');
/**
 * Op record of `step`. ONNX Runtime's Sign and Where run on one thread; clipping a steep line gives the same step function and uses all
 * threads.
 */
export const STEP: Simple = {
  ...unary('step', 'HardSigmoid', x => Number(x > 0), 'none'),
  lower: (c, { inputs: [x], outputs: [y] }) =>
    c.emit('HardSigmoid', [c.name(x)], [c.name(y)], { alpha: { float: 1e30 }, beta: { float: 0 } }),
};
/** Op record of `relu`. */
export const RELU = unary(
  'relu',
  'Relu',
  x => Math.max(x, 0),
  (g, _, y) => mul(g, step(y)),
);

/** −x. */
export const neg = (x: Tensor): Tensor => applyOne(NEGATE, [x], {});
/** e^x, elementwise. */
export const exp = (x: Tensor): Tensor => applyOne(EXP, [x], {});
/** Natural logarithm, elementwise. */
export const log = (x: Tensor): Tensor => applyOne(LOG, [x], {});
/** Square root, elementwise. */
export const sqrt = (x: Tensor): Tensor => applyOne(SQRT, [x], {});
/** Sine, elementwise. */
export const sin = (x: Tensor): Tensor => applyOne(SIN, [x], {});
/** Cosine, elementwise. */
export const cos = (x: Tensor): Tensor => applyOne(COS, [x], {});
/** Hyperbolic tangent, elementwise. */
export const tanh = (x: Tensor): Tensor => applyOne(TANH, [x], {});
/** 1 / (1 + e^−x), elementwise. */
export const sigmoid = (x: Tensor): Tensor => applyOne(SIGMOID, [x], {});
/** log(1 + e^x), elementwise. */
export const softplus = (x: Tensor): Tensor => applyOne(SOFTPLUS, [x], {});
/** The error function, elementwise. */
export const erf = (x: Tensor): Tensor => applyOne(ERF, [x], {});
/** Absolute value, elementwise. */
export const abs = (x: Tensor): Tensor => applyOne(ABS, [x], {});
/** −1, 0 or 1, elementwise. No gradient flows. */
export const sign = (x: Tensor): Tensor => applyOne(SIGN, [x], {});
/** The nearest integer, ties to even. No gradient flows; x + stopGradient(round(x) - x) gives the straight-through gradient. */
export const round = (x: Tensor): Tensor => applyOne(ROUND, [x], {});
/** 1 where x > 0, else 0 (|x| below 1e-30 counts as 0). No gradient flows. */
export const step = (x: Tensor): Tensor => applyOne(STEP, [x], {});
/** max(x, 0), elementwise. */
export const relu = (x: Tensor): Tensor => applyOne(RELU, [x], {});

/** Op record of `select`. */
export const SELECT: Simple = {
  name: 'select',
  infer: ([condition, a, b]) => {
    invariant(
      condition.dtype === 'bool' && a.dtype === b.dtype,
      `select: expected bool and two equal dtypes, got ${[condition, a, b].map(formatType).join(', ')}.`,
    );
    return [{ shape: broadcastShapes(condition.shape, broadcastShapes(a.shape, b.shape, 'select'), 'select'), dtype: a.dtype }];
  },
  gradient: ({ inputs: [condition, a, b], upstream: [g] }) => [
    null,
    g && sumTo(select(condition, g, 0), a.shape),
    g && sumTo(select(condition, 0, g), b.shape),
  ],
  reference: ([condition, a, b], _, [y]) => {
    const [when, left, right] = [condition, a, b].map(x => gatherStrided(x.data, y.shape, broadcastStrides(x.shape, y.shape)));
    return [left.map((v, i) => (when[i] ? v : right[i]))];
  },
  lower: (c, { inputs, outputs: [y] }) => c.emit('Where', inputs.map(c.name), [c.name(y)]),
  flops: elements,
};

/** `condition ? a : b`, elementwise; `condition` is bool, `a` and `b` have equal types. */
export const select = (condition: Tensor, a: Operand, b: Operand): Tensor => applyOne(SELECT, [condition, lift(a), lift(b)], {});

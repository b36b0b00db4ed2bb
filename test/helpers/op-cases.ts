/** @file Cases for every op of the engine, complete by its type. For tests, in Node and in a page. */

import * as engine from '../../src/engine/index.ts';
import { type DType, type Graph, grad, OPS, type OpName, type Shape, sizeOf, type Tensor } from '../../src/engine/index.ts';
import { Random } from '../../src/util/random.ts';

/** How an operand is filled. */
interface Operand {
  readonly shape: Shape;
  readonly dtype?: DType;
  readonly fill: (random: Random, size: number) => number[];
}

interface Case {
  readonly operands: readonly Operand[];
  readonly build: (...operands: Tensor[]) => Tensor | readonly Tensor[];
}

const uniform =
  (low: number, high: number) =>
  (...shape: number[]): Operand => ({
    shape,
    fill: (random, n) => Array.from({ length: n }, () => low + (high - low) * random.uniform()),
  });
const real = uniform(-2, 2);
const positive = uniform(0.3, 3);
/** Numbers at least 0.1 apart from each other, from zero, and from those of another offset: nothing sits on a kink. */
const apart = (shape: Shape, offset = 0.2): Operand => ({
  shape,
  fill: (random, n) => random.shuffled(Array.from({ length: n }, (_, i) => 0.4 * (i - n / 2) + offset)),
});
const integers = (shape: Shape, low: number, high: number): Operand => ({
  shape,
  dtype: 'int32',
  fill: (random, n) => Array.from({ length: n }, () => low + random.integer(high - low)),
});
const flags = (...shape: number[]): Operand => ({
  shape,
  dtype: 'bool',
  fill: (random, n) => Array.from({ length: n }, () => random.integer(2)),
});

const unary = (operand: Operand, f: (x: Tensor) => Tensor): Case[] => [{ operands: [operand], build: f }];
/** Equal shapes, and every way to broadcast: a missing axis, an axis of 1 on either side, a scalar. */
const BROADCASTS: [Shape, Shape][] = [
  [
    [2, 3],
    [2, 3],
  ],
  [[2, 3], [3]],
  [[2, 1], [3]],
  [[], [2, 2]],
  [
    [2, 1, 2],
    [1, 3, 1],
  ],
];
const binary = (f: (a: Tensor, b: Tensor) => Tensor, left: (shape: Shape) => Operand, right = left): Case[] =>
  BROADCASTS.map(([a, b]) => ({ operands: [left(a), right(b)], build: f }));
const withReal = (shape: Shape) => real(...shape);

const products = (product: typeof engine.gemm, batch: number[]): Case[] =>
  [0, 1, 2, 3].map(bits => {
    const [transposeA, transposeB] = [(bits & 1) > 0, (bits & 2) > 0];
    return {
      operands: [real(...batch, ...(transposeA ? [3, 2] : [2, 3])), real(...batch, ...(transposeB ? [4, 3] : [3, 4]))],
      build: (a, b) => product(a, b, { transposeA, transposeB, alpha: bits === 1 ? -0.7 : 1 }),
    };
  });

const reductions = (reduce: typeof engine.sum, fill: (shape: Shape) => Operand): Case[] => [
  { operands: [fill([2, 3])], build: x => reduce(x) },
  { operands: [fill([2, 3, 2])], build: x => reduce(x, [1]) },
  { operands: [fill([2, 3, 2])], build: x => reduce(x, [-1, 0], true) },
  { operands: [fill([])], build: x => reduce(x) },
];

/** Every op, by hand: a new op without a case does not compile. */
const CASES: Record<OpName, readonly Case[]> = {
  input: [{ operands: [real(2, 2)], build: x => x }],
  constant: [
    {
      operands: [],
      build: () => [
        engine.constant([1.5, -2, 3, 4], [2, 2]),
        engine.constant([1, -2], [2], 'int32'),
        engine.constant([1, 0], [2], 'bool'),
        engine.constant(0.5),
      ],
    },
  ],
  reshape: [{ operands: [real(2, 6)], build: x => engine.reshape(x, [3, -1, 2]) }],
  transpose: [{ operands: [real(2, 3, 4)], build: x => engine.transpose(x, [2, 0, 1]) }],
  cast: [
    { operands: [apart([2, 3])], build: x => [engine.cast(x, 'int32'), engine.cast(x, 'bool')] },
    { operands: [integers([3], -2, 3)], build: x => [engine.cast(x, 'float32'), engine.cast(x, 'bool')] },
    { operands: [flags(3)], build: x => [engine.cast(x, 'float32'), engine.cast(x, 'int32')] },
  ],
  stopGradient: unary(real(3), engine.stopGradient),
  broadcastTo: [
    { operands: [real(2, 1)], build: x => engine.broadcastTo(x, [3, 2, 4]) },
    { operands: [], build: () => engine.broadcastTo(2, [2, 2]) },
    { operands: [integers([3], 0, 9)], build: x => engine.broadcastTo(x, [2, 3]) },
  ],
  sum: reductions(engine.sum, withReal),
  slice: [
    { operands: [real(2, 5)], build: x => engine.slice(x, 1, 1, 4) },
    { operands: [real(5, 2)], build: x => engine.slice(x, 0, -4, 5, 2) },
    { operands: [real(2, 7, 2)], build: x => engine.slice(x, 1, 0, 6, 3) },
  ],
  pad: [
    { operands: [real(2, 3)], build: x => engine.pad(x, 1, 1, 2) },
    { operands: [real(3, 2)], build: x => engine.pad(x, 0, 1, 2, 3) },
    { operands: [integers([3], 0, 9)], build: x => engine.pad(x, 0, 2, 0) },
  ],
  concat: [{ operands: [real(2, 1), real(2, 3), real(2, 2)], build: (...parts) => engine.concat(parts, -1) }],
  split: [{ operands: [real(2, 6)], build: x => engine.split(x, 1, 3) }],
  oneHot: [{ operands: [integers([2, 4], -1, 5)], build: x => engine.oneHot(x, 4) }],
  add: binary(engine.add, withReal),
  sub: binary(engine.sub, withReal),
  mul: binary(engine.mul, withReal),
  div: binary(engine.div, withReal, shape => positive(...shape)),
  maximum: binary(engine.maximum, apart, shape => apart(shape, 0.3)),
  minimum: binary(engine.minimum, apart, shape => apart(shape, 0.3)),
  less: [...binary(engine.less, apart, shape => apart(shape, 0.3)), ...binary(engine.less, shape => integers(shape, 0, 3))],
  equal: [...binary(engine.equal, shape => integers(shape, 0, 3)), ...binary(engine.equal, shape => flags(...shape))],
  select: [
    { operands: [flags(2, 3), real(2, 3), real(2, 3)], build: engine.select },
    { operands: [flags(2, 1), real(3), real()], build: engine.select },
    { operands: [flags(3), integers([3], 0, 9), integers([3], 0, 9)], build: engine.select },
  ],
  neg: unary(real(3), engine.neg),
  exp: unary(real(3), engine.exp),
  log: unary(positive(3), engine.log),
  sqrt: unary(positive(3), engine.sqrt),
  sin: unary(real(3), engine.sin),
  cos: unary(real(3), engine.cos),
  tanh: unary(real(3), engine.tanh),
  sigmoid: unary(uniform(-6, 6)(5), engine.sigmoid),
  softplus: unary(uniform(-20, 20)(6), engine.softplus),
  erf: unary(uniform(-4, 4)(8), engine.erf),
  abs: unary(apart([6]), engine.abs),
  sign: unary(apart([6]), engine.sign),
  round: [
    ...unary(apart([6]), engine.round),
    ...unary({ shape: [8], fill: () => [-2.5, -1.5, -0.5, 0, 0.5, 1.5, 2.5, 0.49] }, engine.round),
  ],
  step: unary(apart([6]), engine.step),
  relu: unary(apart([6]), engine.relu),
  gemm: [...products(engine.gemm, []), { operands: [real(2, 3), real(3, 4), real(4)], build: (a, b, c) => engine.gemm(a, b, {}, c) }],
  matmul: [...products(engine.matmul, []), ...products(engine.matmul, [2, 1])],
  mean: reductions(engine.mean, withReal),
  max: reductions(engine.max, apart),
  argmax: [
    { operands: [apart([3, 4])], build: x => [engine.argmax(x), engine.argmax(x, 0)] },
    { operands: [{ shape: [4], fill: () => [1, 2, 2, 0] }], build: x => engine.argmax(x) },
  ],
  softmax: unary(real(2, 3, 4), engine.softmax),
  logSoftmax: unary(real(2, 3, 4), engine.logSoftmax),
  layerNorm: [{ operands: [real(2, 3, 4)], build: x => engine.layerNorm(x).node.outputs }],
  attention: [
    {
      operands: [real(2, 3, 2), real(2, 4, 2), real(2, 4, 3)],
      build: (q, k, v) => Object.values(engine.attention(q, k, v, { scale: 0.9 })),
    },
    {
      operands: [real(1, 2, 4, 2), real(1, 2, 4, 2), real(1, 2, 4, 2)],
      build: (q, k, v) => Object.values(engine.attention(q, k, v, { causal: true })),
    },
    {
      operands: [real(1, 2, 2, 2), real(1, 2, 4, 2), real(1, 2, 4, 2)],
      build: (q, k, v) => Object.values(engine.attention(q, k, v, { causal: true })),
    },
    {
      operands: [real(2, 2, 3, 2), real(2, 2, 3, 2), real(2, 2, 3, 2), real(2, 3, 3)],
      build: (q, k, v, bias) => Object.values(engine.attention(q, k, v, { causal: true, bias })),
    },
    {
      operands: [real(2, 2, 3), real(2, 4, 3), real(2, 4, 3), real(2, 1, 1)],
      build: (q, k, v, bias) => Object.values(engine.attention(q, k, v, { bias })),
    },
  ],
};

/** A case as tensors, with numbers for its inputs. */
export interface Built {
  readonly title: string;
  readonly op: OpName;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly numbers: Record<string, number[]>;
}

/** All cases. */
export const opCases: readonly Built[] = (Object.entries(CASES) as [OpName, readonly Case[]][]).flatMap(([op, cases]) =>
  cases.map(({ operands, build }, n) => {
    const random = Random.seeded(7).split(op, n);
    const numbers: Record<string, number[]> = {};
    const inputs = operands.map(({ shape, dtype, fill }, i) => {
      const name = `${op}${n}.${i}`;
      // Rounded to float32, so that both sides of a comparison start from the same numbers.
      numbers[name] = fill(random.split(i), sizeOf(shape)).map(Math.fround);
      return engine.input(name, shape, dtype);
    });
    const outputs = [build(...inputs)].flat();
    return { title: `${op} ${n}: ${inputs.map(({ shape }) => `[${shape}]`).join(' ')}`, op, inputs, outputs, numbers };
  }),
);

/** Those of float32. */
export const floats = (tensors: readonly Tensor[]) => tensors.filter(({ dtype }) => dtype === 'float32');

/** Every case and its gradients as one model: a session costs more than all of its kernels. */
export function everything(): { graph: Graph; numbers: Record<string, ArrayLike<number>> } {
  const outputs: Record<string, Tensor> = {};
  const numbers: Record<string, ArrayLike<number>> = {};
  const random = Random.seeded(11);
  for (const [n, { title, op, inputs, outputs: ys, numbers: own }] of opCases.entries()) {
    Object.assign(numbers, own);
    for (const [k, y] of ys.entries()) {
      outputs[`${title} → ${k}`] = y;
      if (y.dtype !== 'float32' || OPS[op].gradient === 'none') continue;
      const name = `upstream${n}.${k}`;
      numbers[name] = Float32Array.from({ length: sizeOf(y.shape) }, () => random.uniform());
      const gradients = grad(engine.sum(engine.mul(y, engine.input(name, y.shape))), floats(inputs));
      for (const [i, gradient] of gradients.entries()) outputs[`${title} → d${k}/d${i}`] = gradient;
    }
  }
  return { graph: { outputs }, numbers };
}

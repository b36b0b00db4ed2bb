import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { nodeExecutor } from '../engine/executors/node.ts';
import {
  add,
  attention,
  broadcastTo,
  constant,
  grad,
  input,
  interpret,
  layerNorm,
  mean,
  mul,
  nodesOf,
  oneHot,
  optimize,
  relu,
  sizeOf,
  type Tensor,
} from '../engine/index.ts';
import { compareWithInterpreter, largestError, type Numbers } from '../testing/engine.ts';
import { Random } from '../util/random.ts';
import { block, causalAttention, crossAttention, feedForward, keysValues, linear, selfAttention } from './layers.ts';
import { crossEntropy } from './losses.ts';
import { initialize, Scope } from './parameters.ts';
import { addPositions } from './positions.ts';

const random = Random.seeded(2);
const normal = (name: string, ...shape: number[]) => {
  const stream = random.split(name);
  return Float32Array.from({ length: sizeOf(shape) }, () => stream.normal());
};
const parameters = (scope: Scope): Numbers => Object.fromEntries(initialize(scope.table.values(), random));
/** Parameters away from their initial zeros, so that nothing hides behind a bias of 0. */
const shaken = (scope: Scope): Numbers =>
  Object.fromEntries([...scope.table.values()].map(({ name, shape }) => [name, normal(name, ...shape).map(v => 0.5 * v)]));
const evaluate = (y: Tensor, numbers: Numbers) => interpret({ outputs: { y } }, numbers).y;
const size = { heads: 2, hidden: 16, branches: 4 };

/** A block over [B, 5, 8], with or without a context of 3. */
function example(causal: boolean, context: boolean, batch = 1) {
  const scope = new Scope();
  const x = input('x', [batch, 5, 8]);
  const c = input('c', [batch, 3, 8]);
  const y = block(scope, x, { ...size, causal }, context ? keysValues(scope.at('context'), c, 8, 2) : undefined);
  return { scope, x, c, y, numbers: { ...shaken(scope), x: normal('x', batch, 5, 8), c: normal('c', batch, 3, 8) } };
}

describe('cross-attention from the same queries in all rows of a batch', () => {
  const scope = new Scope();
  const [queries, context] = [input('queries', [3, 8]), input('context', [4, 5, 8])];
  const read = (x: Tensor) => crossAttention(scope, x, keysValues(scope, context, 8, 2), { heads: 2 });
  const shared = read(broadcastTo(queries, [4, 3, 8]));
  // A sum with zeros hides that the rows are equal.
  const each = read(add(broadcastTo(queries, [4, 3, 8]), constant(new Float32Array(96), [4, 3, 8])));
  const numbers = { ...shaken(scope), queries: normal('queries', 3, 8), context: normal('context', 4, 5, 8) };

  it('projects one row', () => {
    const rowsOf = (y: Tensor) =>
      nodesOf({ outputs: { y } }).flatMap(({ op, inputs, outputs }) =>
        op.name === 'gemm' && inputs[1].shape[0] === 8 ? outputs[0].shape[0] : [],
      );
    expect(rowsOf(shared).sort()).toEqual([12, 20, 20, 3]);
    expect(rowsOf(each).sort()).toEqual([12, 12, 20, 20]);
  });

  it('has the values and gradients of attention from each row', () => {
    const of = (y: Tensor) => {
      const weights = [...scope.table.values()].map(({ tensor }) => tensor);
      return { y, ...Object.fromEntries(grad(mean(mul(y, y)), [queries, context, ...weights]).map((g, i) => [`d${i}`, g])) };
    };
    const [found, expected] = [shared, each].map(y => interpret({ outputs: of(y) }, numbers));
    for (const [name, values] of Object.entries(expected)) expect(largestError(found[name], values), name).toBeLessThan(1e-12);
  });
});

describe('a block', () => {
  it.each([false, true])('with a causal mask lets no later token be seen (context: %s)', context => {
    const { x, y, numbers } = example(true, context);
    for (let t = 0; t < 5; t++) {
      const row = constant(
        Float32Array.from({ length: 40 }, (_, i) => (Math.floor(i / 8) === t ? 1 + (i % 3) : 0)),
        [1, 5, 8],
      );
      const gradient = evaluate(grad(mul(mean(mul(y, row)), 40), [x])[0], numbers);
      expect(gradient.subarray((t + 1) * 8).every(v => v === 0)).toBe(true);
      for (let s = 0; s <= t; s++) expect(gradient.subarray(s * 8, s * 8 + 8).some(v => v !== 0)).toBe(true);
    }
  });

  it('without one sees everything', () => {
    const { x, y, numbers } = example(false, false);
    const first = constant(
      Float32Array.from({ length: 40 }, (_, i) => Number(i < 8) * (i + 1)),
      [1, 5, 8],
    );
    const gradient = evaluate(grad(mean(mul(y, first)), [x])[0], numbers);
    for (let s = 0; s < 5; s++) expect(gradient.subarray(s * 8, s * 8 + 8).some(v => v !== 0)).toBe(true);
  });

  it('gives a permuted batch in the permuted order', () => {
    const { y, numbers } = example(true, true, 3);
    const order = [2, 0, 1];
    const permute = (data: ArrayLike<number>) =>
      order.flatMap(b => Array.from(data).slice((b * data.length) / 3, ((b + 1) * data.length) / 3));
    const permuted = evaluate(y, { ...numbers, x: permute(numbers.x), c: permute(numbers.c) });
    expect([...permuted]).toEqual(permute(evaluate(y, numbers)));
  });

  it('does not tell the tokens of its context apart by place', () => {
    const { y, numbers } = example(true, true);
    const c = numbers.c;
    const turned = evaluate(y, { ...numbers, c: [...c.slice(16), ...c.slice(8, 16), ...c.slice(0, 8)] });
    const straight = evaluate(y, numbers);
    expect(turned.every((v, i) => Math.abs(v - straight[i]) < 1e-12)).toBe(true);
  });
});

describe('initial values', () => {
  const variance = (data: Float64Array) => data.reduce((a, v) => a + v * v, 0) / data.length;

  it('keep the variance through a linear map, and near the identity in a deep stack', () => {
    const scope = new Scope();
    let x = input('x', [4, 8, 64]);
    const numbers = { x: normal('x', 4, 8, 64) };
    const mapped = linear(scope.at('map'), x, 64);
    for (let i = 0; i < 4; i++) x = block(scope.at(i), x, { heads: 4, hidden: 128, causal: true, branches: 8 });
    const values = { ...numbers, ...parameters(scope) };
    expect(variance(evaluate(mapped, values))).toBeGreaterThan(0.8);
    expect(variance(evaluate(mapped, values))).toBeLessThan(1.25);
    // 1 from the input, and at most 1/8 from each of the 8 branches.
    expect(variance(evaluate(x, values))).toBeGreaterThan(1);
    expect(variance(evaluate(x, values))).toBeLessThan(2.1);
  });

  it('of one parameter do not depend on which others there are', () => {
    const declare = (...names: string[]) => {
      const scope = new Scope();
      for (const name of names) scope.at(name).parameter('weight', [3, 2]);
      return initialize(scope.table.values(), Random.seeded(1));
    };
    expect(declare('a', 'b').get('b.weight')).toEqual(declare('b').get('b.weight'));
    expect(declare('a', 'b').get('a.weight')).not.toEqual(declare('a', 'b').get('b.weight'));
  });
});

describe('scopes', () => {
  it('give one parameter for one name, and refuse another shape', () => {
    const scope = new Scope().at('layer').at(0);
    expect(scope.parameter('weight', [2, 2])).toBe(scope.parameter('weight', [2, 2]));
    expect([...scope.table.keys()]).toEqual(['layer.0.weight']);
    expect(() => scope.parameter('weight', [3, 2])).toThrow(failure('E_SHAPE', '"layer.0.weight"', '[2, 2]', '[3, 2]'));
  });
});

describe('compiled models agree with the interpreter, loss and every gradient', () => {
  const check = async (scope: Scope, loss: Tensor, numbers: Numbers) => {
    const specs = [...scope.table.values()];
    const gradients = grad(
      loss,
      specs.map(({ tensor }) => tensor),
    );
    const outputs = { loss, ...Object.fromEntries(gradients.map((g, i) => [`d.${specs[i].name}`, g])) };
    const errors = await compareWithInterpreter(nodeExecutor({ threads: 1 }), optimize({ outputs }), { ...numbers, ...shaken(scope) });
    expect(Object.keys(errors)).toHaveLength(specs.length + 1);
    expect(Object.entries(errors).filter(([, error]) => !(error < 1e-5))).toEqual([]);
  };

  it('for a small network', async () => {
    const scope = new Scope();
    const hidden = relu(linear(scope.at('in'), input('x', [6, 4]), 8));
    const error = linear(scope.at('out'), hidden, 2);
    await check(scope, mean(mul(error, error)), { x: normal('x', 6, 4) });
  });

  it('for a transformer with a context', async () => {
    const scope = new Scope();
    const tokens = oneHot(input('tokens', [2, 6], 'int32'), 5);
    const context = keysValues(scope.at('context'), input('c', [2, 3, 8]), 8, 2);
    const x = block(scope.at('block'), addPositions(scope, linear(scope.at('embed'), tokens, 8)), { ...size, causal: true }, context);
    const logits = linear(scope.at('head'), layerNorm(x), 5);
    const loss = mean(crossEntropy(logits, oneHot(input('targets', [2, 6], 'int32'), 5)));
    const draw = random.split('tokens');
    const indices = () => Array.from({ length: 12 }, () => draw.integer(5));
    await check(scope, loss, { tokens: indices(), targets: indices(), c: normal('c', 2, 3, 8) });
  });
});

it.each([false, true])('causal attention in blocks is causal attention, and so are its gradients (bias: %s)', biased => {
  const shape = [1, 2, 256, 4];
  const [q, k, v] = ['q', 'k', 'v'].map(name => input(name, shape));
  const bias = biased ? input('bias', [2, 256, 256]) : undefined;
  const numbers: Numbers = {
    ...Object.fromEntries(['q', 'k', 'v', 'g'].map(name => [name, normal(name, ...shape)])),
    bias: normal('bias', 2, 256, 256),
  };
  const both = [causalAttention(q, k, v, bias), attention(q, k, v, { causal: true, bias }).out].map(out => {
    const loss = mean(mul(out, constant(numbers.g, shape)));
    return { out, gradients: grad(loss, bias ? [q, k, v, bias] : [q, k, v]) };
  });
  const [blocks, whole] = both.map(({ out, gradients }) => [out, ...gradients].map(y => evaluate(y, numbers)));
  for (const [i, values] of blocks.entries()) {
    expect(values.some(value => Math.abs(value) > 1e-6)).toBe(true);
    expect(values.reduce((most, value, j) => Math.max(most, Math.abs(value - whole[i][j])), 0)).toBeLessThan(1e-12);
  }
});

it('layers name the shape that they expect', () => {
  const flat = input('x', [4, 8]);
  expect(() => selfAttention(new Scope(), flat, { heads: 2 })).toThrow(failure('E_SHAPE', '[B T D]', '[4, 8]'));
  expect(feedForward(new Scope(), flat, 16).shape).toEqual([4, 8]);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { largestError } from '../testing/engine.ts';
import { type Graph, inputsOf, nodesOf, print, rewrite, verify } from './graph.ts';
import {
  add,
  broadcastTo,
  constant,
  div,
  exp,
  gemm,
  input,
  matmul,
  maximum,
  mul,
  reshape,
  softmax,
  stopGradient,
  sub,
  sum,
  tanh,
  transpose,
} from './ops/index.ts';
import { foldConstants, foldIntoProducts, optimize, shareSubexpressions, simplify } from './passes.ts';
import { interpret } from './reference.ts';
import type { Tensor } from './tensor.ts';

const PASSES = { foldConstants, simplify, foldIntoProducts, shareSubexpressions, optimize };
const x = input('x', [3, 3]);
const y = input('y', [3, 3]);
const numbers = { x: [0.5, -1, 2, 0.25, 1.5, -0.75, 1, 0.1, -2], y: [1, 2, -0.5, 0.3, -1, 0.7, 0.2, 1.1, -0.4] };
const names = (graph: Graph) => nodesOf(graph).map(node => node.op.name);
const turned = (tensor: Tensor) => transpose(tensor, [1, 0]);

/** Ways to make a [3, 3] matrix from earlier ones, rich in what the passes look for. */
const STEPS: ((a: Tensor, b: Tensor) => Tensor)[] = [
  (a, b) => add(a, b),
  (a, b) => matmul(a, b),
  (a, b) => gemm(a, b, { transposeA: true, alpha: 0.5 }),
  (a, b) => gemm(a, b, {}, reshape(sum(b, [0], true), [3])),
  a => turned(a),
  a => mul(a, 0.5),
  a => mul(0.25, a),
  a => mul(a, 1),
  a => add(a, 0),
  a => sub(a, 0),
  a => div(a, 1),
  a => add(0, a),
  a => tanh(a),
  (a, b) => mul(a, broadcastTo(tanh(constant([0.1, 0.2, 0.3])), b.shape)),
  (a, b) => maximum(a, softmax(b)),
  a => add(a, mul(exp(constant(0.3)), constant([1, 1, 1]))),
  a => stopGradient(a),
];

const graphs = fc.array(fc.tuple(fc.nat(STEPS.length - 1), fc.nat(20), fc.nat(20)), { minLength: 1, maxLength: 14 }).map(steps => {
  const made = [x, y];
  for (const [step, i, j] of steps) made.push(STEPS[step](made.at(-1 - (i % made.length))!, made[j % made.length]));
  return { outputs: { last: made.at(-1)!, other: made[made.length >> 1] } };
});

describe('passes', () => {
  it.each(Object.entries(PASSES))('%s keeps the value, the types and the inputs', (_, pass) => {
    fc.assert(
      fc.property(graphs, graph => {
        const after = pass(graph);
        verify(after, 'the pass');
        const expected = interpret(graph, numbers);
        const found = interpret(after, numbers);
        for (const name of ['last', 'other']) expect(largestError(found[name], expected[name])).toBeLessThan(1e-9);
        expect(nodesOf(after).length).toBeLessThanOrEqual(nodesOf(graph).length);
      }),
      { seed: 5, numRuns: 150 },
    );
  });

  it('leaves nothing to do for a second run', () => {
    fc.assert(
      fc.property(graphs, graph => {
        const once = optimize(graph);
        expect(print(optimize(once))).toBe(print(once));
      }),
      { seed: 6, numRuns: 150 },
    );
  });

  it('folds constants, but does not bloat the file with large ones', () => {
    expect(names(foldConstants({ outputs: { r: add(x, exp(constant(0.5))) } }))).toEqual(['input', 'constant', 'add']);
    const large = { outputs: { r: broadcastTo(exp(constant(0)), [100, 100]) } };
    expect(names(foldConstants(large))).toEqual(['constant', 'broadcastTo']);
  });

  it('drops what changes nothing, unless it widens its operand', () => {
    expect(names(simplify({ outputs: { r: div(sub(mul(1, add(x, 0)), 0), 1) } }))).toEqual(['input']);
    expect(names(simplify({ outputs: { r: add(x, constant([0], [1, 1, 1])) } }))).toContain('add');
    expect(names(simplify({ outputs: { r: sub(0, x) } }))).toContain('sub');
  });

  it('makes one transpose of two, and none of a pair that cancels', () => {
    const z = input('z', [2, 3, 4]);
    const graph = simplify({
      outputs: { one: transpose(transpose(z, [1, 2, 0]), [1, 0, 2]), none: transpose(transpose(z, [1, 2, 0]), [2, 0, 1]) },
    });
    expect(names({ outputs: { one: graph.outputs.one } })).toEqual(['input', 'transpose']);
    expect(graph.outputs.one.node.attributes).toEqual({ permutation: [2, 1, 0] });
    expect(graph.outputs.none).toBe(z);
  });

  it('turns transposes and scales into flags of the product', () => {
    const graph = optimize({ outputs: { r: mul(2, mul(matmul(turned(x), turned(turned(turned(y)))), 0.25)) } });
    expect(names(graph)).toEqual(['input', 'input', 'matmul']);
    expect(graph.outputs.r.node.attributes).toEqual({ transposeA: true, transposeB: true, alpha: 0.5 });
    const batched = input('z', [2, 3, 4]);
    const swapped = { outputs: { r: matmul(batched, transpose(batched, [0, 2, 1])) } };
    expect(names(optimize(swapped))).toEqual(['input', 'matmul']);
  });

  it('does not scale a product that is also read unscaled, nor one with a bias', () => {
    const product = matmul(x, y);
    expect(names(optimize({ outputs: { r: mul(product, 0.5), product } }))).toContain('mul');
    expect(names(optimize({ outputs: { r: mul(gemm(x, y, {}, constant([1, 2, 3])), 0.5) } }))).toContain('mul');
    const leading = transpose(input('z', [2, 3, 4]), [1, 0, 2]);
    expect(names(optimize({ outputs: { r: matmul(leading, input('w', [3, 4, 2])) } }))).toContain('transpose');
  });

  it('computes equal expressions once, and only equal ones', () => {
    const shared = shareSubexpressions({ outputs: { a: tanh(add(x, 2)), b: tanh(add(x, 2)) } });
    expect(shared.outputs.a).toBe(shared.outputs.b);
    const kept = { outputs: { a: sum(x, [0]), b: sum(x, [1]), c: add(x, 1), d: add(x, 2), e: sub(x, y), f: sub(y, x) } };
    expect(nodesOf(shareSubexpressions(kept))).toHaveLength(nodesOf(kept).length);
    const wide = input('w', new Array(9).fill(1));
    const axes = [0, 1, 2, 3, 4, 5, 6, 7, 8];
    const orders = { outputs: { a: transpose(wide, axes), b: transpose(wide, axes.toReversed()) } };
    expect(nodesOf(shareSubexpressions(orders))).toHaveLength(3);
  });
});

describe('the verifier', () => {
  it('catches a pass that changes a type', () => {
    const graph = { outputs: { r: exp(sum(x, [0])) } };
    const broken = rewrite(graph, node => (node.op.name === 'sum' ? [{ ...node.outputs[0], shape: [7] }] : undefined));
    expect(() => verify({ outputs: { r: broken.outputs.r } }, 'nothing')).not.toThrow();
    const lying = { ...graph.outputs.r.node, outputs: [] as Tensor[] };
    lying.outputs.push({ ...graph.outputs.r, shape: [2, 2], node: lying });
    expect(() => verify({ outputs: { r: lying.outputs[0] } }, 'cse')).toThrow(
      failure('E_SHAPE', 'cse', 'exp', 'float32[2, 2]', 'float32[3]'),
    );
  });

  it('refuses two inputs of one name', () => {
    const graph = { outputs: { r: add(x, input('x', [3, 3])) } };
    expect(() => inputsOf(graph)).toThrow(failure('E_SHAPE', '"x"'));
    expect(() => optimize(graph)).toThrow(failure('E_SHAPE', '"x"'));
  });
});

it('prints one line a value', () => {
  const graph = { outputs: { loss: sum(mul(matmul(x, x, { transposeB: true }), 0.5)) } };
  expect(print(graph)).toBe(
    [
      '%0 : float32[3, 3] = input() name="x"',
      '%1 : float32[3, 3] = matmul(%0, %0) transposeA=false transposeB=true alpha=1',
      '%2 : float32[] = constant() data=[0.5]',
      '%3 : float32[3, 3] = mul(%1, %2)',
      '%4 : float32[] = sum(%3) axes=[0,1] keep=false',
      'return loss = %4',
    ].join('\n'),
  );
});

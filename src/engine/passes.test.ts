import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { largestError } from '../testing/engine.ts';
import { grad } from './grad.ts';
import { type Graph, inputsOf, nodesOf, print, rewrite, verify } from './graph.ts';
import {
  add,
  broadcastTo,
  constant,
  div,
  exp,
  gemm,
  input,
  layerNorm,
  less,
  linear,
  matmul,
  maximum,
  mean,
  mul,
  pad,
  relu,
  reshape,
  select,
  slice,
  softmax,
  stopGradient,
  sub,
  sum,
  tanh,
  transpose,
} from './ops/index.ts';
import {
  dropBroadcasts,
  foldConstants,
  foldIntoProducts,
  gatherScalars,
  joinPads,
  optimize,
  shareSubexpressions,
  simplify,
  sumsToProducts,
} from './passes.ts';
import { interpret } from './reference.ts';
import { sinkReshapes } from './reshapes.ts';
import type { Tensor } from './tensor.ts';

const PASSES = {
  gatherScalars,
  foldConstants,
  simplify,
  dropBroadcasts,
  joinPads,
  sumsToProducts,
  sinkReshapes,
  foldIntoProducts,
  shareSubexpressions,
  optimize,
};
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
  (a, b) => reshape(add(reshape(a, [3, 1, 3]), reshape(b, [3, 1, 3])), [3, 3]),
  (a, b) => mul(a, reshape(mean(reshape(b, [1, 3, 3]), [2], true), [3, 1])),
  a => reshape(layerNorm(relu(reshape(a, [1, 3, 3]))), [3, 3]),
  (a, b) => add(pad(slice(a, 1, 0, 1), 1, 0, 2), pad(slice(b, 1, 1, 3), 1, 1, 0)),
  (a, b) => sub(a, broadcastTo(slice(b, 0, 1, 2), [3, 3])),
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

  it('reads repeated operands without repeating them first, unless both are or a selection reads them', () => {
    const row = input('row', [1, 3]);
    const wide = broadcastTo(row, [3, 3]);
    expect(names(dropBroadcasts({ outputs: { r: mul(wide, x) } }))).toEqual(['input', 'input', 'mul']);
    expect(names(dropBroadcasts({ outputs: { r: mul(wide, wide) } }))).toContain('broadcastTo');
    expect(names(dropBroadcasts({ outputs: { r: select(less(x, y), wide, x) } }))).toContain('broadcastTo');
    const larger = dropBroadcasts({ outputs: { r: add(broadcastTo(row, [2, 3, 3]), x) } });
    expect(larger.outputs.r.shape).toEqual([2, 3, 3]);
    expect(names(larger)).toContain('broadcastTo');
  });

  it('moves scalar factors out of products, unless something else reads the scaled value', () => {
    const scale = input('scale', []);
    const clipped = mul(x, scale);
    const graph = { outputs: { first: mul(clipped, 0.1), second: mul(mul(clipped, clipped), 0.01), norm: sum(mul(x, x)) } };
    const gathered = shareSubexpressions(gatherScalars(graph));
    const products = (of: Graph) => nodesOf(of).filter(({ op, outputs }) => op.name === 'mul' && outputs[0].shape.length > 0).length;
    expect([products(graph), products(gathered)]).toEqual([5, 3]);
    const feeds = { ...numbers, scale: [0.3] };
    for (const [name, values] of Object.entries(interpret(graph, feeds)))
      expect(largestError(interpret(gathered, feeds)[name], values)).toBeLessThan(1e-12);
    const read = { outputs: { product: mul(clipped, 0.1), clipped } };
    expect(print(gatherScalars(read))).toBe(print(read));
    const summed = { outputs: { product: mul(clipped, 0.1), sum: add(clipped, y) } };
    expect(print(gatherScalars(summed))).toBe(print(summed));
  });

  it('makes the gradient of slices one concatenation', () => {
    const w = input('w', [2, 9]);
    const loss = [slice(w, 1, 0, 2), slice(w, 1, 2, 3), slice(w, 1, 3, 8)].map(part => sum(mul(part, exp(part)))).reduce(add);
    const [gradient] = grad(loss, [w]);
    const joined = joinPads({ outputs: { gradient } });
    expect(names(joined).filter(name => ['pad', 'concat'].includes(name))).toEqual(['concat', 'pad']);
    const feeds = { w: Array.from({ length: 18 }, (_, i) => Math.sin(i)) };
    expect(largestError(interpret(joined, feeds).gradient, interpret({ outputs: { gradient } }, feeds).gradient)).toBeLessThan(1e-12);
    const apart = add(pad(slice(w, 1, 0, 2), 1, 0, 7), pad(slice(w, 1, 3, 8), 1, 3, 1));
    expect(names(joinPads({ outputs: { apart } }))).not.toContain('concat');
    const overlapping = add(pad(slice(w, 1, 0, 4), 1, 0, 5), pad(slice(w, 1, 3, 8), 1, 3, 1));
    expect(names(joinPads({ outputs: { overlapping } }))).not.toContain('concat');
  });

  it.each([
    [[0], false],
    [[0], true],
    [[0, 1], false],
    [[0, 2], true],
    [[0, 2], false],
  ])('makes a product of a large sum over the axes %j (keep %j), with the same value', (axes, keep) => {
    const w = input('w', [8, 30, 4, 6]);
    const graph = { outputs: { r: sum(w, axes, keep) } };
    const product = sumsToProducts(graph);
    expect(names(product)).toContain('gemm');
    expect(names(product).filter(name => name === 'sum')).toHaveLength(axes.includes(2) ? 1 : 0);
    const feeds = { w: Array.from({ length: 8 * 30 * 24 }, (_, i) => Math.sin(i)) };
    expect(largestError(interpret(product, feeds).r, interpret(graph, feeds).r)).toBeLessThan(1e-12);
  });

  it('leaves other sums alone', () => {
    const w = input('w', [8, 30, 4, 6]);
    const graph = { outputs: { inner: sum(w, [1, 3]), all: sum(w), small: sum(x, [0]) } };
    expect(names(sumsToProducts(graph))).not.toContain('gemm');
  });

  it('moves reshapes behind what works row by row, so that none is left between layers', () => {
    const [h, w] = [input('h', [2, 3, 4]), input('w', [4, 4])];
    const layer = (t: Tensor) => linear(layerNorm(relu(linear(t, w))), w);
    const graph = shareSubexpressions(sinkReshapes({ outputs: { r: add(layer(layer(h)), h) } }));
    expect(names(graph).filter(name => name === 'reshape')).toHaveLength(2);
    expect(nodesOf(graph).find(node => node.op.name === 'relu')!.inputs[0].node.op.name).toBe('gemm');
    const reduced = sinkReshapes({ outputs: { r: mul(linear(h, w), mean(linear(h, w), [2], true)), s: sum(linear(h, w), [0, 1]) } });
    expect(nodesOf(reduced).find(node => node.op.name === 'mul')!.outputs[0].shape).toEqual([6, 4]);
    expect(nodesOf(reduced).find(node => node.op.name === 'sum')!.inputs[0].node.op.name).toBe('gemm');
    const repeated = { outputs: { r: add(linear(h, w), input('position', [3, 4])) } };
    expect(nodesOf(sinkReshapes(repeated)).find(node => node.op.name === 'add')!.outputs[0].shape).toEqual([2, 3, 4]);
  });

  it('makes a reshape of a transpose that only moves axes of size 1', () => {
    const one = input('one', [2, 1, 3]);
    expect(names(simplify({ outputs: { r: transpose(one, [1, 0, 2]) } }))).toEqual(['input', 'reshape']);
    expect(names(simplify({ outputs: { r: transpose(one, [2, 1, 0]) } }))).toEqual(['input', 'transpose']);
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

import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { grad } from './grad.ts';
import { nodesOf } from './graph.ts';
import { add, cast, constant, gemm, input, matmul, mul, stopGradient, sum, tanh } from './ops/index.ts';
import { optimize } from './passes.ts';
import { recomputable } from './recompute.ts';
import { interpret } from './reference.ts';
import type { Tensor } from './tensor.ts';

const x = input('x', [3]);
const w = input('w', [3]);
const numbers = { x: [1, -2, 3], w: [0.5, 4, -1] };
const value = (gradient: Tensor) => [...interpret({ outputs: { gradient } }, numbers).gradient];

describe('grad', () => {
  it('adds up what flows back through a shared expression', () => {
    const square = mul(x, x);
    const [gradient] = grad(sum(add(mul(square, w), square)), [x]);
    // d/dx (x² w + x²) = 2x (w + 1)
    expect(value(gradient)).toEqual([3, -20, 0]);
  });

  it('does not flow through stopGradient or a cast', () => {
    expect(value(grad(sum(mul(stopGradient(x), x)), [x])[0])).toEqual([1, -2, 3]);
    expect(value(grad(sum(stopGradient(x)), [x])[0])).toEqual([0, 0, 0]);
    expect(value(grad(sum(cast(cast(x, 'int32'), 'float32')), [x])[0])).toEqual([0, 0, 0]);
  });

  it('is zero, of the right shape, for a parameter that the loss does not read', () => {
    const unused = input('unused', [2, 2]);
    const [gradient, used] = grad(sum(x), [unused, x]);
    expect(gradient.shape).toEqual([2, 2]);
    expect(value(gradient)).toEqual([0, 0, 0, 0]);
    expect(value(used)).toEqual([1, 1, 1]);
  });

  it('is taken by intermediate values too, and of gradients', () => {
    const middle = mul(x, 2);
    const loss = sum(mul(middle, middle));
    expect(value(grad(loss, [middle])[0])).toEqual([4, -8, 12]);
    const [first] = grad(loss, [x]);
    expect(value(grad(sum(mul(first, w)), [x])[0])).toEqual([4, 32, -8]);
  });

  it('builds nothing for what no parameter reaches', () => {
    const [a, b] = [input('a', [2, 2]), input('b', [2, 2])];
    const [gradient] = grad(sum(matmul(tanh(a), b)), [b]);
    const names = nodesOf(optimize({ outputs: { gradient } })).map(node => node.op.name);
    expect(names.filter(name => name === 'matmul')).toHaveLength(1);
    expect(names.filter(name => name === 'mul')).toHaveLength(0);
  });

  it('is one product where a weight is used at every time step', () => {
    const [state, weight] = [input('state', [2, 3]), input('weight', [3, 3])];
    const unrolled = (steps: number) => {
      let h = state;
      for (let t = 0; t < steps; t++) h = tanh(gemm(h, weight));
      return grad(sum(h), [weight])[0];
    };
    const products = (gradient: Tensor) =>
      nodesOf(optimize({ outputs: { gradient } })).filter(({ op, outputs }) => op.name === 'gemm' && outputs[0].shape[0] === 3);
    expect(products(unrolled(10))).toHaveLength(10);
    expect(products(unrolled(100))).toHaveLength(1);

    const at = (data: number[]) => ({ state: [0.1, 0.2, -0.3, 0.4, 0, 0.6], weight: data });
    const w = [0.9, -0.4, 0.1, 0.3, 1.1, -0.2, 0.5, 0.2, 0.8];
    const gradient = interpret({ outputs: { gradient: unrolled(100) } }, at(w)).gradient;
    let h = state;
    for (let t = 0; t < 100; t++) h = tanh(gemm(h, weight));
    const loss = (data: number[]) => interpret({ outputs: { loss: sum(h) } }, at(data)).loss[0];
    for (const [i, found] of gradient.entries()) {
      const moved = (by: number) => loss(w.map((number, j) => (j === i ? number + by : number)));
      expect(found).toBeCloseTo((moved(1e-6) - moved(-1e-6)) / 2e-6, 6);
    }
  });

  it('computes recomputable parts again, after what flows back to them is known, with the same result', () => {
    const [state, weight] = [input('state', [2, 3]), input('weight', [3, 3])];
    const layer = (h: Tensor) => recomputable(h, x => add(x, tanh(gemm(tanh(gemm(x, weight)), weight))));
    const loss = sum(mul(layer(layer(state)), state));
    const feeds = { state: [0.1, 0.2, -0.3, 0.4, 0, 0.6], weight: [0.9, -0.4, 0.1, 0.3, 1.1, -0.2, 0.5, 0.2, 0.8] };
    const of = (recompute: boolean) => {
      const [ofWeight, ofState] = grad(loss, [weight, state], { recompute });
      const graph = optimize({ outputs: { ofWeight, ofState } });
      return { tanhs: nodesOf(graph).filter(({ op }) => op.name === 'tanh'), found: interpret(graph, feeds) };
    };
    const [kept, again] = [of(false), of(true)];
    expect(again.found).toEqual(kept.found);
    expect([kept.tanhs.length, again.tanhs.length]).toEqual([4, 8]);
  });

  it('expects a scalar loss', () => {
    expect(() => grad(x, [x])).toThrow(failure('E_SHAPE', 'float32[3]'));
    expect(() => grad(constant(1, [], 'int32'), [x])).toThrow(failure('E_SHAPE', 'int32[]'));
  });
});

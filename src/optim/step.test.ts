import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it, vi } from 'vitest';
import { nodeExecutor } from '../engine/executors/node.ts';
import {
  add,
  constant,
  gemm,
  type HostTensor,
  input,
  inputsOf,
  interpret,
  mean,
  mul,
  optimize,
  sub,
  toOnnx,
  verify,
  zeros,
} from '../engine/index.ts';
import { pack, packing, unpack } from './packing.ts';
import { perParameter, trainStep } from './step.ts';
import { adam, chain, decayWeights, descend } from './transforms.ts';

const host = (numbers: number[], shape = [numbers.length]): HostTensor => ({ data: Float32Array.from(numbers), shape, dtype: 'float32' });
const parameter = (name: string, shape: number[]) => ({ name, shape, tensor: input(name, shape) });

/** Fit y = x W + b, with a frozen gain on the error. */
function regression() {
  const [weight, bias, gain] = [parameter('weight', [2, 2]), parameter('bias', [2]), parameter('gain', [])];
  const [x, y] = [input('x', [8, 2]), input('y', [8, 2])];
  const error = mul(sub(gemm(x, weight.tensor, {}, bias.tensor), y), gain.tensor);
  const optimizer = chain(
    adam(),
    decayWeights(0),
    descend(() => constant(0.05)),
  );
  const size = mean(mul(weight.tensor, weight.tensor));
  return trainStep({ loss: mean(mul(error, error)), trainable: [weight, bias], frozen: [gain], optimizer, metrics: { size } });
}

const xs = Array.from({ length: 16 }, (_, i) => Math.sin(i * i + 1));
const ys = xs.map((_, i) => (i % 2 === 0 ? 2 * xs[i] - xs[i + 1] + 0.5 : xs[i - 1] - 0.25));

describe('packing', () => {
  const values = new Map([
    ['a', Float32Array.of(1, 2, 3, 4)],
    ['b', Float32Array.of(5)],
    ['c', Float32Array.of(6, 7)],
  ]);
  const layout = packing([
    { name: 'a', shape: [2, 2] },
    { name: 'b', shape: [] },
    { name: 'c', shape: [2] },
  ]);

  it('lays parameters out and takes them apart again', () => {
    expect(layout).toMatchObject({ size: 7, entries: [{ offset: 0 }, { offset: 4 }, { offset: 5 }] });
    expect(pack(layout, values)).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6, 7));
    expect(unpack(layout, pack(layout, values))).toEqual(values);
  });

  it('gives each parameter one value, or nothing when all are neutral', () => {
    const rates = perParameter(layout, name => (name === 'b' ? 0.5 : 1), 1);
    expect([...interpret({ outputs: { rates: rates! } }, {}).rates]).toEqual([1, 1, 1, 1, 0.5, 1, 1]);
    expect(perParameter(layout, () => 0.1, 0.1)).toBeUndefined();
  });
});

describe('a training step', () => {
  it('reads state, batch and frozen vectors, and nothing else', () => {
    const { graph, layout, frozenLayout, state } = regression();
    verify(graph, 'building');
    expect([...inputsOf(graph).keys()].sort()).toEqual(['frozen', 'moment1', 'moment2', 'parameters', 'step', 'x', 'y']);
    expect(state).toEqual(['parameters', 'moment1', 'moment2']);
    expect(Object.keys(graph.outputs).sort()).toEqual(['learningRate', 'loss', 'next.moment1', 'next.moment2', 'next.parameters', 'size']);
    expect([layout.size, frozenLayout.size]).toEqual([6, 1]);
  });

  it('does to the packed vector what it does to each parameter alone', () => {
    const [a, b] = [parameter('a', [2]), parameter('b', [3])];
    const loss = add(mean(mul(a.tensor, a.tensor)), mean(mul(mul(b.tensor, b.tensor), b.tensor)));
    const optimizer = chain(
      adam(),
      decayWeights(0.1),
      descend(() => constant(0.1)),
    );
    const values = { a: [1, -2], b: [0.5, 3, -1] };
    const stepOf = (trainable: (typeof a)[], numbers: Record<string, number[]>) => {
      const { graph, layout } = trainStep({ loss, trainable, optimizer });
      const nothing = new Float64Array(layout.size);
      return interpret(graph, { ...numbers, moment1: nothing, moment2: nothing, step: [1] })['next.parameters'];
    };
    const together = stepOf([a, b], { parameters: [...values.a, ...values.b] });
    const apart = [...stepOf([a], { parameters: values.a, b: values.b }), ...stepOf([b], { parameters: values.b, a: values.a })];
    expect([...together]).toEqual(apart);
  });

  it('updates buffers in addition to parameters, without a gradient of them', () => {
    const [a, seen] = [parameter('a', [2]), parameter('seen', [])];
    const [average, other] = [parameter('average', [2]), parameter('other', [2])];
    const buffers = [
      { ...average, next: add(mul(average.tensor, 0.5), mul(a.tensor, 0.5)) },
      { ...seen, next: add(seen.tensor, 1) },
      // Never assigned to.
      { ...other, next: other.tensor },
    ];
    const optimizer = chain(
      adam(),
      descend(() => constant(0.1)),
    );
    const loss = add(mean(mul(a.tensor, average.tensor)), mean(other.tensor));
    const { graph, state, layouts } = trainStep({ loss, trainable: [a], buffers, optimizer });
    expect(state).toEqual(['parameters', 'moment1', 'moment2', 'buffers']);
    expect([layouts.parameters.size, layouts.buffers.size]).toEqual([2, 5]);
    expect([...inputsOf(graph).keys()].sort()).toEqual(['buffers', 'moment1', 'moment2', 'parameters', 'step']);
    const nothing = [0, 0];
    const feeds = { parameters: [2, 4], moment1: nothing, moment2: nothing, step: [1], buffers: [1, -1, 7, 5, 6] };
    const found = interpret(graph, feeds);
    expect([...found['next.buffers']]).toEqual([1.5, 1.5, 8, 5, 6]);
    // Adam's first step goes against the sign of the gradient, which is that of the average.
    expect(found['next.parameters'][0]).toBeCloseTo(1.9, 5);
    expect(found['next.parameters'][1]).toBeCloseTo(4.1, 5);
  });

  it('fits a line, compiled once, with buffers that swap', async () => {
    const { graph, layout, state } = regression();
    const create = vi.spyOn(InferenceSession, 'create');
    const program = await nodeExecutor({ threads: 1 }).compile(toOnnx(optimize(graph)));
    let current = Object.fromEntries(state.map(name => [name, zeros([layout.size])]));
    let spare = Object.fromEntries(state.map(name => [name, zeros([layout.size])]));
    const fixed = { x: host(xs, [8, 2]), y: host(ys, [8, 2]), frozen: host([1]) };
    const losses: number[] = [];
    let first: Record<string, Float64Array> = {};
    for (let step = 1; step <= 400; step++) {
      const feeds = { ...fixed, ...current, step: host([step], []) };
      if (step === 1) first = interpret(graph, Object.fromEntries(Object.entries(feeds).map(([name, { data }]) => [name, data])));
      const into = Object.fromEntries(state.map(name => [`next.${name}`, spare[name]]));
      const results = await program.run(feeds, ['loss', ...Object.keys(into)], into);
      losses.push(results.loss.data[0]);
      if (step === 1) for (const [i, v] of first['next.parameters'].entries()) expect(results['next.parameters'].data[i]).toBeCloseTo(v, 5);
      spare = current;
      current = Object.fromEntries(state.map(name => [name, results[`next.${name}`]]));
    }
    await program.dispose();
    expect(losses[0]).toBeCloseTo(first.loss[0], 5);
    expect(losses.at(-1)).toBeLessThan(1e-3 * losses[0]);
    const fitted = unpack(layout, current.parameters.data as Float32Array);
    for (const [i, v] of [2, 1, -1, 0].entries()) expect(fitted.get('weight')![i]).toBeCloseTo(v, 1);
    for (const [i, v] of [0.5, -0.25].entries()) expect(fitted.get('bias')![i]).toBeCloseTo(v, 1);
    expect(create).toHaveBeenCalledTimes(1);
  });
});

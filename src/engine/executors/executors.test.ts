/** @file The contract of executors, run against every one that works on this machine. */

import { describe, expect, it } from 'vitest';
import { failure } from '../../../test/helpers/failure.ts';
import { add, input, matmul, mul, sum, toOnnx, zeros } from '../index.ts';
import type { HostTensor } from './executor.ts';
import { createExecutor, EXECUTORS, type ExecutorId, type ProbeResult, probeExecutor } from './registry.ts';

const host = (data: number[]): HostTensor => ({ data: Float32Array.from(data), shape: [2, 2], dtype: 'float32' });
const x = input('x', [2, 2]);
const model = toOnnx({ outputs: { square: matmul(x, x), double: mul(x, 2), total: sum(add(x, 1)) } });

const probes: ProbeResult[] = [];
for (const id of Object.keys(EXECUTORS) as ExecutorId[]) probes.push(await probeExecutor(id));
const works = Object.fromEntries(probes.map(probe => [probe.id, probe.works]));

describe.each(Object.keys(EXECUTORS) as ExecutorId[])('%s', id => {
  it.skipIf(!works[id])('computes what is asked for, again and again', async () => {
    const executor = await createExecutor(id, { threads: 1 });
    expect(executor.id).toBe(id);
    const program = await executor.compile(model);
    const first = await program.run({ x: host([1, 2, 3, 4]) }, ['square', 'total']);
    expect(Object.keys(first).sort()).toEqual(['square', 'total']);
    expect(first.square).toMatchObject({ shape: [2, 2], dtype: 'float32', data: Float32Array.of(7, 10, 15, 22) });
    expect(first.total).toMatchObject({ shape: [], data: Float32Array.of(14) });
    // The same host tensor with other numbers in it: nothing may be remembered from the first run.
    const feed = host([0, 0, 0, 0]);
    await program.run({ x: feed }, ['double']);
    feed.data.set([1, 0, 0, 5]);
    expect((await program.run({ x: feed }, ['double'])).double.data).toEqual(Float32Array.of(2, 0, 0, 10));
    await program.dispose();
  });

  it.skipIf(!works[id])('gives the result, whether or not it fills the buffers handed in', async () => {
    const program = await (await createExecutor(id, { threads: 1 })).compile(model);
    const into = { square: zeros([2, 2]) };
    const { square, double } = await program.run({ x: host([2, 0, 0, 3]) }, ['square', 'double'], into);
    expect(square.data).toEqual(Float32Array.of(4, 0, 0, 9));
    expect(double.data).toEqual(Float32Array.of(4, 0, 0, 6));
    if (id === 'cpu') expect(square.data).toBe(into.square.data);
    await program.dispose();
  });

  it.skipIf(!works[id])('explains a model that it cannot load', async () => {
    const executor = await createExecutor(id, { threads: 1 });
    await expect(executor.compile(Uint8Array.of(1, 2, 3))).rejects.toThrow(failure('E_EXECUTOR', `"${id}"`));
  });
});

it('says of every executor whether it works, and why not', () => {
  expect(probes.map(({ id }) => id)).toEqual(Object.keys(EXECUTORS));
  expect(probes.filter(({ id }) => id === 'cpu' || id === 'wasm').every(({ works }) => works)).toBe(true);
  for (const { detail } of probes) expect(detail).not.toBe('');
});

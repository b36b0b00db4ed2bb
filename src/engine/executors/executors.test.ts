/** @file The contract of executors, run against every one that works on this machine. */

import { describe, expect, it } from 'vitest';
import { failure } from '../../../test/helpers/failure.ts';
import { executorChecks } from '../../testing/executor.ts';
import { input, mul, toOnnx, zeros } from '../index.ts';
import { createExecutor, EXECUTORS, type ExecutorId, type ProbeResult, probeExecutor } from './registry.ts';

const probes: ProbeResult[] = [];
for (const id of Object.keys(EXECUTORS) as ExecutorId[]) probes.push(await probeExecutor(id));
const working = probes.filter(({ works }) => works);

describe.each(working)('$id', async ({ id }) => {
  const executor = await createExecutor(id, { threads: 1 });
  for (const { name, run } of executorChecks(executor)) it(name, run);

  it('is called by its id, also where it refuses a model', async () => {
    expect(executor.id).toBe(id);
    await expect(executor.compile(Uint8Array.of(1, 2, 3))).rejects.toThrow(failure('E_EXECUTOR', `"${id}"`));
  });
});

it('the CPU fills the buffers that it is handed', async () => {
  const x = input('x', [2, 2]);
  const program = await (await createExecutor('cpu', { threads: 1 })).compile(toOnnx({ outputs: { double: mul(x, 2) } }));
  const into = { double: zeros([2, 2]) };
  const { double } = await program.run({ x: zeros([2, 2]) }, ['double'], into);
  expect(double.data).toBe(into.double.data);
  await program.dispose();
});

it('says of every executor whether it works, and why not', () => {
  expect(probes.map(({ id }) => id)).toEqual(Object.keys(EXECUTORS));
  expect(probes.filter(({ id }) => id === 'cpu' || id === 'wasm').every(({ works }) => works)).toBe(true);
  for (const { detail } of probes) expect(detail).not.toBe('');
});

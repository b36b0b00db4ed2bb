/** @file The contract of executors, run against every one that works on this machine. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { failure } from '../../../test/helpers/failure.ts';
import { executorChecks } from '../../testing/executor.ts';
import { add, input, layerNorm, mul, toOnnx, zeros } from '../index.ts';
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

it('the CPU normalizes a sum by two kernels, which are faster than the fused one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cadenza-profile-'));
  vi.stubEnv('CADENZA_PROFILE', join(folder, 'profile'));
  try {
    const executor = await createExecutor('cpu', { threads: 1 });
    const [x, y] = [input('x', [2, 4, 8]), input('y', [2, 4, 8])];
    const program = await executor.compile(toOnnx({ outputs: { h: layerNorm(add(x, y)) } }));
    await program.run({ x: zeros([2, 4, 8]), y: zeros([2, 4, 8]) }, ['h']);
    await program.dispose();
    const events: { args?: { op_name?: string } }[] = JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]), 'utf8'));
    expect([...new Set(events.flatMap(({ args }) => args?.op_name ?? []))].sort()).toEqual(['Add', 'LayerNormalization']);
  } finally {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  }
});

it('says of every executor whether it works, and why not', () => {
  expect(probes.map(({ id }) => id)).toEqual(Object.keys(EXECUTORS));
  expect(probes.filter(({ id }) => id === 'cpu' || id === 'wasm').every(({ works }) => works)).toBe(true);
  for (const { detail } of probes) expect(detail).not.toBe('');
});

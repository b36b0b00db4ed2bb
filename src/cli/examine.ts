/** @file What this machine offers, tried out rather than looked up. Loads ONNX Runtime. */

import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { env } from 'onnxruntime-node';
import { nodeExecutor } from '../engine/executors/node.ts';
import { probeExecutors } from '../engine/executors/registry.ts';
import { type HostTensor, input, matmul, toOnnx, zeros } from '../engine/index.ts';

export interface ExecutorReport {
  name: string;
  works: boolean;
  /** Why it does not work. */
  reason?: string;
}

export interface DoctorReport {
  versions: Record<'cadenza' | 'node' | 'onnxruntime', string>;
  cpu: { model: string; cores: number };
  memoryGiB: { total: number; free: number };
  executors: ExecutorReport[];
  /** Rate of a float32 1024³ matrix product on the CPU executor. */
  gemmGflops: number;
}

const PRODUCT_SIZE = 1024;

/** Measures this machine. */
export async function examine(version: string): Promise<DoctorReport> {
  // An executor that does not work is an answer here, not a fault to log.
  env.logLevel = 'fatal';
  const probes = await probeExecutors();
  const gib = (bytes: number) => Math.round((bytes / 2 ** 30) * 10) / 10;
  return {
    versions: { cadenza: version, node: process.versions.node, onnxruntime: env.versions.node ?? env.versions.common },
    cpu: { model: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism() },
    memoryGiB: { total: gib(totalmem()), free: gib(freemem()) },
    executors: probes.map(({ id, works, detail }) => (works ? { name: id, works } : { name: id, works, reason: detail })),
    gemmGflops: await gemmRate(),
  };
}

/** GFLOP/s of a 1024³ float32 product with the default threads: the best of a few, because other work only ever slows it down. */
async function gemmRate(): Promise<number> {
  const shape = [PRODUCT_SIZE, PRODUCT_SIZE];
  const ones: HostTensor = { data: new Float32Array(PRODUCT_SIZE ** 2).fill(1), shape, dtype: 'float32' };
  const into = { product: zeros(shape) };
  const program = await nodeExecutor().compile(toOnnx({ outputs: { product: matmul(input('a', shape), input('b', shape)) } }));
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 12; i++) {
    const began = performance.now();
    await program.run({ a: ones, b: ones }, ['product'], into);
    best = Math.min(best, performance.now() - began);
  }
  await program.dispose();
  return Math.round((2 * PRODUCT_SIZE ** 3) / (best * 1e6));
}

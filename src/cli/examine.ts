/** @file What this machine offers, tried out rather than looked up. Loads ONNX Runtime. */

import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import onnxProto from 'onnx-proto';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';

/** One way to compute. `probe` computes something small for real, and throws where it does not work. */
export interface ExecutorProbe {
  name: string;
  probe(): Promise<void>;
}

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
export async function examine(version: string, probes: readonly ExecutorProbe[] = defaultProbes): Promise<DoctorReport> {
  // A probe that fails is an answer here, not a fault to log.
  env.logLevel = 'fatal';
  const executors: ExecutorReport[] = [];
  for (const { name, probe } of probes) {
    try {
      await probe();
      executors.push({ name, works: true });
    } catch (error) {
      executors.push({ name, works: false, reason: plainReason(error as Error) });
    }
  }
  const gib = (bytes: number) => Math.round((bytes / 2 ** 30) * 10) / 10;
  return {
    versions: { cadenza: version, node: process.versions.node, onnxruntime: env.versions.node ?? env.versions.common },
    cpu: { model: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism() },
    memoryGiB: { total: gib(totalmem()), free: gib(freemem()) },
    executors,
    gemmGflops: await gemmRate(),
  };
}

/** The first line of a native error, without the place in C++ that it starts with. */
const plainReason = ({ message }: Error) => message.split('\n')[0].replace(/^\/\S+:\d+ .* was false\. /, '');

const defaultProbes: ExecutorProbe[] = ['cpu', 'webgpu', 'cuda'].map(name => ({
  name,
  probe: async () => {
    const session = await InferenceSession.create(productModel(4), { executionProviders: [name], logSeverityLevel: 4 });
    const { C } = await session.run({ A: ones(4), B: ones(4) });
    await session.release();
    const found = (C.data as Float32Array)[0];
    if (found !== 4) throw new Error(`a 4×4 product of ones gave ${found}, expected 4`);
  },
}));

/** GFLOP/s of a 1024³ float32 product with the default threads: the best of a few, because other work only ever slows it down. */
async function gemmRate(): Promise<number> {
  const session = await InferenceSession.create(productModel(PRODUCT_SIZE), { executionProviders: ['cpu'] });
  const feeds = { A: ones(PRODUCT_SIZE), B: ones(PRODUCT_SIZE) };
  const fetches = { C: ones(PRODUCT_SIZE) };
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 12; i++) {
    const began = performance.now();
    await session.run(feeds, fetches);
    best = Math.min(best, performance.now() - began);
  }
  await session.release();
  return Math.round((2 * PRODUCT_SIZE ** 3) / (best * 1e6));
}

const ones = (n: number) => new Tensor('float32', new Float32Array(n * n).fill(1), [n, n]);

/** C[n, n] = A[n, n] · B[n, n], as ONNX bytes. */
function productModel(n: number): Uint8Array {
  const { ModelProto, TensorProto } = onnxProto.onnx;
  const square = (name: string) => ({
    name,
    type: { tensorType: { elemType: TensorProto.DataType.FLOAT, shape: { dim: [{ dimValue: n }, { dimValue: n }] } } },
  });
  const graph = {
    name: 'product',
    node: [{ opType: 'MatMul', input: ['A', 'B'], output: ['C'] }],
    input: [square('A'), square('B')],
    output: [square('C')],
  };
  return ModelProto.encode(ModelProto.create({ irVersion: 8, opsetImport: [{ domain: '', version: 17 }], graph })).finish();
}

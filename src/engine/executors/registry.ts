/** @file Every executor by name, and whether it works here. For Node: a page imports the web executor itself. */

import { CadenzaError } from '../../util/errors.ts';
import { toOnnx } from '../onnx/lower.ts';
import { matmul } from '../ops/linear.ts';
import { input } from '../ops/structure.ts';
import type { Executor, HostTensor } from './executor.ts';
import { plainReason } from './onnxruntime.ts';

export interface ExecutorSettings {
  /** Bounds the kernels' own parallelism; left out, the runtime uses every core. */
  readonly threads?: number;
}

// Loaded when asked for: a runtime's native library is large, and one that does not load must not take the others with it.
const node = (provider: 'cpu' | 'webgpu' | 'cuda') => async (settings: ExecutorSettings) =>
  (await import('./node.ts')).nodeExecutor({ provider, ...settings });

/** How each executor is made. */
export const EXECUTORS = {
  cpu: node('cpu'),
  webgpu: node('webgpu'),
  cuda: node('cuda'),
  wasm: async (settings: ExecutorSettings) => (await import('./web.ts')).webExecutor(settings),
} satisfies Record<string, (settings: ExecutorSettings) => Promise<Executor>>;

export type ExecutorId = keyof typeof EXECUTORS;

/** The executor called `id`. Whether it works shows when it compiles something. */
export const createExecutor = (id: ExecutorId, settings: ExecutorSettings = {}): Promise<Executor> => EXECUTORS[id](settings);

export interface ProbeResult {
  readonly id: ExecutorId;
  readonly works: boolean;
  /** What was computed, or why nothing was. */
  readonly detail: string;
}

/** Runs a small product on one executor. */
export async function probeExecutor(id: ExecutorId): Promise<ProbeResult> {
  const n = 4;
  const graph = { outputs: { product: matmul(input('a', [n, n]), input('b', [n, n])) } };
  const ones: HostTensor = { data: new Float32Array(n * n).fill(1), shape: [n, n], dtype: 'float32' };
  try {
    const program = await (await createExecutor(id)).compile(toOnnx(graph));
    const { product } = await program.run({ a: ones, b: ones }, ['product']);
    await program.dispose();
    const found = product.data[0];
    return found === n
      ? { id, works: true, detail: `a ${n}×${n} product is right` }
      : { id, works: false, detail: `a ${n}×${n} product of ones gave ${found}, expected ${n}` };
  } catch (error) {
    const reason = error instanceof CadenzaError && error.cause instanceof Error ? error.cause : (error as Error);
    return { id, works: false, detail: plainReason(reason) };
  }
}

/** Tries every executor, one after another: they would share the machine's cores. */
export async function probeExecutors(): Promise<ProbeResult[]> {
  const results: ProbeResult[] = [];
  for (const id of Object.keys(EXECUTORS) as ExecutorId[]) results.push(await probeExecutor(id));
  return results;
}

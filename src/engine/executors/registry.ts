/** @file Executors by name, and whether each works here. For Node; a page imports the web executor itself. */

import { availableParallelism } from 'node:os';
import { CadenzaError } from '../../util/errors.ts';
import { explainLoading } from '../../util/native.ts';
import { toOnnx } from '../onnx/lower.ts';
import { matmul } from '../ops/linear.ts';
import { input } from '../ops/structure.ts';
import type { Executor, HostTensor } from './executor.ts';
import { plainReason } from './onnxruntime.ts';

export interface ExecutorSettings {
  /** Limits the parallelism of the kernels; by default the runtime uses every core. */
  readonly threads?: number;
}

// Loaded on demand: a runtime's native library is large, and one that does not load must not break the others.
const node = (provider: 'cpu' | 'webgpu' | 'cuda') => async (settings: ExecutorSettings) =>
  (await import('./node.ts')).nodeExecutor({ provider, ...settings });

/** How each executor is created. */
export const EXECUTORS = {
  cpu: node('cpu'),
  webgpu: node('webgpu'),
  cuda: node('cuda'),
  wasm: async (settings: ExecutorSettings) => (await import('./web.ts')).webExecutor(settings),
} satisfies Record<string, (settings: ExecutorSettings) => Promise<Executor>>;

export type ExecutorId = keyof typeof EXECUTORS;

/**
 * Creates the executor called `id`. Whether it works shows when it compiles a graph.
 *
 * @throws {CadenzaError} `E_INSTALL` if its runtime does not load.
 */
export async function createExecutor(id: ExecutorId, settings: ExecutorSettings = {}): Promise<Executor> {
  try {
    return await EXECUTORS[id](settings);
  } catch (error) {
    throw explainLoading(error) ?? error;
  }
}

/**
 * Creates the executor of an experiment and runs a small product on it, so that a broken one fails before hours of work.
 *
 * @param say receives advice about the settings.
 * @throws {CadenzaError} `E_EXECUTOR` if it does not work on this machine, `E_INSTALL` if its runtime does not load.
 */
export async function readyExecutor(
  { provider, workers = 1, ...settings }: ExecutorSettings & { readonly provider: ExecutorId; readonly workers?: number },
  say?: (advice: string) => void,
): Promise<Executor> {
  const advice = threadAdvice(settings.threads && settings.threads * workers, availableParallelism());
  if (advice) say?.(advice);
  const executor = await createExecutor(provider, settings);
  const product = await computeProduct(executor);
  if (product !== SIDE)
    throw new CadenzaError(
      'E_EXECUTOR',
      `the executor "${provider}" computes ${product} where ${SIDE} is right. Use executor.provider=cpu.`,
    );
  return executor;
}

/** Advice on a thread count that makes the work slower; undefined if it is within twice the cores. */
export const threadAdvice = (threads: number | undefined, cores: number): string | undefined =>
  threads !== undefined && threads > 2 * cores
    ? `executor.threads (times executor.workers) is ${threads}, but this machine has ${cores} cores; more threads than cores make training slower.`
    : undefined;

/** Size of the matrices that an executor is tested with. */
const SIDE = 4;

/** One entry of the product of two matrices of ones. */
async function computeProduct(executor: Executor): Promise<number> {
  const shape = [SIDE, SIDE];
  const ones: HostTensor = { data: new Float32Array(SIDE * SIDE).fill(1), shape, dtype: 'float32' };
  const program = await executor.compile(toOnnx({ outputs: { product: matmul(input('a', shape), input('b', shape)) } }));
  const { product } = await program.run({ a: ones, b: ones }, ['product']);
  await program.dispose();
  return product.data[0];
}

export interface ProbeResult {
  readonly id: ExecutorId;
  readonly works: boolean;
  /** What was computed, or why nothing was. */
  readonly detail: string;
}

/** Tests one executor with a small product. */
export async function probeExecutor(id: ExecutorId): Promise<ProbeResult> {
  const n = SIDE;
  try {
    const found = await computeProduct(await createExecutor(id));
    return found === n
      ? { id, works: true, detail: `a ${n}×${n} product is correct` }
      : { id, works: false, detail: `a ${n}×${n} product of ones gave ${found}, expected ${n}` };
  } catch (error) {
    const { code, cause, message } = error as CadenzaError;
    return { id, works: false, detail: code === 'E_EXECUTOR' && cause instanceof Error ? plainReason(cause) : message };
  }
}

/** @file Every executor by name, and whether it works here. For Node: a page imports the web executor itself. */

import { availableParallelism } from 'node:os';
import { CadenzaError } from '../../util/errors.ts';
import { explainLoading } from '../../util/native.ts';
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

/** The executor called `id`. Whether it works shows when it compiles something. Throws `E_INSTALL` when its runtime does not load. */
export async function createExecutor(id: ExecutorId, settings: ExecutorSettings = {}): Promise<Executor> {
  try {
    return await EXECUTORS[id](settings);
  } catch (error) {
    throw explainLoading(error) ?? error;
  }
}

/**
 * The executor of an experiment, once it has computed something here: an hour of work must not come before the news that it cannot.
 *
 * @param say told what is inadvisable about the settings.
 * @throws `E_EXECUTOR` when it does not work on this machine, `E_INSTALL` when its runtime does not load.
 */
export async function readyExecutor(
  { provider, ...settings }: ExecutorSettings & { readonly provider: ExecutorId },
  say?: (advice: string) => void,
): Promise<Executor> {
  const advice = threadAdvice(settings.threads, availableParallelism());
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

/** What to say of a number of threads that makes the work slower; nothing where it is within twice the cores. */
export const threadAdvice = (threads: number | undefined, cores: number): string | undefined =>
  threads !== undefined && threads > 2 * cores
    ? `executor.threads is ${threads}, but this machine has ${cores} cores; threads beyond the cores make training slower.`
    : undefined;

/** Of the matrices that an executor is tried with. */
const SIDE = 4;

/** An entry of the product of two matrices of ones. */
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

/** Runs a small product on one executor. */
export async function probeExecutor(id: ExecutorId): Promise<ProbeResult> {
  const n = SIDE;
  try {
    const found = await computeProduct(await createExecutor(id));
    return found === n
      ? { id, works: true, detail: `a ${n}×${n} product is right` }
      : { id, works: false, detail: `a ${n}×${n} product of ones gave ${found}, expected ${n}` };
  } catch (error) {
    const { code, cause, message } = error as CadenzaError;
    return { id, works: false, detail: code === 'E_EXECUTOR' && cause instanceof Error ? plainReason(cause) : message };
  }
}

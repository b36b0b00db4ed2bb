/** @file Native execution in Node by onnxruntime-node: CPU everywhere, WebGPU and CUDA where the machine has them. */

import { env, type InferenceSession, InferenceSession as Session, Tensor } from 'onnxruntime-node';
import type { Executor } from './executor.ts';
import { onnxRuntimeExecutor, UNWANTED_FUSIONS } from './onnxruntime.ts';

// A provider that does not work throws an error, which we explain; the runtime would also print its own report on stderr.
env.logLevel = 'fatal';

/** Where the native executor computes. */
export type NodeProvider = 'cpu' | 'webgpu' | 'cuda';

/**
 * The native executor, onnxruntime-node. `threads` limits the parallelism of its kernels; equal thread counts give equal bytes. If
 * CADENZA_PROFILE=prefix is set in the environment, ONNX Runtime writes a profile of every session to prefix_<time>.json when it is
 * disposed.
 *
 * @example
 * const executor = nodeExecutor({ threads: 1 });
 * const program = await executor.compile(toOnnx({ outputs: { y: exp(input('x', [3])) } }));
 */
export function nodeExecutor({ provider = 'cpu', threads }: { provider?: NodeProvider; threads?: number } = {}): Executor {
  const options: InferenceSession.SessionOptions = {
    ...(process.env.CADENZA_PROFILE ? { enableProfiling: true, profileFilePrefix: process.env.CADENZA_PROFILE } : {}),
    executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    logSeverityLevel: 3,
    // A masked score's e^x is denormal inside the softmax kernel, and a processor may take 100 cycles for each such number. For the calling
    // thread, the first session of the process decides: a session created another way before this one would leave the flag unset.
    extra: { session: { set_denormal_as_zero: '1' }, optimization: { disable_specified_optimizers: UNWANTED_FUSIONS } },
    ...(threads ? { intraOpNumThreads: threads } : {}),
  };
  return onnxRuntimeExecutor(provider, { InferenceSession: Session, Tensor }, options, provider === 'cpu');
}

/** @file Native execution in Node by onnxruntime-node: CPU everywhere, WebGPU and CUDA where the machine has them. */

import { env, type InferenceSession, InferenceSession as Session, Tensor } from 'onnxruntime-node';
import type { Executor } from './executor.ts';
import { onnxRuntimeExecutor } from './onnxruntime.ts';

// A provider that cannot work is an exception, which is explained; the runtime would print its own account of it on stderr, too.
env.logLevel = 'fatal';

export type NodeProvider = 'cpu' | 'webgpu' | 'cuda';

/**
 * The native executor. `threads` bounds the kernels' own parallelism; equal thread counts give equal bytes. With CADENZA_PROFILE=prefix in
 * the environment, ONNX Runtime writes a profile of every session to prefix_<time>.json when it is disposed of.
 */
export function nodeExecutor({ provider = 'cpu', threads }: { provider?: NodeProvider; threads?: number } = {}): Executor {
  const options: InferenceSession.SessionOptions = {
    ...(process.env.CADENZA_PROFILE ? { enableProfiling: true, profileFilePrefix: process.env.CADENZA_PROFILE } : {}),
    executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    logSeverityLevel: 3,
    // A masked score's e^x is denormal inside the softmax kernel, and a processor may take 100 cycles for each such number. For the thread that
    // calls, the first session of the process decides: sessions made otherwise before this one would leave it as it was.
    extra: { session: { set_denormal_as_zero: '1' } },
    ...(threads ? { intraOpNumThreads: threads } : {}),
  };
  return onnxRuntimeExecutor(provider, { InferenceSession: Session, Tensor }, options, provider === 'cpu');
}

/** @file Execution by onnxruntime-web: WebAssembly anywhere, WebGPU in browsers that have it. Loads in Node as well, for tests and probes. */

import { env, InferenceSession, Tensor } from 'onnxruntime-web';
import type { Executor } from './executor.ts';
import { onnxRuntimeExecutor } from './onnxruntime.ts';

export type WebProvider = 'wasm' | 'webgpu';

export interface WebExecutorOptions {
  readonly provider?: WebProvider;
  /** Threads of the WebAssembly kernels; a page needs cross-origin isolation for more than one. The first executor of a process decides. */
  readonly threads?: number;
  /** Where a browser finds onnxruntime-web's `.wasm` and `.mjs` files, ending in `/`. Node reads them from the package. */
  readonly baseUrl?: string;
}

/** The WebAssembly or WebGPU executor of onnxruntime-web. */
export function webExecutor({ provider = 'wasm', threads, baseUrl }: WebExecutorOptions = {}): Executor {
  // These settings are the runtime's own globals, read when its first session is made.
  if (threads) env.wasm.numThreads = threads;
  if (baseUrl) env.wasm.wasmPaths = baseUrl;
  env.logLevel = 'error';
  const options: InferenceSession.SessionOptions = {
    // Naming `wasm` behind `webgpu` would fall back without a word where there is no WebGPU; single ops still fall back.
    executionProviders: [provider],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    logSeverityLevel: 3,
  };
  return onnxRuntimeExecutor(provider, { InferenceSession, Tensor }, options, false);
}

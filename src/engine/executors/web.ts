/**
 * @file Execution by onnxruntime-web in WebAssembly, on any platform. Pages load the build without WebGPU, which is half as large
 * (`webgpu.ts` loads the other one); Node, for tests and probes, loads the one that reads its files from disk (`imports` in package.json).
 */

import { env, InferenceSession, Tensor } from '#onnxruntime-web';
import type { Executor } from './executor.ts';
import { onnxRuntimeExecutor, type WebExecutorOptions, webSessionOptions } from './onnxruntime.ts';

/**
 * The WebAssembly executor, onnxruntime-web.
 *
 * @example const executor = webExecutor({ baseUrl: '/onnxruntime/' });
 */
export function webExecutor(options: WebExecutorOptions = {}): Executor {
  return onnxRuntimeExecutor('wasm', { InferenceSession, Tensor }, webSessionOptions(env, 'wasm', options), false);
}

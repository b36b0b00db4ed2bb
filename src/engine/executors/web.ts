/**
 * @file Execution by onnxruntime-web in WebAssembly, anywhere. Pages get the part of the runtime without WebGPU, which is half
 * as large (`webgpu.ts` has the other one); Node, for tests and probes, the one that reads its files from the disk (`imports` in package.json).
 */

import { env, InferenceSession, Tensor } from '#onnxruntime-web';
import type { Executor } from './executor.ts';
import { onnxRuntimeExecutor, type WebExecutorOptions, webSessionOptions } from './onnxruntime.ts';

/** The WebAssembly executor of onnxruntime-web. */
export function webExecutor(options: WebExecutorOptions = {}): Executor {
  return onnxRuntimeExecutor('wasm', { InferenceSession, Tensor }, webSessionOptions(env, 'wasm', options), false);
}

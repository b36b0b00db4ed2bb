/** @file Execution by onnxruntime-web in WebGPU, for browsers that support it. */

import { env, InferenceSession, Tensor } from 'onnxruntime-web/webgpu';
import type { Executor } from './executor.ts';
import { onnxRuntimeExecutor, type WebExecutorOptions, webSessionOptions } from './onnxruntime.ts';

/**
 * The WebGPU executor, onnxruntime-web.
 *
 * @example const executor = webgpuExecutor({ baseUrl: '/onnxruntime/' });
 */
export function webgpuExecutor(options: WebExecutorOptions = {}): Executor {
  return onnxRuntimeExecutor('webgpu', { InferenceSession, Tensor }, webSessionOptions(env, 'webgpu', options), false);
}

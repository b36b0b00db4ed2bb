/** @file What the executors for onnxruntime-node and onnxruntime-web share: both implement onnxruntime-common. */

import type { Env, InferenceSession, Tensor as OrtTensor, TensorConstructor } from 'onnxruntime-common';
import { CadenzaError } from '../../util/errors.ts';
import type { Shape } from '../tensor.ts';
import { type Data, type Executor, type HostTensor, newData, type Program } from './executor.ts';

interface Runtime {
  readonly InferenceSession: { create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession> };
  readonly Tensor: TensorConstructor;
}

/**
 * Optimizations of the runtime to leave out. Its kernel for a sum and the layer normalization of it takes five times as long as both on a CPU,
 * and on WebGPU it does not write 1/σ, which the gradient reads.
 */
export const UNWANTED_FUSIONS = 'SkipLayerNormFusion';

/** The first line of a native error, without the C++ location that it starts with. */
export const plainReason = ({ message }: Error): string =>
  message
    .trim()
    .split('\n')[0]
    .replace(/^\/\S+:\d+ .* was false\. /, '')
    .replace(/[.\s]+$/, '');

/** Wraps a runtime as an executor. `writesInPlace`: preallocated outputs are filled (onnxruntime-web ignores them). */
export function onnxRuntimeExecutor(
  id: string,
  runtime: Runtime,
  options: InferenceSession.SessionOptions,
  writesInPlace: boolean,
): Executor {
  // One runtime tensor per host tensor: creating one costs more than a small kernel.
  const wrapped = new WeakMap<HostTensor, OrtTensor>();
  const wrap = (host: HostTensor): OrtTensor => {
    let tensor = wrapped.get(host);
    if (!tensor) {
      tensor = new runtime.Tensor(host.dtype, host.data as never, host.shape);
      wrapped.set(host, tensor);
    }
    return tensor;
  };
  const unwrap = (tensor: OrtTensor): HostTensor => ({
    data: tensor.data as Data,
    shape: tensor.dims,
    dtype: tensor.type as HostTensor['dtype'],
  });

  return {
    id,
    async compile(model) {
      const session = await runtime.InferenceSession.create(model, options).catch(cause => {
        throw new CadenzaError(
          'E_EXECUTOR',
          `the executor "${id}" cannot run this graph here: ${plainReason(cause as Error)}. Run "cadenza doctor" to see which executors work on this machine.`,
          { cause },
        );
      });
      const program: Program = {
        shapes: { inputs: shapesOf(session.inputMetadata), outputs: shapesOf(session.outputMetadata) },
        async run(feeds, outputs, into) {
          const wrappedFeeds = Object.fromEntries(Object.entries(feeds).map(([name, host]) => [name, wrap(host)]));
          if (writesInPlace && into) {
            const fetches = Object.fromEntries(outputs.map(name => [name, into[name] ? wrap(into[name]) : null]));
            const results = await session.run(wrappedFeeds, fetches);
            return Object.fromEntries(outputs.map(name => [name, into[name] ?? unwrap(results[name])]));
          }
          const results = await session.run(wrappedFeeds, outputs);
          return Object.fromEntries(outputs.map(name => [name, unwrap(results[name])]));
        },
        dispose: () => session.release(),
      };
      return program;
    },
  };
}

const shapesOf = (values: readonly InferenceSession.ValueMetadata[]): Record<string, Shape> =>
  Object.fromEntries(values.flatMap(value => (value.isTensor ? [[value.name, value.shape.map(Number)] as const] : [])));

export interface WebExecutorOptions {
  /** Threads of the WebAssembly kernels; a page needs cross-origin isolation for more than one. The first executor of a process decides. */
  readonly threads?: number;
  /**
   * Where a browser finds onnxruntime-web's `.wasm` and `.mjs` files: the address of their folder, ending in `/`, or those of the two files.
   * Node reads them from the package.
   */
  readonly baseUrl?: string | { readonly mjs: string; readonly wasm: string };
}

/** Session options of onnxruntime-web. */
export function webSessionOptions(
  env: Env,
  provider: 'wasm' | 'webgpu',
  { threads, baseUrl }: WebExecutorOptions,
): InferenceSession.SessionOptions {
  // These settings are global in the runtime, which reads them when it creates its first session.
  if (threads) env.wasm.numThreads = threads;
  if (baseUrl) env.wasm.wasmPaths = baseUrl;
  env.logLevel = 'error';
  return {
    // Listing `wasm` after `webgpu` would fall back silently if there is no WebGPU; single ops still fall back.
    executionProviders: [provider],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    logSeverityLevel: 3,
    extra: { optimization: { disable_specified_optimizers: UNWANTED_FUSIONS } },
  };
}

/** A host tensor of zeros. */
export const zeros = (shape: readonly number[], dtype: HostTensor['dtype'] = 'float32'): HostTensor => ({
  data: newData(
    dtype,
    shape.reduce((a, b) => a * b, 1),
  ),
  shape,
  dtype,
});

/** @file The interface that runs a compiled graph. All executors take the same ONNX bytes. */

import type { DType, Shape } from '../tensor.ts';

/** Numbers of a tensor on the host; `bool` is one byte per element. */
export type Data = Float32Array | Int32Array | Uint8Array;

/** A computed tensor on the host. `bool` is one byte per element. */
export interface HostTensor {
  /** Row-major elements. */
  readonly data: Data;
  /** Sizes of its axes. */
  readonly shape: Shape;
  /** Type of its elements. */
  readonly dtype: DType;
}

/** Tensors by the name of the graph's input or output. */
export type Feeds = Readonly<Record<string, HostTensor>>;

/** A compiled model, ready to run. */
export interface Program {
  /** Static shapes by name, if the runtime reports them. */
  readonly shapes?: { readonly inputs: Readonly<Record<string, Shape>>; readonly outputs: Readonly<Record<string, Shape>> };
  /**
   * Computes the named outputs. With `into`, outputs are written into those buffers if the executor supports it; the returned tensors
   * always hold the result.
   */
  run(feeds: Feeds, outputs: readonly string[], into?: Feeds): Promise<Record<string, HostTensor>>;
  /** Releases the runtime's memory; the program cannot run afterwards. */
  dispose(): Promise<void>;
}

/**
 * Compiles and runs ONNX models on one backend.
 *
 * @example
 * const graph = { outputs: { y: mul(input('x', [2]), 3) } };
 * const program = await nodeExecutor().compile(toOnnx(graph));
 * const { y } = await program.run({ x: { data: Float32Array.of(1, 2), shape: [2], dtype: 'float32' } }, ['y']); // y.data: 3, 6
 */
export interface Executor {
  readonly id: string;
  /**
   * Compiles the bytes of an ONNX model.
   *
   * @throws {CadenzaError} `E_EXECUTOR`, with the reason, if this executor cannot run it here.
   */
  compile(model: Uint8Array): Promise<Program>;
}

/** Zeros for `size` elements of a type. */
export const newData = (dtype: DType, size: number): Data =>
  dtype === 'float32' ? new Float32Array(size) : dtype === 'int32' ? new Int32Array(size) : new Uint8Array(size);

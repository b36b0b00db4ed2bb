/** @file What runs a compiled graph. Every executor takes the same bytes and gives the same interface. */

import type { DType, Shape } from '../tensor.ts';

export type Data = Float32Array | Int32Array | Uint8Array;

/** A computed value on the host. `bool` is one byte an element. */
export interface HostTensor {
  readonly data: Data;
  readonly shape: Shape;
  readonly dtype: DType;
}

export type Feeds = Readonly<Record<string, HostTensor>>;

/** A model that is ready to run. */
export interface Program {
  /** Static shapes by name, where the runtime tells them. */
  readonly shapes?: { readonly inputs: Readonly<Record<string, Shape>>; readonly outputs: Readonly<Record<string, Shape>> };
  /**
   * Computes the named outputs. With `into`, outputs are written into those buffers where the executor can do that; the tensors that come
   * back are always the ones that hold the result.
   */
  run(feeds: Feeds, outputs: readonly string[], into?: Feeds): Promise<Record<string, HostTensor>>;
  dispose(): Promise<void>;
}

export interface Executor {
  readonly id: string;
  /** Compiles the bytes of an ONNX model; throws `E_EXECUTOR` with the reason when this executor cannot run here. */
  compile(model: Uint8Array): Promise<Program>;
}

export const newData = (dtype: DType, size: number): Data =>
  dtype === 'float32' ? new Float32Array(size) : dtype === 'int32' ? new Int32Array(size) : new Uint8Array(size);

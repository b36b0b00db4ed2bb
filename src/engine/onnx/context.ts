/** @file What an op record sees while it is turned into ONNX nodes. */

import type { Tensor } from '../tensor.ts';

export type OnnxAttribute = number | readonly number[] | string | { readonly float: number };

export interface LoweringContext {
  /** True when only standard ai.onnx ops may be used, so that any ONNX runtime loads the model. */
  readonly standard: boolean;
  /** Name of a tensor's value in the ONNX graph. */
  name(tensor: Tensor): string;
  /** A fresh name for an intermediate value. */
  fresh(hint: string): string;
  /** An int64 constant, for shapes, axes and bounds. */
  int64(values: readonly number[]): string;
  /** A float32 constant. */
  float32(values: readonly number[], shape: readonly number[]): string;
  /** Appends an ONNX node. A name in `domain` other than '' makes the model need that operator set. */
  emit(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes?: Record<string, OnnxAttribute>,
    domain?: string,
  ): void;
}

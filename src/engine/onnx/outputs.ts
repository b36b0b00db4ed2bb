/** @file What an ONNX model gives, read from its bytes: callers that take whatever is there can ask before they run it. */

import OnnxProto from 'onnx-proto';

/** Names of a model's outputs, in order. */
export const outputNames = (model: Uint8Array): string[] =>
  (OnnxProto.onnx.ModelProto.decode(model).graph?.output ?? []).map(({ name }) => name ?? '');

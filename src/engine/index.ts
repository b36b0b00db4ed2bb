/** @file Graphs of tensors: operations, gradients, passes, ONNX, and the interface of executors. Loads no runtime. */

export * from './executors/executor.ts';
export { zeros } from './executors/onnxruntime.ts';
export * from './grad.ts';
export * from './graph.ts';
export * from './onnx/lower.ts';
export * from './ops/index.ts';
export * from './passes.ts';
export { type RecomputablePart, recomputable, recomputablePart } from './recompute.ts';
export * from './reference.ts';
export * from './safetensors.ts';
export * from './split.ts';
export * from './tensor.ts';

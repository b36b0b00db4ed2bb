/** @file All ops of the engine. Tests iterate over this table, so that every op is tested. */

import {
  ABS,
  ADD,
  COS,
  DIVIDE,
  EQUAL,
  ERF,
  EXP,
  LESS,
  LOG,
  MAXIMUM,
  MINIMUM,
  MULTIPLY,
  NEGATE,
  RELU,
  ROUND,
  SELECT,
  SIGMOID,
  SIGN,
  SIN,
  SOFTPLUS,
  SQRT,
  STEP,
  SUBTRACT,
  TANH,
} from './elementwise.ts';
import { GEMM, MATMUL } from './linear.ts';
import { CONCAT, ONE_HOT, PAD, SLICE, SPLIT } from './movement.ts';
import { ATTENTION, LAYER_NORM, LOG_SOFTMAX, SOFTMAX } from './nn.ts';
import { ARGMAX, MAX, MEAN } from './reduce.ts';
import { BROADCAST, CAST, CONSTANT, INPUT, RESHAPE, STOP_GRADIENT, SUM, TRANSPOSE } from './structure.ts';

/** All op records by name. */
export const OPS = {
  input: INPUT,
  constant: CONSTANT,
  reshape: RESHAPE,
  transpose: TRANSPOSE,
  cast: CAST,
  stopGradient: STOP_GRADIENT,
  broadcastTo: BROADCAST,
  sum: SUM,
  slice: SLICE,
  pad: PAD,
  concat: CONCAT,
  split: SPLIT,
  oneHot: ONE_HOT,
  add: ADD,
  sub: SUBTRACT,
  mul: MULTIPLY,
  div: DIVIDE,
  maximum: MAXIMUM,
  minimum: MINIMUM,
  less: LESS,
  equal: EQUAL,
  select: SELECT,
  neg: NEGATE,
  exp: EXP,
  log: LOG,
  sqrt: SQRT,
  sin: SIN,
  cos: COS,
  tanh: TANH,
  sigmoid: SIGMOID,
  softplus: SOFTPLUS,
  erf: ERF,
  abs: ABS,
  sign: SIGN,
  round: ROUND,
  step: STEP,
  relu: RELU,
  gemm: GEMM,
  matmul: MATMUL,
  mean: MEAN,
  max: MAX,
  argmax: ARGMAX,
  softmax: SOFTMAX,
  logSoftmax: LOG_SOFTMAX,
  layerNorm: LAYER_NORM,
  attention: ATTENTION,
} as const;

/** Name of an op. */
export type OpName = keyof typeof OPS;

export * from './elementwise.ts';
export * from './linear.ts';
export * from './movement.ts';
export * from './nn.ts';
export * from './reduce.ts';
export * from './structure.ts';

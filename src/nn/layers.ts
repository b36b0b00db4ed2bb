/**
 * @file Transformer layers as functions of a scope and tensors.
 * Shape key: B batch, T query tokens, N key tokens, D width, H heads, K head width, F hidden width.
 */

import { add, linear as affine, attention, expectShape, layerNorm, relu, reshape, split, type Tensor, transpose } from '../engine/index.ts';
import { type Initialiser, linearInit, normalInit, type Scope, zeroInit } from './parameters.ts';

/** y = x W + b over the last axis. */
export function linear(scope: Scope, x: Tensor, width: number, initialiser: Initialiser = linearInit): Tensor {
  const weight = scope.parameter('weight', [x.shape.at(-1)!, width], initialiser);
  return affine(x, weight, scope.parameter('bias', [width], zeroInit));
}

/** Learned positions p(i) (method 1.3): x [B, T, D] → x + p. */
export function addPositions(scope: Scope, x_BTD: Tensor): Tensor {
  const { T, D } = expectShape(x_BTD, 'B T D');
  return add(x_BTD, scope.parameter('positions', [T, D], normalInit(0.1)));
}

/** [B, T, n·H·K] → n tensors [B, H, T, K]. */
function splitHeads(x: Tensor, n: number, heads: number): Tensor[] {
  const { B, T, W } = expectShape(x, 'B T W');
  const parts = n === 1 ? [x] : split(x, 2, n);
  return parts.map(part => transpose(reshape(part, [B, T, heads, W / n / heads]), [0, 2, 1, 3]));
}

/** [B, H, T, K] → [B, T, H·K]. */
function joinHeads(x: Tensor): Tensor {
  const { B, H, T, K } = expectShape(x, 'B H T K');
  return reshape(transpose(x, [0, 2, 1, 3]), [B, T, H * K]);
}

export interface AttentionOptions {
  readonly heads: number;
  readonly causal?: boolean;
  /** Multiplies the deviation of the output map, so that deep stacks start near the identity. */
  readonly outputGain?: number;
}

/** Multi-head self-attention (Vaswani et al. 2017, §3.2.2): x [B, T, D] → [B, T, D]. */
export function selfAttention(scope: Scope, x_BTD: Tensor, { heads, causal = false, outputGain = 1 }: AttentionOptions): Tensor {
  const width = x_BTD.shape.at(-1)!;
  const [q, k, v] = splitHeads(linear(scope.at('qkv'), x_BTD, 3 * width), 3, heads);
  return linear(scope.at('out'), joinHeads(attention(q, k, v, { causal }).out), width, scaled(outputGain));
}

/** Keys and values of a context, [B, H, N, K] each: computed once for all the queries that will attend to it. */
export interface KeysValues {
  readonly keys: Tensor;
  readonly values: Tensor;
}

export function keysValues(scope: Scope, context_BND: Tensor, width: number, heads: number): KeysValues {
  const [keys, values] = splitHeads(linear(scope.at('kv'), context_BND, 2 * width), 2, heads);
  return { keys, values };
}

/** Multi-head cross-attention from x [B, T, D] to a context given as keys and values. */
export function crossAttention(
  scope: Scope,
  x_BTD: Tensor,
  { keys, values }: KeysValues,
  { heads, outputGain = 1 }: AttentionOptions,
): Tensor {
  const width = x_BTD.shape.at(-1)!;
  const [q] = splitHeads(linear(scope.at('q'), x_BTD, width), 1, heads);
  return linear(scope.at('out'), joinHeads(attention(q, keys, values).out), width, scaled(outputGain));
}

const scaled =
  (gain: number): Initialiser =>
  (random, shape) =>
    linearInit(random, shape).map(v => gain * v);

/** Two linear maps with a ReLU between: D → F → D. */
export function feedForward(scope: Scope, x: Tensor, hidden: number, outputGain = 1): Tensor {
  return linear(scope.at('down'), relu(linear(scope.at('up'), x, hidden)), x.shape.at(-1)!, scaled(outputGain));
}

export interface BlockOptions {
  readonly heads: number;
  readonly hidden: number;
  readonly causal?: boolean;
  /** Number of residual branches in the whole stack; branch outputs start at 1/√(this). */
  readonly branches?: number;
}

/** A pre-norm residual block; with `context` it cross-attends between self-attention and feed-forward (method 3.1). */
export function block(scope: Scope, x_BTD: Tensor, options: BlockOptions, context?: KeysValues): Tensor {
  const { heads, hidden, causal, branches = 1 } = options;
  const outputGain = 1 / Math.sqrt(branches);
  let x = add(x_BTD, selfAttention(scope.at('self'), layerNorm(x_BTD), { heads, causal, outputGain }));
  if (context) x = add(x, crossAttention(scope.at('cross'), layerNorm(x), context, { heads, outputGain }));
  return add(x, feedForward(scope.at('ffn'), layerNorm(x), hidden, outputGain));
}

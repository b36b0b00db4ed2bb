/**
 * @file Transformer layers as functions of a scope and tensors.
 * Shape key: B batch, T query tokens, N key tokens, D width, H heads, K head width, F hidden width.
 */

import {
  add,
  linear as affine,
  attention,
  concat,
  expectShape,
  layerNorm,
  relu,
  reshape,
  slice,
  split,
  type Tensor,
  transpose,
} from '../engine/index.ts';
import { type Initializer, linearInit, type Scope, zeroInit } from './parameters.ts';
import { POSITIONS, type PositionKind } from './positions.ts';

/** y = x W + b over the last axis. */
export function linear(scope: Scope, x: Tensor, width: number, initializer: Initializer = linearInit): Tensor {
  const weight = scope.parameter('weight', [x.shape.at(-1)!, width], initializer);
  return affine(x, weight, scope.parameter('bias', [width], zeroInit));
}

/** y = x W over the last axis. Blocks have no biases (as in T5, Raffel et al. 2020, §2.1): each costs two passes over memory. */
export function project(scope: Scope, x: Tensor, width: number, initializer: Initializer = linearInit): Tensor {
  return affine(x, scope.parameter('weight', [x.shape.at(-1)!, width], initializer));
}

/** x [B, T, D] → x W in heads, [B, H, T, K]. Queries, keys and values have a map each: cutting one wide product apart costs more. */
function headsOf(scope: Scope, x_BTD: Tensor, width: number, heads: number): Tensor {
  const { B, T } = expectShape(x_BTD, 'B T D');
  return transpose(reshape(project(scope, x_BTD, width), [B, T, heads, width / heads]), [0, 2, 1, 3]);
}

/** [B, H, T, K] → [B, T, H·K]. */
function joinHeads(x: Tensor): Tensor {
  const { B, H, T, K } = expectShape(x, 'B H T K');
  return reshape(transpose(x, [0, 2, 1, 3]), [B, T, H * K]);
}

/** Queries that share a block of causal attention: smaller blocks skip more of what the mask hides, and copy more keys. */
const CAUSAL_BLOCK = 128;

/**
 * Causal attention over [B, H, T, K], with a bias [H, T, T] on its scores where there is one. Queries in blocks that each meet only the keys
 * up to their own end: of the T × T scores the mask hides nearly half, which need not be computed.
 */
export function causalAttention(q: Tensor, k: Tensor, v: Tensor, bias_HTT?: Tensor): Tensor {
  const { T } = expectShape(q, 'B H T K');
  const blocks = T % CAUSAL_BLOCK === 0 ? T / CAUSAL_BLOCK : 1;
  const outputs = (blocks === 1 ? [q] : split(q, 2, blocks)).map((part, i) => {
    const [begin, end] = [(T / blocks) * i, (T / blocks) * (i + 1)];
    const [keys, values] = [k, v].map(x => slice(x, 2, 0, end));
    const bias = bias_HTT && slice(slice(bias_HTT, 1, begin, end), 2, 0, end);
    return attention(part, keys, values, { causal: true, bias }).out;
  });
  return concat(outputs, 2);
}

export interface AttentionOptions {
  readonly heads: number;
  readonly causal?: boolean;
  /** Added to the scores, in place of `causal`: broadcasts to [B, H, T, N], 0 where a query may look and far below 0 where not. */
  readonly mask?: Tensor;
  /** Multiplies the deviation of the output map, so that deep stacks start near the identity. */
  readonly outputGain?: number;
  /** How self-attention tells places apart; those that are added to the tokens instead change nothing here. */
  readonly positions?: PositionKind;
}

/** Multi-head self-attention (Vaswani et al. 2017, §3.2.2): x [B, T, D] → [B, T, D]. */
export function selfAttention(scope: Scope, x_BTD: Tensor, options: AttentionOptions): Tensor {
  const { heads, causal = false, mask, outputGain = 1, positions = 'learned' } = options;
  const { rotate, bias } = POSITIONS[positions];
  const [T, width] = x_BTD.shape.slice(-2);
  const [q, k, v] = ['q', 'k', 'v'].map(name => headsOf(scope.at(name), x_BTD, width, heads));
  const [rotatedQ, rotatedK] = rotate ? [rotate(q), rotate(k)] : [q, k];
  const bias_HTT = bias?.(scope, T, heads);
  const masked = mask && bias_HTT ? add(mask, bias_HTT) : (mask ?? bias_HTT);
  const out_BHTK =
    causal && !mask ? causalAttention(rotatedQ, rotatedK, v, bias_HTT) : attention(rotatedQ, rotatedK, v, { bias: masked }).out;
  return project(scope.at('out'), joinHeads(out_BHTK), width, scaled(outputGain));
}

/** Keys and values of a context, [B, H, N, K] each: computed once for all the queries that will attend to it. */
export interface KeysValues {
  readonly keys: Tensor;
  readonly values: Tensor;
  /** Added to the scores: broadcasts to [B, H, T, N], 0 where a query may look and far below 0 where not. */
  readonly mask?: Tensor;
  /** Handed the weights [B, H, T, N] with which queries attend; a graph that does not ask for them does not change. */
  readonly onWeights?: (weights_BHTN: Tensor) => void;
}

export function keysValues(scope: Scope, context_BND: Tensor, width: number, heads: number): KeysValues {
  return { keys: headsOf(scope.at('k'), context_BND, width, heads), values: headsOf(scope.at('v'), context_BND, width, heads) };
}

/** Multi-head cross-attention from x [B, T, D] to a context given as keys and values. */
export function crossAttention(
  scope: Scope,
  x_BTD: Tensor,
  { keys, values, mask, onWeights }: KeysValues,
  { heads, outputGain = 1 }: AttentionOptions,
): Tensor {
  const width = x_BTD.shape.at(-1)!;
  const q = headsOf(scope.at('q'), x_BTD, width, heads);
  const { out, weights } = attention(q, keys, values, { bias: mask });
  onWeights?.(weights);
  return project(scope.at('out'), joinHeads(out), width, scaled(outputGain));
}

const scaled =
  (gain: number): Initializer =>
  (random, shape) =>
    linearInit(random, shape).map(v => gain * v);

/** Two linear maps with a ReLU between: D → F → D. */
export function feedForward(scope: Scope, x: Tensor, hidden: number, outputGain = 1): Tensor {
  return project(scope.at('down'), relu(project(scope.at('up'), x, hidden)), x.shape.at(-1)!, scaled(outputGain));
}

export interface BlockOptions {
  readonly heads: number;
  readonly hidden: number;
  readonly causal?: boolean;
  readonly positions?: PositionKind;
  /** Whether tokens see each other; they do when left out. */
  readonly selfAttention?: boolean;
  readonly mask?: Tensor;
  /** Number of residual branches in the whole stack; branch outputs start at 1/√(this). */
  readonly branches?: number;
}

/** A pre-norm residual block; with `context` it cross-attends between self-attention and feed-forward (method 3.1). */
export function block(scope: Scope, x_BTD: Tensor, options: BlockOptions, context?: KeysValues): Tensor {
  const { heads, hidden, causal, mask, positions, selfAttention: attends = true, branches = 1 } = options;
  const outputGain = 1 / Math.sqrt(branches);
  let x = x_BTD;
  if (attends) x = add(x, selfAttention(scope.at('self'), layerNorm(x), { heads, causal, mask, positions, outputGain }));
  if (context) x = add(x, crossAttention(scope.at('cross'), layerNorm(x), context, { heads, outputGain }));
  return add(x, feedForward(scope.at('ffn'), layerNorm(x), hidden, outputGain));
}

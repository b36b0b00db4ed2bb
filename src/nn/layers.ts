/**
 * @file Transformer layers as functions of a scope and tensors. Self-attention reads a sequence at once, or some tokens at a time, with the
 * keys and values of the others in a cache. Shape key: B batch, T query tokens, N key tokens, D width, H heads, K head width, F hidden width.
 */

import {
  add,
  linear as affine,
  attention,
  broadcastTo,
  concat,
  constant,
  equal,
  expectShape,
  layerNorm,
  less,
  recomputable,
  relu,
  repeatedRow,
  reshape,
  select,
  slice,
  split,
  type Tensor,
  transpose,
} from '../engine/index.ts';
import { type Initializer, linearInit, type Scope, zeroInit } from './parameters.ts';
import { type Places, POSITIONS, type PositionKind } from './positions.ts';

/** y = x W + b over the last axis: x [.., D] → [.., width]. Declares `weight` and `bias`. */
export function linear(scope: Scope, x: Tensor, width: number, initializer: Initializer = linearInit): Tensor {
  const weight = scope.parameter('weight', [x.shape.at(-1)!, width], initializer);
  return affine(x, weight, scope.parameter('bias', [width], zeroInit));
}

/**
 * y = x W over the last axis: x [.., D] → [.., width]. Blocks have no biases (as in T5, Raffel et al. 2020, §2.1): each costs two passes
 * over memory.
 */
export function project(scope: Scope, x: Tensor, width: number, initializer: Initializer = linearInit): Tensor {
  return affine(x, scope.parameter('weight', [x.shape.at(-1)!, width], initializer));
}

/** x [B, T, D] → x W split into heads, [B, H, T, K]. Queries, keys and values have separate maps: splitting one wide product costs more. */
export function headsOf(scope: Scope, x_BTD: Tensor, width: number, heads: number): Tensor {
  return splitHeads(project(scope, x_BTD, width), heads);
}

/** [B, T, H·K] → [B, H, T, K]. */
function splitHeads(x_BTD: Tensor, heads: number): Tensor {
  const { B, T, D } = expectShape(x_BTD, 'B T D');
  const shared = repeatedRow(x_BTD);
  if (shared) return broadcastTo(splitHeads(shared, heads), [B, heads, T, D / heads]);
  if (T === 1) return reshape(x_BTD, [B, heads, 1, D / heads]);
  return transpose(reshape(x_BTD, [B, T, heads, D / heads]), [0, 2, 1, 3]);
}

/** [B, H, T, K] → [B, T, H·K]. */
export function joinHeads(x: Tensor): Tensor {
  const { B, H, T, K } = expectShape(x, 'B H T K');
  if (T === 1) return reshape(x, [B, 1, H * K]);
  return reshape(transpose(x, [0, 2, 1, 3]), [B, T, H * K]);
}

/** Queries that share a block of causal attention: smaller blocks skip more of the masked scores, but copy more keys. */
const CAUSAL_BLOCK = 128;

/**
 * Causal attention over q, k, v [B, H, T, K], with an optional bias [H, T, T] on the scores. Queries are processed in blocks that attend
 * only to keys up to their own end, which skips nearly half of the T × T scores.
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

/** Where T tokens are in a sequence of N. */
export interface TokenPlaces {
  /** Booleans [B, T, N]: whether a token is in a place. */
  readonly here_BTN: Tensor;
  /** [B, 1, T, N] added to scores: very negative in places after a token's own. */
  readonly later_B1TN: Tensor;
}

/** Keys and values of a sequence of N tokens that is read some tokens at a time. */
export interface Cache extends TokenPlaces {
  /** [B, H, N, K] of the tokens read before, in their places. */
  readonly keys: Tensor;
  /** [B, H, N, K], as the keys. */
  readonly values: Tensor;
}

/** Replaces −∞ in a mask: its exponential is exactly 0, and it cannot produce NaN. */
const MASKED = -1e9;

/** Tokens at these places, int32 [B, T], of a sequence of N; −1: absent, seen by no other token. */
export function placesAmong(place_BT: Tensor, N: number): TokenPlaces {
  const { B, T } = expectShape(place_BT, 'B T');
  const all_N = constant(
    Int32Array.from({ length: N }, (_, n) => n),
    [N],
    'int32',
  );
  return {
    here_BTN: equal(reshape(place_BT, [B, T, 1]), all_N),
    later_B1TN: select(less(reshape(place_BT, [B, 1, T, 1]), all_N), MASKED, 0),
  };
}

/** The cache [B, H, N, K] with new tokens x [B, H, T, K] written to their places. */
function written(cache_BHNK: Tensor, x_BHTK: Tensor, here_BTN: Tensor): Tensor {
  const { B, T, N } = expectShape(here_BTN, 'B T N');
  return Array.from({ length: T }, (_, t) => t).reduce((cache, t) => {
    // Kernels that select with broadcasting take several times as long.
    const [here, new_BH1K] = [reshape(slice(here_BTN, 1, t, t + 1), [B, 1, N, 1]), slice(x_BHTK, 2, t, t + 1)];
    return select(broadcastTo(here, cache.shape), broadcastTo(new_BH1K, cache.shape), cache);
  }, cache_BHNK);
}

/** Options of self-attention. */
export interface AttentionOptions {
  /** Number of heads H, a divisor of D. */
  readonly heads: number;
  /** Whether token t attends only to tokens 0 … t; false by default. */
  readonly causal?: boolean;
  /** Added to the scores instead of `causal`: broadcasts to [B, H, T, N], 0 where a query may attend and very negative where not. */
  readonly mask?: Tensor;
  /** Multiplies the standard deviation of the output map's weights, so that deep stacks start near the identity. */
  readonly outputGain?: number;
  /** Positions inside self-attention (rotary, relative bias); kinds that are added to the tokens have no effect here. */
  readonly positions?: PositionKind;
  /** Which tokens of the sequence x holds; by default all of them. */
  readonly places?: Places;
  /** The other tokens of the sequence, with `places.at`. Attention is causal then. */
  readonly cache?: Cache;
  /** Receives the keys and values of all tokens so far. */
  readonly onKeysValues?: (found: KeysValues) => void;
}

/** Multi-head self-attention (Vaswani et al. 2017, §3.2.2): x [B, T, D] → [B, T, D]. */
export function selfAttention(scope: Scope, x_BTD: Tensor, options: AttentionOptions): Tensor {
  const [T, width] = x_BTD.shape.slice(-2);
  const { heads, causal = false, cache, outputGain = 1, positions = 'learned', places = { total: T }, onKeysValues } = options;
  const { rotate, bias } = POSITIONS[positions];
  const [q, k, v] = ['q', 'k', 'v'].map(name => headsOf(scope.at(name), x_BTD, width, heads));
  const [rotatedQ, rotatedK] = rotate ? [rotate(q, places), rotate(k, places)] : [q, k];
  const [keys, values] = cache ? [written(cache.keys, rotatedK, cache.here_BTN), written(cache.values, v, cache.here_BTN)] : [rotatedK, v];
  onKeysValues?.({ keys, values });
  const mask = cache ? cache.later_B1TN : options.mask;
  const positionBias = bias?.(scope, T, heads, places);
  const masked = mask && positionBias ? add(mask, positionBias) : (mask ?? positionBias);
  const out_BHTK =
    causal && !mask ? causalAttention(rotatedQ, keys, values, positionBias) : attention(rotatedQ, keys, values, { bias: masked }).out;
  return project(scope.at('out'), joinHeads(out_BHTK), width, scaled(outputGain));
}

/** Keys and values of a context, [B, H, N, K] each, computed once for all queries that attend to it. */
export interface KeysValues {
  /** [B, H, N, K] */
  readonly keys: Tensor;
  /** [B, H, N, K] */
  readonly values: Tensor;
  /** Added to the scores: broadcasts to [B, H, T, N], 0 where a query may attend and very negative where not. */
  readonly mask?: Tensor;
  /** Receives the attention weights [B, H, T, N]; a graph without it is unchanged. */
  readonly onWeights?: (weights_BHTN: Tensor) => void;
}

/** Keys and values of a context [B, N, D], for `crossAttention`. Declares the maps `k` and `v`. */
export function keysValues(scope: Scope, context_BND: Tensor, width: number, heads: number): KeysValues {
  return { keys: headsOf(scope.at('k'), context_BND, width, heads), values: headsOf(scope.at('v'), context_BND, width, heads) };
}

/** Multi-head cross-attention from x [B, T, D] to a context given as keys and values → [B, T, D]. */
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

/** Two linear maps with a ReLU between: D → F → D, for x [B, T, D]. */
export function feedForward(scope: Scope, x: Tensor, hidden: number, outputGain = 1): Tensor {
  return project(scope.at('down'), relu(project(scope.at('up'), x, hidden)), x.shape.at(-1)!, scaled(outputGain));
}

/** Options of a transformer block: those of its self-attention, and its own. */
export interface BlockOptions extends Omit<AttentionOptions, 'outputGain'> {
  /** Width F of the feed-forward layer. */
  readonly hidden: number;
  /** Whether tokens attend to each other; true by default. */
  readonly selfAttention?: boolean;
  /** Number of residual branches in the whole stack; branch outputs start scaled by 1/√(this). */
  readonly branches?: number;
}

/**
 * A pre-norm residual block, x [B, T, D] → [B, T, D]. With `context` it cross-attends between self-attention and feed-forward (method 3.1).
 *
 * @example
 * const scope = new Scope();
 * const y = block(scope.at('layer0'), input('x', [8, 20, 64]), { heads: 4, hidden: 256, causal: true });
 */
export function block(scope: Scope, x_BTD: Tensor, options: BlockOptions, context?: KeysValues): Tensor {
  const { hidden, selfAttention: attends = true, branches = 1, ...inside } = options;
  const { heads } = inside;
  const outputGain = 1 / Math.sqrt(branches);
  return recomputable(x_BTD, x => {
    if (attends) x = add(x, selfAttention(scope.at('self'), layerNorm(x), { ...inside, outputGain }));
    if (context) x = add(x, crossAttention(scope.at('cross'), layerNorm(x), context, { heads, outputGain }));
    return add(x, feedForward(scope.at('ffn'), layerNorm(x), hidden, outputGain));
  });
}

/**
 * @file The AD transformer A_φ (method 3.1, 3.2): self-attention over the query, cross-attention to Z, and in the encoder-decoder form blocks
 * over Z before that. Beside the own Z it may see those of retrieved contexts (method 7.1).
 * Shape key: B batch, T query tokens, F features of a token, D width, M latents, K retrieved contexts, A actions.
 */

import { add, broadcastTo, concat, constant, expectShape, layerNorm, mul, reshape, sub, type Tensor } from '../engine/index.ts';
import {
  addLatentPositions,
  addPositions,
  block,
  keysValues,
  linear,
  normalInit,
  type PositionKind,
  type Scope,
  zeroInit,
} from '../nn/index.ts';
import { type EmbedOptions, embedTokens, type TokenLayout } from '../tokenizers/index.ts';
import { expect } from '../util/errors.ts';

export interface PolicyOptions {
  readonly width: number;
  readonly heads: number;
  readonly hidden: number;
  readonly layers: number;
  readonly actions: number;
  /** Blocks over Z before the decoder reads it; 0 is the plain decoder. */
  readonly encoderLayers?: number;
  /** Decoder layers that attend to Z, counted from 0; all of them unless given. */
  readonly crossLayers?: readonly number[];
  /** Query tokens do not see each other, and have no place: each is a query of its own. */
  readonly memoryless?: boolean;
  readonly positions?: PositionKind;
  /** What a row of the query is made of, and how it is embedded. */
  readonly layout?: TokenLayout;
  readonly embedding?: EmbedOptions;
}

/** Z [B, M, D] with its positions, through the encoder blocks. */
function encodeLatents(scope: Scope, z_BMD: Tensor, { heads, hidden, positions, encoderLayers = 0 }: PolicyOptions): Tensor {
  // Positions on the latents keep them apart and in order (method 2.5).
  let h_BMD = addLatentPositions(scope.at('latents'), z_BMD, positions);
  if (encoderLayers === 0) return h_BMD;
  for (let i = 0; i < encoderLayers; i++)
    h_BMD = block(scope.at(`encoder${i}`), h_BMD, { heads, hidden, positions, branches: 2 * encoderLayers });
  return layerNorm(h_BMD);
}

/** Contexts that were looked up in a store, the nearest first. */
export interface Retrieved {
  /** [B, K, M, D] their latents. */
  readonly latents: Tensor;
  /** [B, K] 1 where a slot holds a context, 0 where it is empty; nothing of an empty slot reaches the policy. */
  readonly present: Tensor;
}

/** Added to the scores of what must not be seen: its softmax is exactly 0 in float32. */
const UNSEEN = -1e9;

/**
 * What the queries attend to: the own Z, and behind it every retrieved one, all through the same encoder and each with an embedding of what it
 * is, the own or the one of its rank. The own embedding starts at 0: with empty slots a fresh policy is the one without retrieval.
 */
function memoryOf(
  scope: Scope,
  z_BMD: Tensor,
  retrieved: Retrieved | undefined,
  options: PolicyOptions,
): { tokens: Tensor; mask?: Tensor } {
  const own_BMD = encodeLatents(scope, z_BMD, options);
  if (!retrieved) return { tokens: own_BMD };
  const { B, K, M, D } = expectShape(retrieved.latents, 'B K M D');
  const kinds = scope.at('retrieved');
  const rank_KD = reshape(kinds.parameter('rank', [K, D], normalInit(0.1)), [1, K, 1, D]);
  const each_BKMD = reshape(encodeLatents(scope, reshape(retrieved.latents, [B * K, M, D]), options), [B, K, M, D]);
  const others = reshape(add(each_BKMD, rank_KD), [B, K * M, D]);
  const hidden_BK = mul(sub(1, retrieved.present), UNSEEN);
  const hidden = reshape(broadcastTo(reshape(hidden_BK, [B, K, 1]), [B, K, M]), [B, 1, 1, K * M]);
  const seen = constant(new Float32Array(B * M), [B, 1, 1, M]);
  return { tokens: concat([add(own_BMD, kinds.parameter('own', [D], zeroInit)), others], 1), mask: concat([seen, hidden], 3) };
}

/**
 * Query features [B, T, F] and latents Z [B, M, D] (none: the query alone), with those of retrieved contexts beside them, → hidden states
 * [B, T, D], normalised.
 */
export function policyStates(
  scope: Scope,
  query_BTF: Tensor,
  z_BMD: Tensor | undefined,
  options: PolicyOptions,
  retrieved?: Retrieved,
): Tensor {
  const { width, heads, hidden, layers, memoryless = false, positions, layout, embedding } = options;
  const { crossLayers = [...Array(layers).keys()] } = options;
  const missing = crossLayers.find(i => i >= layers);
  expect(missing === undefined, `layer ${missing} shall attend to Z, but the policy has ${layers} layers, counted from 0.`);
  const context = z_BMD && memoryOf(scope, z_BMD, retrieved, options);
  const embedded_BTD = embedTokens(scope.at('embed'), query_BTF, layout, width, embedding);
  let h_BTD = memoryless ? embedded_BTD : addPositions(scope.at('embed'), embedded_BTD, positions);
  const branches = (memoryless ? 1 : 2) * layers + (context ? crossLayers.length : 0);
  for (let i = 0; i < layers; i++) {
    const layer = scope.at(`block${i}`);
    const keyed = context && crossLayers.includes(i) ? keysValues(layer.at('cross'), context.tokens, width, heads) : undefined;
    const memory = keyed && { ...keyed, mask: context?.mask };
    h_BTD = block(layer, h_BTD, { heads, hidden, causal: true, positions, alone: memoryless, branches }, memory);
  }
  return layerNorm(h_BTD);
}

/** Hidden states [B, T, D] → action logits [B, T, A] at every token. */
export const actionLogits = (scope: Scope, states_BTD: Tensor, { actions }: Pick<PolicyOptions, 'actions'>): Tensor =>
  linear(scope.at('head'), states_BTD, actions);

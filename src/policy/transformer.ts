/**
 * @file The AD transformer A_φ (method 3.1, 3.2). Decoder: self-attention over the query, cross-attention to Z. Encoder-decoder: additional
 * blocks over Z and a few-shot prompt first. Prefix: Z precedes the query in self-attention, which over raw tokens is AD's own transformer.
 * The policy may also attend to the latents of retrieved contexts (method 7.1). Shape key: B batch, P tokens of a prompt, T query tokens
 * after it, F features of a token, D width, M latents, K retrieved contexts, H heads, C attended tokens.
 */

import { add, broadcastTo, concat, constant, expectShape, layerNorm, mul, reshape, slice, sub, type Tensor } from '../engine/index.ts';
import { addLatentPositions, addPositions, block, keysValues, normalInit, type PositionKind, type Scope, zeroInit } from '../nn/index.ts';
import { type EmbedOptions, embedTokens, type TokenLayout } from '../tokenizers/index.ts';
import { invariant } from '../util/errors.ts';

/** Architecture of the policy. */
export interface PolicyOptions {
  /** Width of the model (D). */
  readonly width: number;
  /** Number of attention heads (H). */
  readonly heads: number;
  /** Width of feed-forward layers. */
  readonly hidden: number;
  /** Number of decoder layers. */
  readonly layers: number;
  /** Number of blocks over Z before the decoder attends to it; 0 is the plain decoder. */
  readonly encoderLayers?: number;
  /** Decoder layers that attend to Z, counted from 0; all by default. */
  readonly crossLayers?: readonly number[];
  /** Z precedes the query in self-attention, and there is no cross-attention. */
  readonly prefix?: boolean;
  /** Query tokens do not attend to each other and have no position: each is a query of its own. */
  readonly stateOnly?: boolean;
  /** Number of tokens at the start of the query that are a few-shot prompt; 0 by default. */
  readonly promptTokens?: number;
  /** How tokens and latents represent positions; learned by default. */
  readonly positions?: PositionKind;
  /** The fields of a row of the query. */
  readonly layout?: TokenLayout;
  /** How query tokens are embedded. */
  readonly embedding?: EmbedOptions;
}

/**
 * What the decoder's cross-attention reads: Z [B, M, D] with its positions and, in the encoder-decoder, the prompt, after the encoder's
 * blocks.
 */
function encodeMemory(scope: Scope, z_BMD: Tensor | undefined, prompt_BPD: Tensor | undefined, options: PolicyOptions): Tensor | undefined {
  const { heads, hidden, positions, encoderLayers = 0 } = options;
  // Positions on the latents keep them distinct and ordered (method 2.5).
  const latents = z_BMD && addLatentPositions(scope.at('latents'), z_BMD, positions);
  const prompt = prompt_BPD && addLatentPositions(scope.at('prompt'), prompt_BPD, positions);
  const parts = [latents, prompt].filter(part => part !== undefined);
  if (parts.length === 0) return undefined;
  let h = concat(parts, 1);
  if (encoderLayers === 0) return h;
  for (let i = 0; i < encoderLayers; i++) h = block(scope.at(`encoder${i}`), h, { heads, hidden, positions, branches: 2 * encoderLayers });
  return layerNorm(h);
}

/** Contexts retrieved from a context database, the nearest first. */
export interface Retrieved {
  /** [B, K, M, D] their latents. */
  readonly latents: Tensor;
  /** [B, K] 1 if a slot holds a context, 0 if it is empty; empty slots have no effect on the policy. */
  readonly present: Tensor;
}

/** Added to the scores of masked tokens: their softmax is exactly 0 in float32. */
const UNSEEN = -1e9;

/**
 * What the queries attend to: the agent's own Z with a prompt, followed by every retrieved one, all through the same encoder and each with
 * a type embedding, that of its own Z or of its rank. The own embedding starts at 0: with empty slots, a newly initialized policy equals
 * the one without retrieval.
 */
function memoryOf(
  scope: Scope,
  z_BMD: Tensor | undefined,
  prompt_BPD: Tensor | undefined,
  retrieved: Retrieved | undefined,
  options: PolicyOptions,
): { tokens: Tensor; mask?: Tensor } | undefined {
  const own = encodeMemory(scope, z_BMD, prompt_BPD, options);
  if (!own || !retrieved) return own && { tokens: own };
  const { B, K, M, D } = expectShape(retrieved.latents, 'B K M D');
  const kinds = scope.at('retrieved');
  const rank_KD = reshape(kinds.parameter('rank', [K, D], normalInit(0.1)), [1, K, 1, D]);
  const each_BKMD = reshape(encodeMemory(scope, reshape(retrieved.latents, [B * K, M, D]), undefined, options)!, [B, K, M, D]);
  const others = reshape(add(each_BKMD, rank_KD), [B, K * M, D]);
  const hidden_BK = mul(sub(1, retrieved.present), UNSEEN);
  const hidden = reshape(broadcastTo(reshape(hidden_BK, [B, K, 1]), [B, K, M]), [B, 1, 1, K * M]);
  const seen = constant(new Float32Array(B * own.shape[1]), [B, 1, 1, own.shape[1]]);
  return { tokens: concat([add(own, kinds.parameter('own', [D], zeroInit)), others], 1), mask: concat([seen, hidden], 3) };
}

/** Standard deviation of initial type embeddings: small relative to the tokens, like positions. */
const TYPE_DEVIATION = 0.1;

/**
 * Runs the policy: query features [B, P + T, F], starting with a prompt of P tokens, latents Z [B, M, D] (undefined: the query only) and
 * those of retrieved contexts → normalized hidden states [B, T, D] of the tokens after the prompt. The prompt precedes them in
 * self-attention or, in the encoder-decoder, joins Z. `onAttention` receives, layer by layer, the weights [B, H, T, C] with which these
 * tokens attend in cross-attention: the M latents first, then prompt and retrieved contexts.
 *
 * @throws {CadenzaError} `E_SHAPE` for options that contradict each other.
 */
export function policyStates(
  scope: Scope,
  query_BTF: Tensor,
  z_BMD: Tensor | undefined,
  options: PolicyOptions,
  retrieved?: Retrieved,
  onAttention?: (weights_BHTC: Tensor) => void,
): Tensor {
  const { width, heads, hidden, layers, prefix = false, stateOnly = false, promptTokens: P = 0, encoderLayers = 0, positions } = options;
  const { crossLayers = [...Array(layers).keys()], layout, embedding } = options;
  const missing = crossLayers.find(i => i >= layers);
  invariant(missing === undefined, `layer ${missing} should attend to Z, but the policy has only ${layers} layers, counted from 0.`);
  invariant(
    P === 0 || encoderLayers > 0 || !stateOnly,
    'with stateOnly, tokens do not attend to each other, so a prompt needs an encoder (encoderLayers).',
  );
  invariant(
    !(prefix && (stateOnly || retrieved)),
    'with prefix, Z is read by self-attention only, so it cannot be combined with stateOnly or retrieved contexts.',
  );
  const end = query_BTF.shape[1];
  const embed = (from: number, to: number) => embedTokens(scope.at('embed'), slice(query_BTF, 1, from, to), layout, width, embedding);
  // The type embedding distinguishes a prompt from the running segment.
  const prompt_BPD = P > 0 ? add(embed(0, P), scope.at('prompt').parameter('type', [width], normalInit(TYPE_DEVIATION))) : undefined;
  const context = memoryOf(scope, prefix ? undefined : z_BMD, encoderLayers > 0 ? prompt_BPD : undefined, retrieved, options);
  const running_BTD = embed(P, end);
  const inFront = [prefix ? z_BMD : undefined, encoderLayers === 0 ? prompt_BPD : undefined].filter(part => part !== undefined);
  const embedded_BTD = inFront.length > 0 ? concat([...inFront, running_BTD], 1) : running_BTD;
  let h_BTD = stateOnly ? embedded_BTD : addPositions(scope.at('embed'), embedded_BTD, positions);
  const branches = (stateOnly ? 1 : 2) * layers + (context ? crossLayers.length : 0);
  const onWeights = onAttention && ((weights: Tensor) => onAttention(slice(weights, 2, weights.shape[2] - running_BTD.shape[1])));
  for (let i = 0; i < layers; i++) {
    const layer = scope.at(`block${i}`);
    const keyed = context && crossLayers.includes(i) ? keysValues(layer.at('cross'), context.tokens, width, heads) : undefined;
    const memory = keyed && { ...keyed, mask: context?.mask, onWeights };
    h_BTD = block(layer, h_BTD, { heads, hidden, causal: true, positions, selfAttention: !stateOnly, branches }, memory);
  }
  return layerNorm(slice(h_BTD, 1, h_BTD.shape[1] - running_BTD.shape[1]));
}

/**
 * @file The AD transformer A_φ (method 3.1, 3.2). Decoder: self-attention over the query, cross-attention to Z. Encoder-decoder: additional
 * blocks over Z and a few-shot prompt first. Prefix: Z precedes the query in self-attention, which over raw tokens is AD's own transformer.
 * The policy may also attend to the latents of retrieved contexts (method 7.1). It reads a whole query, or one step at a time: `policyStart`
 * and `policyStep` are the same network with keys and values in a cache. Shape key: B batch, P tokens of a prompt, T query tokens after it, F
 * features of a token, D width, M latents, K retrieved contexts, H heads, C attended tokens, A tokens before the running segment in
 * self-attention, N those and the running segment's, S new tokens of a step.
 */

import {
  add,
  broadcastTo,
  cast,
  concat,
  constant,
  expectShape,
  layerNorm,
  mul,
  pad,
  reshape,
  slice,
  sub,
  type Tensor,
} from '../engine/index.ts';
import {
  addLatentPositions,
  addPositions,
  type BlockOptions,
  block,
  type KeysValues,
  keysValues,
  normalInit,
  type Places,
  type PositionKind,
  placesAmong,
  type Scope,
  zeroInit,
} from '../nn/index.ts';
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

/** What the policy reads besides the running segment; it is the same for a whole segment. */
export interface PolicyMemory {
  /** [B, M, D] Z; absent if nothing is carried between segments. */
  readonly z_BMD?: Tensor;
  /** [B, P, F] the few-shot prompt. */
  readonly prompt_BPF?: Tensor;
  /** Contexts from a context database. */
  readonly retrieved?: Retrieved;
}

/** What the tokens of the running segment attend to. */
interface Attended {
  /** [B, A, D] tokens before them in self-attention. */
  readonly front_BAD?: Tensor;
  /** What each layer's cross-attention reads; undefined in layers without it. */
  readonly cross: readonly (KeysValues | undefined)[];
}

/** Layers with cross-attention to Z, counted from 0; none where Z precedes the query. */
export const attendingLayers = ({ prefix, layers, crossLayers }: PolicyOptions): readonly number[] =>
  prefix ? [] : (crossLayers ?? [...Array(layers).keys()]);

/** The layers that attend to Z. Throws `E_SHAPE` for options that contradict each other. */
function crossLayersOf(options: PolicyOptions): readonly number[] {
  const { layers, stateOnly, promptTokens: P = 0, encoderLayers = 0, crossLayers = [...Array(layers).keys()] } = options;
  const missing = crossLayers.find(i => i >= layers);
  invariant(missing === undefined, `layer ${missing} should attend to Z, but the policy has only ${layers} layers, counted from 0.`);
  invariant(
    P === 0 || encoderLayers > 0 || !stateOnly,
    'with stateOnly, tokens do not attend to each other, so a prompt needs an encoder (encoderLayers).',
  );
  return crossLayers;
}

const embed = (scope: Scope, tokens_BTF: Tensor, { layout, width, embedding }: PolicyOptions): Tensor =>
  embedTokens(scope.at('embed'), tokens_BTF, layout, width, embedding);

/** Throws `E_SHAPE` for options that contradict each other. */
function attendedOf(scope: Scope, { z_BMD, prompt_BPF, retrieved }: PolicyMemory, options: PolicyOptions): Attended {
  const { width, heads, layers, prefix = false, stateOnly = false, encoderLayers = 0 } = options;
  const crossLayers = crossLayersOf(options);
  invariant(
    !(prefix && (stateOnly || retrieved)),
    'with prefix, Z is read by self-attention only, so it cannot be combined with stateOnly or retrieved contexts.',
  );
  // The type embedding distinguishes a prompt from the running segment.
  const prompt_BPD =
    prompt_BPF && add(embed(scope, prompt_BPF, options), scope.at('prompt').parameter('type', [width], normalInit(TYPE_DEVIATION)));
  const context = memoryOf(scope, prefix ? undefined : z_BMD, encoderLayers > 0 ? prompt_BPD : undefined, retrieved, options);
  const inFront = [prefix ? z_BMD : undefined, encoderLayers === 0 ? prompt_BPD : undefined].filter(part => part !== undefined);
  const cross = Array.from({ length: layers }, (_, i) => {
    if (!context || !crossLayers.includes(i)) return undefined;
    return { ...keysValues(scope.at(`block${i}`).at('cross'), context.tokens, width, heads), mask: context.mask };
  });
  return { front_BAD: inFront.length > 0 ? concat(inFront, 1) : undefined, cross };
}

/** How a run of the layers differs from another: which tokens it has, and what it reports. */
interface Run {
  readonly places: Places;
  /** The cache of layer i. */
  readonly cache?: (i: number) => BlockOptions['cache'];
  /** Receives keys and values of layer i's self-attention. */
  readonly onKeysValues?: (i: number, found: KeysValues) => void;
  /** Receives, layer by layer, the weights of cross-attention. */
  readonly onAttention?: (weights_BHTC: Tensor) => void;
}

/** Embedded tokens [B, T, D] through all layers → [B, T, D], not normalized. */
function decode(scope: Scope, embedded_BTD: Tensor, cross: Attended['cross'], options: PolicyOptions, run: Run): Tensor {
  const { heads, hidden, layers, stateOnly = false, positions } = options;
  const { places, cache, onKeysValues, onAttention: onWeights } = run;
  const branches = (stateOnly ? 1 : 2) * layers + cross.filter(Boolean).length;
  const shared = { heads, hidden, causal: true, positions, places, selfAttention: !stateOnly, branches };
  let h_BTD = stateOnly ? embedded_BTD : addPositions(scope.at('embed'), embedded_BTD, positions, places);
  for (let i = 0; i < layers; i++) {
    const own = { ...shared, cache: cache?.(i), onKeysValues: onKeysValues && ((found: KeysValues) => onKeysValues(i, found)) };
    const memory = cross[i];
    h_BTD = block(scope.at(`block${i}`), h_BTD, own, memory && { ...memory, onWeights });
  }
  return h_BTD;
}

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
  const { promptTokens: P = 0 } = options;
  const prompt_BPF = P > 0 ? slice(query_BTF, 1, 0, P) : undefined;
  const { front_BAD, cross } = attendedOf(scope, { z_BMD, prompt_BPF, retrieved }, options);
  const running_BTD = embed(scope, slice(query_BTF, 1, P), options);
  const T = running_BTD.shape[1];
  const embedded_BTD = front_BAD ? concat([front_BAD, running_BTD], 1) : running_BTD;
  const h_BTD = decode(scope, embedded_BTD, cross, options, {
    places: { total: embedded_BTD.shape[1] },
    onAttention: onAttention && (weights => onAttention(slice(weights, 2, weights.shape[2] - T))),
  });
  return layerNorm(slice(h_BTD, 1, h_BTD.shape[1] - T));
}

/** What the policy keeps of the tokens that it has read, for the steps that follow in the same segment. */
export interface PolicyCache {
  /** Self-attention of each layer, [B, H, N, K] keys and values in their places; undefined if tokens do not attend to each other. */
  readonly self: readonly (KeysValues | undefined)[];
  /** Cross-attention of each layer, for the whole segment; undefined in layers without it. */
  readonly cross: readonly (KeysValues | undefined)[];
}

/** Number of tokens before the running segment in self-attention (A), for Z of M latents. */
export const tokensInFront = ({ prefix, promptTokens = 0, encoderLayers = 0 }: PolicyOptions, M: number): number =>
  (prefix ? M : 0) + (encoderLayers === 0 ? promptTokens : 0);

/**
 * Starts a segment of at most T tokens: reads what is the same for all its steps. `self` is empty where no token precedes the segment; its
 * keys and values may then be any numbers.
 *
 * @throws {CadenzaError} `E_SHAPE` for options that contradict each other.
 */
export function policyStart(scope: Scope, memory: PolicyMemory, T: number, options: PolicyOptions): PolicyCache {
  const { front_BAD, cross } = attendedOf(scope, memory, options);
  const self: KeysValues[] = [];
  if (!front_BAD) return { self, cross };
  const A = front_BAD.shape[1];
  const inPlaces = (x: Tensor) => pad(x, 2, 0, T);
  const onKeysValues = (_: number, { keys, values }: KeysValues) => void self.push({ keys: inPlaces(keys), values: inPlaces(values) });
  decode(scope, front_BAD, cross, options, { places: { total: A + T }, onKeysValues });
  return { self, cross };
}

/**
 * Runs the policy on the S new tokens of a step, [B, S, F], at `place` (int32 [B, S], among all N; −1: absent) → normalized hidden states [B,
 * 1, D] of the last one, as `policyStates` gives them, and keys and values of self-attention with those of the new tokens. `onAttention`
 * receives the weights [B, H, 1, C] of that token.
 */
export function policyStep(
  scope: Scope,
  tokens_BSF: Tensor,
  place_BS: Tensor,
  { self, cross }: PolicyCache,
  options: PolicyOptions,
  onAttention?: (weights_BHTC: Tensor) => void,
): { states_B1D: Tensor; self: readonly KeysValues[] } {
  const N = self[0]?.keys.shape[2] ?? 1;
  const places = placesAmong(place_BS, N);
  const next: KeysValues[] = [];
  const h_BSD = decode(scope, embed(scope, tokens_BSF, options), cross, options, {
    places: { total: N, at: cast(places.here_BTN, 'float32') },
    cache: i => self[i] && { ...self[i], ...places },
    onKeysValues: (_, found) => void next.push(found),
    onAttention: onAttention && (weights => onAttention(slice(weights, 2, -1))),
  });
  return { states_B1D: layerNorm(slice(h_BSD, 1, -1)), self: next };
}

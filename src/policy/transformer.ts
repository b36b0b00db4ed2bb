/**
 * @file The AD transformer A_φ (method 3.1, 3.2): self-attention over the query, cross-attention to Z, and in the encoder-decoder form blocks
 * over Z before that.
 * Shape key: B batch, T query tokens, F features of a token, D width, M latents, A actions.
 */

import { layerNorm, type Tensor } from '../engine/index.ts';
import { addLatentPositions, addPositions, block, keysValues, linear, type PositionKind, type Scope } from '../nn/index.ts';
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

/** Query features [B, T, F] and latents Z [B, M, D] (none: the query alone) → hidden states [B, T, D], normalised. */
export function policyStates(scope: Scope, query_BTF: Tensor, z_BMD: Tensor | undefined, options: PolicyOptions): Tensor {
  const { width, heads, hidden, layers, memoryless = false, positions, layout, embedding } = options;
  const { crossLayers = [...Array(layers).keys()] } = options;
  const missing = crossLayers.find(i => i >= layers);
  expect(missing === undefined, `layer ${missing} shall attend to Z, but the policy has ${layers} layers, counted from 0.`);
  const context_BMD = z_BMD && encodeLatents(scope, z_BMD, options);
  const embedded_BTD = embedTokens(scope.at('embed'), query_BTF, layout, width, embedding);
  let h_BTD = memoryless ? embedded_BTD : addPositions(scope.at('embed'), embedded_BTD, positions);
  const branches = (memoryless ? 1 : 2) * layers + (context_BMD ? crossLayers.length : 0);
  for (let i = 0; i < layers; i++) {
    const layer = scope.at(`block${i}`);
    const memory = context_BMD && crossLayers.includes(i) ? keysValues(layer.at('cross'), context_BMD, width, heads) : undefined;
    h_BTD = block(layer, h_BTD, { heads, hidden, causal: true, positions, alone: memoryless, branches }, memory);
  }
  return layerNorm(h_BTD);
}

/** Hidden states [B, T, D] → action logits [B, T, A] at every token. */
export const actionLogits = (scope: Scope, states_BTD: Tensor, { actions }: Pick<PolicyOptions, 'actions'>): Tensor =>
  linear(scope.at('head'), states_BTD, actions);

/**
 * @file The AD transformer A_φ (method 3.1): causal self-attention over the running episode, cross-attention to Z in every layer.
 * Shape key: B batch, T query tokens, F features of a token, D width, M latents, A actions.
 */

import { layerNorm, type Tensor } from '../engine/index.ts';
import { addPositions, block, keysValues, linear, type Scope } from '../nn/index.ts';

export interface PolicyOptions {
  readonly width: number;
  readonly heads: number;
  readonly hidden: number;
  readonly layers: number;
  readonly actions: number;
}

/** Query features [B, T, F] and latents Z [B, M, D] (none: the running episode alone) → action logits [B, T, A] at every token. */
export function actionLogits(scope: Scope, query_BTF: Tensor, z_BMD: Tensor | undefined, options: PolicyOptions): Tensor {
  const { width, heads, hidden, layers, actions } = options;
  // Positions on the latents keep them apart and in order (method 2.5).
  const context_BMD = z_BMD && addPositions(scope.at('latents'), z_BMD);
  let h_BTD = addPositions(scope.at('embed'), linear(scope.at('embed'), query_BTF, width));
  for (let i = 0; i < layers; i++) {
    const layer = scope.at(`block${i}`);
    const memory = context_BMD && keysValues(layer.at('cross'), context_BMD, width, heads);
    h_BTD = block(layer, h_BTD, { heads, hidden, causal: true, branches: (memory ? 3 : 2) * layers }, memory);
  }
  return linear(scope.at('head'), layerNorm(h_BTD), actions);
}

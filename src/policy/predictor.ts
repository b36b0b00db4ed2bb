/**
 * @file A_φ for queries of one token each (method 5.3): a test input attends to Z in every layer, and to nothing else. There is no
 * self-attention: over a single token it is a linear map, which the feed-forward layer can absorb. So any number of queries share one Z
 * without seeing each other. Shape key: B batch, Q queries, F features of a query, D width, M latents, O outputs.
 */

import { add, layerNorm, type Tensor } from '../engine/index.ts';
import { crossAttention, feedForward, keysValues, linear, type Scope } from '../nn/index.ts';

/** Sizes of the predictor. */
export interface PredictorOptions {
  /** Width of the model (D). */
  readonly width: number;
  /** Number of attention heads. */
  readonly heads: number;
  /** Width of feed-forward layers. */
  readonly hidden: number;
  /** Number of layers. */
  readonly layers: number;
  /** Numbers per prediction (O). */
  readonly outputs: number;
}

/**
 * Predicts Q queries from latents: queries [B, Q, F] and Z [B, M, D] (undefined: the query only) → outputs [B, Q, O]. Neither has
 * positions: queries are independent, and latents differ by content.
 */
export function predictQueries(scope: Scope, query_BQF: Tensor, z_BMD: Tensor | undefined, options: PredictorOptions): Tensor {
  const { width, heads, hidden, layers, outputs } = options;
  const outputGain = 1 / Math.sqrt((z_BMD ? 2 : 1) * layers);
  let h_BQD = linear(scope.at('embed'), query_BQF, width);
  for (let i = 0; i < layers; i++) {
    const layer = scope.at(`block${i}`);
    if (z_BMD) {
      const memory = keysValues(layer.at('cross'), z_BMD, width, heads);
      h_BQD = add(h_BQD, crossAttention(layer.at('cross'), layerNorm(h_BQD), memory, { heads, outputGain }));
    }
    h_BQD = add(h_BQD, feedForward(layer.at('ffn'), layerNorm(h_BQD), hidden, outputGain));
  }
  return linear(scope.at('head'), layerNorm(h_BQD), outputs);
}

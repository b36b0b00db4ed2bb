/** @file The reference workload of the benchmarks: one training step of a causal transformer (d 128, 4 layers, 4 heads, FFN 512, T 256, batch 32). */

import { div, input, layerNorm, mul, oneHot, optimize, sum, type Tensor } from '../src/engine/index.ts';
import { addPositions, block, crossEntropy, linear, Scope } from '../src/nn/index.ts';
import { adam, chain, clipByGlobalNorm, decayWeights, descend, trainStep, warmupCosine } from '../src/optim/index.ts';

export const REFERENCE = { width: 128, layers: 4, heads: 4, hidden: 512, tokens: 256, batch: 32, vocabulary: 64 };

/**
 * Model FLOPs of one step, forward and backward: matrix products with attention over all T × T pairs (Chowdhery et al. 2022, appendix B). The
 * graph does fewer, because it skips blocks that the causal mask hides.
 */
export function modelFlops({ width, layers, hidden, tokens, batch, vocabulary }: typeof REFERENCE): number {
  const forward = layers * (2 * width * 4 * width + 2 * 2 * width * hidden) + 2 * width * vocabulary;
  // The backward pass has twice the products of the forward pass, but one-hot tokens need no gradient.
  const perToken = 3 * forward + 2 * 2 * width * vocabulary;
  return batch * tokens * (perToken + layers * 3 * 2 * 2 * tokens * width);
}

/** AdamW with clipping and a schedule, as experiments have it. */
export const referenceOptimizer = () =>
  chain(clipByGlobalNorm(1), adam(), decayWeights(0.01), descend(warmupCosine({ peak: 1e-3, warmup: 10, total: 1000 })));

/** The loss of the reference model, a scalar. */
export function referenceLoss(scope: Scope, size = REFERENCE): Tensor {
  const tokens = input('tokens', [size.batch, size.tokens], 'int32');
  const targets = input('targets', [size.batch, size.tokens], 'int32');
  let x = addPositions(scope, linear(scope.at('embed'), oneHot(tokens, size.vocabulary), size.width));
  for (let i = 0; i < size.layers; i++)
    x = block(scope.at(`layer${i}`), x, { heads: size.heads, hidden: size.hidden, causal: true, branches: 2 * size.layers });
  const logits = linear(scope.at('head'), layerNorm(x), size.vocabulary);
  return div(sum(crossEntropy(logits, oneHot(targets, size.vocabulary))), size.batch * size.tokens);
}

export function referenceStep(size = REFERENCE) {
  const scope = new Scope();
  const loss = referenceLoss(scope, size);
  const built = trainStep({ loss: mul(loss, 1), trainable: [...scope.table.values()], optimizer: referenceOptimizer() });
  return { ...built, graph: optimize(built.graph), scope };
}

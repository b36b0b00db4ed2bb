/** @file The cost of acting, counted from inference graphs. */

import { compressor } from '../compressor/index.ts';
import { bytesOf, countFlops, type Graph, inputsOf, optimize, sizeOf } from '../engine/index.ts';
import type { MethodCost } from '../records/index.ts';
import { INFERENCE_INPUTS, type Inference, type Model, withWeights } from './model.ts';

/**
 * The cost of one action, counted from the graphs of a single stream (with parameters as constants); the cost of compression is spread over
 * the actions of its segment. A recurrent compressor stores only the running segment besides its latents.
 */
export function costOf(model: Model, compressorId: string, { compress, act, latentShape, codes }: Inference): MethodCost {
  const bytes = (graph: Graph, names: readonly string[]) =>
    [...inputsOf(graph)].reduce((sum, [name, tensor]) => sum + (names.includes(name) ? bytesOf(tensor) : 0), 0);
  const share = compressor(compressorId).window(model.contextTokens, model.options) / model.contextTokens;
  return {
    flopsPerAction: Math.round((compress ? countFlops(compress).total : 0) / model.segment + countFlops(act).total),
    stateBytes: bytes(act, ['query', 'latents', 'retrieved', 'present']),
    historyBytes: compress ? bytes(compress, ['context']) * share : 0,
    // Float32 numbers, or codes in the fewest bits for their alphabet.
    ...(latentShape && { bitsPerContext: codes ? sizeOf(codes.shape) * Math.log2(codes.size) : 32 * sizeOf(latentShape) }),
  };
}

/** The cost of a model before training, with parameters of any values as constants. */
export function plannedCost(model: Model, compressorId: string): MethodCost {
  const { compress, act, ...shapes } = model.inference(compressorId, { compress: 1, act: 1 });
  const baked = (graph: Graph) => {
    const parameters = [...inputsOf(graph)].filter(([name]) => !INFERENCE_INPUTS.has(name));
    return optimize(
      withWeights(graph, new Map(parameters.map(([name, { shape }]) => [name, new Float32Array(sizeOf(shape))])), INFERENCE_INPUTS),
    );
  };
  return costOf(model, compressorId, { ...shapes, compress: compress && baked(compress), act: baked(act) });
}

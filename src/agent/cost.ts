/** @file The cost of acting, counted from the graphs that act. */

import { compressor } from '../compressor/index.ts';
import { bytesOf, countFlops, type Graph, inputsOf, optimize, sizeOf } from '../engine/index.ts';
import type { MethodCost } from '../records/index.ts';
import { INFERENCE_INPUTS, type Model, withWeights } from './model.ts';
import { type AgentGraphs, agentGraphs, changeGraphs } from './steps.ts';

const total = (...graphs: readonly (Graph | undefined)[]) => graphs.reduce((sum, graph) => sum + (graph ? countFlops(graph).total : 0), 0);

/** Operations of one action, and of what is done once for a segment: compressing the one before, and reading Z and a prompt. */
export const actingFlops = ({ act, compress, steps, segments }: AgentGraphs): { action: number; segment: number } => ({
  action: total(steps ? steps.step : act),
  segment: total(steps?.begin, ...(segments ? [segments.encode, segments.summarize] : [compress])),
});

/**
 * The cost of one action, counted from the graphs of a single stream (with parameters as constants); what is done once for a segment is
 * spread over its actions. A recurrent compressor stores only the running segment besides its latents.
 */
export function costOf(model: Model, compressorId: string, graphs: AgentGraphs): MethodCost {
  const { compress, act, latentShape, codes } = graphs;
  const bytes = (graph: Graph, names: readonly string[]) =>
    [...inputsOf(graph)].reduce((sum, [name, tensor]) => sum + (names.includes(name) ? bytesOf(tensor) : 0), 0);
  const share = compressor(compressorId).window(model.contextTokens, model.options) / model.contextTokens;
  const { action, segment } = actingFlops(graphs);
  return {
    flopsPerAction: Math.round(segment / model.segment + action),
    // What the policy depends on. Keys and values that a step keeps, and encoded segments, can be computed from it again.
    stateBytes: bytes(act, ['query', 'latents', 'retrieved', 'present']),
    historyBytes: compress ? bytes(compress, ['context']) * share : 0,
    // Float32 numbers, or codes in the fewest bits for their alphabet.
    ...(latentShape && { bitsPerContext: codes ? sizeOf(codes.shape) * Math.log2(codes.size) : 32 * sizeOf(latentShape) }),
  };
}

/** The graph with parameters of any values as constants. */
export function baked(graph: Graph): Graph {
  const parameters = [...inputsOf(graph)].filter(([name]) => !INFERENCE_INPUTS.has(name));
  const values = new Map(parameters.map(([name, { shape }]) => [name, new Float32Array(sizeOf(shape))]));
  return optimize(withWeights(graph, values, INFERENCE_INPUTS));
}

/** The cost of a model before training. */
export const plannedCost = (model: Model, compressorId: string): MethodCost =>
  costOf(model, compressorId, changeGraphs(agentGraphs(model, compressorId, { compress: 1, act: 1 }), baked));

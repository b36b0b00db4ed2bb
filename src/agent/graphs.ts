/** @file The inference graphs of an agent with its weights, and as programs that act. Runs in pages, too. */

import { type Graph, optimize, type Program } from '../engine/index.ts';
import type { CompressProgram } from '../policy/index.ts';
import { INFERENCE_INPUTS, type Model, withWeights } from './model.ts';
import { type AgentGraphs, agentGraphs, changeGraphs, type GraphRequest } from './steps.ts';

/** The graphs of an agent with these weights as constants. Throws `E_CHECKPOINT` if one is missing or has another size. */
export const weightedGraphs = (
  model: Model,
  compressorId: string,
  weights: ReadonlyMap<string, Float32Array>,
  request: GraphRequest,
): AgentGraphs => changeGraphs(agentGraphs(model, compressorId, request), graph => optimize(withWeights(graph, weights, INFERENCE_INPUTS)));

/** Compiles the graphs that act: those that keep what they have computed, where the model has them. */
export async function compileAgent(
  graphs: AgentGraphs,
  compile: (graph: Graph) => Promise<Program>,
  batch: { compress: number; act: number },
) {
  const { steps, segments, compress, latentShape, recurrent } = graphs;
  const act = {
    program: await compile(steps ? steps.step : graphs.act),
    size: batch.act,
    step: steps && {
      first: steps.first,
      state: steps.state,
      begin: steps.begin && { program: await compile(steps.begin), batch: batch.compress },
    },
  };
  const compressing: CompressProgram | undefined = compress &&
    latentShape && {
      program: await compile(segments ? segments.summarize : compress),
      encode: segments && { program: await compile(segments.encode), part: segments.part },
      latentShape,
      recurrent,
      batch: batch.compress,
    };
  return { act, compress: compressing };
}

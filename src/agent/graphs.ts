/** @file The inference graphs of an agent with its weights, and as programs that act. Runs in pages, too. */

import { type Graph, optimize, type Program } from '../engine/index.ts';
import { attendingLayers, type CompressProgram, type ModelDescription } from '../policy/index.ts';
import { INFERENCE_INPUTS, type Model, withWeights } from './model.ts';
import { type AgentGraphs, agentGraphs, changeGraphs, type GraphRequest, stepGraphs } from './steps.ts';

/** The graphs of an agent with these weights as constants. Throws `E_CHECKPOINT` if one is missing or has another size. */
export const weightedGraphs = (
  model: Model,
  compressorId: string,
  weights: ReadonlyMap<string, Float32Array>,
  request: GraphRequest,
): AgentGraphs => changeGraphs(agentGraphs(model, compressorId, request), graph => optimize(withWeights(graph, weights, INFERENCE_INPUTS)));

/** Cross-attention of the acting graph that goes step by step, alone; undefined if no layer attends to Z, or there is no such graph. */
export function attentionGraph(
  model: Model,
  compressorId: string,
  weights: ReadonlyMap<string, Float32Array>,
  retrieved?: number,
): { graph: Graph; attention: NonNullable<ModelDescription['attention']> } | undefined {
  const layers = attendingLayers(model.policyOptions);
  if (layers.length === 0 || !model.latentShape(compressorId)) return undefined;
  const steps = stepGraphs(model, compressorId, { begin: 1, step: 1 }, { attention: true, retrieved });
  if (!steps) return undefined;
  const { attention } = steps.step.outputs;
  const [heads, tokens] = attention.shape.slice(-2);
  return {
    graph: optimize(withWeights({ outputs: { attention } }, weights, INFERENCE_INPUTS)),
    attention: { layers: [...layers], heads, tokens },
  };
}

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

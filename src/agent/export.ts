/** @file An agent as files: plain ONNX graphs with model.json, which describes their inputs. Runs in pages, too. */

import { type Graph, toOnnx } from '../engine/index.ts';
import { type ModelDescription, sealDescription, tokenColumns } from '../policy/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { attentionGraph, weightedGraphs } from './graphs.ts';
import type { Model } from './model.ts';

/** An agent, and where it comes from. */
export interface ExportRequest {
  readonly model: Model;
  readonly config: Pick<BaseConfig, 'env' | 'tokenizer' | 'policy'>;
  readonly compressorId: string;
  /** Its weights by their names in the graphs. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  /** Number of retrieved contexts that its policy sees in addition to its own. */
  readonly retrieved?: number;
  readonly predictsReturns?: boolean;
  /** Key of what trained it. */
  readonly trained: string;
  readonly experiment?: ModelDescription['experiment'];
}

/** The files of an agent for one stream, by name, with the description that `loadPolicy` reads. */
export function modelFiles(request: ExportRequest): Record<string, Uint8Array> {
  const { model, config, compressorId, weights, retrieved, predictsReturns, trained, experiment } = request;
  const streams = 1;
  const graphs = weightedGraphs(model, compressorId, weights, { compress: 1, act: streams, returns: predictsReturns, retrieved });
  const attending = attentionGraph(model, compressorId, weights, retrieved);
  const bytes = (graph: Graph) => toOnnx(graph, { standard: true });
  const made = {
    'act.onnx': bytes(graphs.act),
    'compress.onnx': graphs.compress && bytes(graphs.compress),
    'decode.onnx': graphs.decode && bytes(graphs.decode),
    'begin.onnx': graphs.steps?.begin && bytes(graphs.steps.begin),
    'step.onnx': graphs.steps && bytes(graphs.steps.step),
    'encode.onnx': graphs.segments && bytes(graphs.segments.encode),
    'summarize.onnx': graphs.segments && bytes(graphs.segments.summarize),
    'attention.onnx': attending && bytes(attending.graph),
  };
  const { observationSpace, actionSpace, actionNames, horizon } = model.family;
  const description: Omit<ModelDescription, 'format' | 'files' | 'hash'> = {
    env: config.env,
    observationSpace,
    actionSpace,
    ...(actionNames ? { actionNames } : {}),
    ...(model.head.choice ? { head: model.head.choice } : {}),
    horizon,
    tokenizer: config.tokenizer,
    tokens: tokenColumns(model.tokenizer),
    query: config.policy.query,
    ...(model.prompt ? { prompt: model.prompt } : {}),
    contextTransitions: graphs.context.contextTransitions,
    ...(model.segment < horizon ? { segment: model.segment } : {}),
    ...(model.contextLayout === 'window' ? {} : { contextLayout: model.contextLayout }),
    ...(graphs.recurrent ? { recurrent: true } : {}),
    latentShape: graphs.latentShape ?? null,
    ...(graphs.codes ? { codes: graphs.codes } : {}),
    ...(predictsReturns ? { returns: { episodes: model.returns!.count } } : {}),
    ...(graphs.segments ? { encoded: [...graphs.segments.part] } : {}),
    ...(graphs.steps ? { steps: { first: graphs.steps.first, state: graphs.steps.state } } : {}),
    ...(attending ? { attention: attending.attention } : {}),
    streams,
    trained,
    ...(experiment ? { experiment } : {}),
  };
  const json = `${JSON.stringify(sealDescription(description, made), null, 2)}\n`;
  const graphsMade = Object.entries(made).flatMap(([name, content]) => (content ? [[name, content] as const] : []));
  return Object.fromEntries([...graphsMade, ['model.json', new TextEncoder().encode(json)]]);
}

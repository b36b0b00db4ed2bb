/**
 * @file Trained models at inference: graphs with the weights of a finished stage, policies that run them, and exported files: plain ONNX
 * graphs with model.json, which describes their inputs.
 */

import { join } from 'node:path';
import { loadTensors, MODEL_FILE } from '../cache/checkpoint.ts';
import type { StageOutput } from '../cache/store.ts';
import { type Executor, type Graph, optimize, type Program, toOnnx } from '../engine/index.ts';
import { tasksHash } from '../histories/tasks.ts';
import {
  attendingLayers,
  type CompressProgram,
  type InContextModel,
  type InContextPolicy,
  inContextPolicy,
  type ModelDescription,
  type Retriever,
  sealDescription,
  tokenColumns,
} from '../policy/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { formatConfig } from '../util/config.ts';
import { sha256, writeFileAtomic, writeJson } from '../util/files.ts';
import { INFERENCE_INPUTS, type Model, PARTS, withWeights } from './model.ts';
import { type AgentGraphs, agentGraphs, changeGraphs, type GraphRequest, stepGraphs } from './steps.ts';

/** Number of contexts that are compressed in one call. */
const COMPRESS_BATCH = 32;

/** A trained model: its compressor, and the stage that trained it. */
export interface TrainedModel {
  readonly compressorId: string;
  /** Its model, if it differs from the experiment's. */
  readonly model?: Model;
  readonly trained: StageOutput;
  /** Number of retrieved contexts that its policy sees in addition to its own; none by default. */
  readonly retrieved?: number;
  /** Whether it was trained to predict future returns. */
  readonly predictsReturns?: boolean;
}

/** An agent's weights by their names in the inference graphs; the teacher's lose their prefix. */
export function weightsOf({ trained }: Pick<TrainedModel, 'trained'>): Map<string, Float32Array> {
  const { tensors } = loadTensors(join(trained.folder, MODEL_FILE));
  const prefix = `${PARTS.teacher}.`;
  return new Map(
    [...tensors].map(([name, { data }]) => [name.startsWith(prefix) ? name.slice(prefix.length) : name, data as Float32Array]),
  );
}

/** The model of a trained one, by default the experiment's, for the latter's family of tasks. */
export const ownModel = (experiment: Model, { model = experiment }: Pick<TrainedModel, 'model'>): Model => model.in(experiment.family);

/** The graphs of a trained model with its weights as constants. */
export function inferenceGraphs(model: Model, of: TrainedModel, request: GraphRequest): AgentGraphs {
  const weights = weightsOf(of);
  const graphs = agentGraphs(ownModel(model, of), of.compressorId, { ...request, retrieved: of.retrieved });
  return changeGraphs(graphs, graph => optimize(withWeights(graph, weights, INFERENCE_INPUTS)));
}

/** Cross-attention of the acting graph that goes step by step, alone; undefined if no layer attends to Z, or there is no such graph. */
function attentionGraph(
  model: Model,
  of: TrainedModel,
): { graph: Graph; attention: NonNullable<ModelDescription['attention']> } | undefined {
  const own = ownModel(model, of);
  const layers = attendingLayers(own.policyOptions);
  if (layers.length === 0 || !own.latentShape(of.compressorId)) return undefined;
  const steps = stepGraphs(own, of.compressorId, { begin: 1, step: 1 }, { attention: true, retrieved: of.retrieved });
  if (!steps) return undefined;
  const { attention } = steps.step.outputs;
  const [heads, tokens] = attention.shape.slice(-2);
  return {
    graph: optimize(withWeights({ outputs: { attention } }, weightsOf(of), INFERENCE_INPUTS)),
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

export interface PolicyRequest {
  readonly model: Model;
  readonly executor: Executor;
  /** Number of environments that it acts in at once. */
  readonly size: number;
  /** Number of contexts compressed in one call; fewer are padded. The default is fast for many environments. */
  readonly compress?: number;
  /** Retrieves contexts, for a model that attends to retrieved ones. */
  readonly retrieve?: Retriever;
  readonly onCodes?: CompressProgram['onCodes'];
  /** Receives predicted returns, if the model has them. */
  readonly onReturns?: InContextModel['act']['onReturns'];
  /** Receives attention weights. */
  readonly onAttention?: InContextModel['act']['onAttention'];
  /** A fixed Z [size · M · D] for the environments, whatever happens there. */
  readonly given?: Float32Array;
}

export async function openPolicy(request: PolicyRequest, of: TrainedModel): Promise<InContextPolicy> {
  const { executor, size, compress: contexts = COMPRESS_BATCH, retrieve, onCodes, onReturns, onAttention, given } = request;
  const model = ownModel(request.model, of);
  const { family, tokenizer, head } = model;
  const [returns, attention] = [onReturns !== undefined, onAttention !== undefined];
  const batch = { compress: contexts, act: size };
  const graphs = inferenceGraphs(model, of, { ...batch, returns, attention });
  // A fixed Z is never compressed.
  const used = given ? { ...graphs, compress: undefined } : graphs;
  const { act, compress } = await compileAgent(used, graph => executor.compile(toOnnx(graph)), batch);
  const memory = given
    ? { given: { data: given, shape: [size, ...graphs.latentShape!], dtype: 'float32' as const } }
    : { compress: compress && { ...compress, onCodes } };
  return inContextPolicy({
    family,
    tokenizer,
    actions: head.distribution,
    context: graphs.context,
    ...memory,
    retrieve,
    act: { ...act, onReturns, onAttention },
  });
}

/** The compiled C_θ of a trained model, with what it needs. It compresses whole contexts, in any order. */
export async function openCompressor(model: Model, executor: Executor, of: TrainedModel) {
  const graphs = inferenceGraphs(model, of, { compress: COMPRESS_BATCH, act: 1 });
  const program = await executor.compile(toOnnx(graphs.compress!));
  const compress: CompressProgram = { program, batch: COMPRESS_BATCH, latentShape: graphs.latentShape!, recurrent: graphs.recurrent };
  return { tokenizer: ownModel(model, of).tokenizer, context: graphs.context, compress, codes: graphs.codes };
}

/** Exports the agent as plain ai.onnx graphs for one stream, with the description that `loadPolicy` reads. */
export async function exportModel(
  { model, config }: { readonly model: Model; readonly config: BaseConfig },
  method: TrainedModel,
  folder: string,
): Promise<void> {
  const streams = 1;
  const graphs = inferenceGraphs(model, method, { compress: 1, act: streams, returns: method.predictsReturns });
  const attending = attentionGraph(model, method);
  const bytes = (graph: Graph) => toOnnx(graph, { standard: true });
  const files = {
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
    ...(method.predictsReturns ? { returns: { episodes: model.returns!.count } } : {}),
    ...(graphs.segments ? { encoded: [...graphs.segments.part] } : {}),
    ...(graphs.steps ? { steps: { first: graphs.steps.first, state: graphs.steps.state } } : {}),
    ...(attending ? { attention: attending.attention } : {}),
    streams,
    trained: method.trained.key,
    experiment: { config: sha256(formatConfig(config)), tasks: tasksHash(config) },
  };
  for (const [name, content] of Object.entries(files)) if (content) writeFileAtomic(join(folder, name), content);
  writeJson(join(folder, 'model.json'), sealDescription(description, files));
}

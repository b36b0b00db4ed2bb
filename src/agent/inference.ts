/**
 * @file Trained models as they act: inference graphs with the weights of a finished stage in them, policies over these, and files that other
 * programs run: plain ONNX graphs, and model.json, which describes what they take.
 */

import { join } from 'node:path';
import { loadTensors, MODEL_FILE } from '../cache/checkpoint.ts';
import type { StageOutput } from '../cache/store.ts';
import { type Executor, type Graph, optimize, toOnnx } from '../engine/index.ts';
import { tasksHash } from '../histories/tasks.ts';
import {
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
import { INFERENCE_INPUTS, type Inference, type Model, PARTS, withWeights } from './model.ts';

/** Contexts that are compressed in one call. */
const COMPRESS_BATCH = 32;

/** A trained model: the compressor in it, and the stage that made it. */
export interface TrainedModel {
  readonly compressorId: string;
  /** Its model, where that is not the one of the experiment. */
  readonly model?: Model;
  readonly trained: StageOutput;
  /** Retrieved contexts that its policy sees beside its own; none when left out. */
  readonly retrieved?: number;
  /** Whether it was trained to predict future returns. */
  readonly predictsReturns?: boolean;
}

/** An agent's weights by the names that the inference graphs use; the teacher's lose their prefix. */
export function weightsOf({ trained }: Pick<TrainedModel, 'trained'>): Map<string, Float32Array> {
  const { tensors } = loadTensors(join(trained.folder, MODEL_FILE));
  const prefix = `${PARTS.teacher}.`;
  return new Map(
    [...tensors].map(([name, { data }]) => [name.startsWith(prefix) ? name.slice(prefix.length) : name, data as Float32Array]),
  );
}

/** The model of a trained one beside that of the experiment, in the family of the latter. */
export const ownModel = (beside: Model, { model = beside }: Pick<TrainedModel, 'model'>): Model => model.in(beside.family);

export interface GraphRequest {
  readonly compress: number;
  readonly act: number;
  /** Whether the graph that acts says which returns it predicts, and how it attends. */
  readonly returns?: boolean;
  readonly attention?: boolean;
}

/** The graphs of a trained model with its weights as constants. */
export function inferenceGraphs(model: Model, of: TrainedModel, { returns, attention, ...batch }: GraphRequest): Inference {
  const weights = weightsOf(of);
  const asked = { retrieved: of.retrieved, returns, attention };
  const { compress, act, decode, ...shapes } = ownModel(model, of).inference(of.compressorId, batch, asked);
  const bake = (graph: Graph) => optimize(withWeights(graph, weights, INFERENCE_INPUTS));
  return { compress: compress && bake(compress), act: bake(act), decode: decode && bake(decode), ...shapes };
}

/** C_θ of an inference, compiled; undefined where nothing of the past reaches the policy. */
async function compileCompressor(
  { compress, latentShape, recurrent }: Inference,
  executor: Executor,
  asked: Pick<CompressProgram, 'batch' | 'onCodes'>,
): Promise<CompressProgram | undefined> {
  if (!compress || !latentShape) return undefined;
  return { program: await executor.compile(toOnnx(compress)), latentShape, recurrent, ...asked };
}

export interface PolicyRequest {
  readonly model: Model;
  readonly executor: Executor;
  /** Environments that it acts in at once. */
  readonly size: number;
  /** Contexts that are compressed in one call; fewer are padded. As many as is fast for many environments, when left out. */
  readonly compress?: number;
  /** Looks contexts up for a model that sees retrieved ones. */
  readonly retrieve?: Retriever;
  readonly onCodes?: CompressProgram['onCodes'];
  /** Takes the returns that a model predicts, where it does. */
  readonly onReturns?: InContextModel['act']['onReturns'];
  /** Takes the weights with which it attends. */
  readonly onAttention?: InContextModel['act']['onAttention'];
  /** Z [size · M · D] that the environments are given for good, whatever happens there. */
  readonly given?: Float32Array;
}

export async function openPolicy(request: PolicyRequest, of: TrainedModel): Promise<InContextPolicy> {
  const { executor, size, compress: contexts = COMPRESS_BATCH, retrieve, onCodes, onReturns, onAttention, given } = request;
  const model = ownModel(request.model, of);
  const { family, tokenizer, head } = model;
  const [returns, attention] = [onReturns !== undefined, onAttention !== undefined];
  const graphs = inferenceGraphs(model, of, { compress: contexts, act: size, returns, attention });
  const act = { program: await executor.compile(toOnnx(graphs.act)), size, onReturns, onAttention };
  const memory = given
    ? { given: { data: given, shape: [size, ...graphs.latentShape!], dtype: 'float32' as const } }
    : { compress: await compileCompressor(graphs, executor, { batch: contexts, onCodes }) };
  return inContextPolicy({ family, tokenizer, actions: head.distribution, context: graphs.context, ...memory, retrieve, act });
}

/** C_θ of a trained model alone, and what it takes. */
export async function openCompressor(model: Model, executor: Executor, of: TrainedModel) {
  const graphs = inferenceGraphs(model, of, { compress: COMPRESS_BATCH, act: 1 });
  const compress = (await compileCompressor(graphs, executor, { batch: COMPRESS_BATCH }))!;
  return { tokenizer: ownModel(model, of).tokenizer, context: graphs.context, compress, codes: graphs.codes };
}

/** Writes the agent as plain ai.onnx graphs for one stream, with the description that `loadPolicy` drives them by. */
export async function exportModel(
  { model, config }: { readonly model: Model; readonly config: BaseConfig },
  method: TrainedModel,
  folder: string,
): Promise<void> {
  const streams = 1;
  const graphs = inferenceGraphs(model, method, { compress: 1, act: streams, returns: method.predictsReturns });
  const bytes = (graph: Graph) => toOnnx(graph, { standard: true });
  const files = {
    'act.onnx': bytes(graphs.act),
    'compress.onnx': graphs.compress && bytes(graphs.compress),
    'decode.onnx': graphs.decode && bytes(graphs.decode),
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
    streams,
    trained: method.trained.key,
    experiment: { config: sha256(formatConfig(config)), tasks: tasksHash(config) },
  };
  for (const [name, content] of Object.entries(files)) if (content) writeFileAtomic(join(folder, name), content);
  writeJson(join(folder, 'model.json'), sealDescription(description, files));
}

/** @file Trained models at inference: graphs with the weights of a finished stage, policies that run them, and exported files. */

import { join } from 'node:path';
import { loadTensors, MODEL_FILE } from '../cache/checkpoint.ts';
import type { StageOutput } from '../cache/store.ts';
import { type Executor, toOnnx } from '../engine/index.ts';
import { tasksHash } from '../histories/tasks.ts';
import { type CompressProgram, type InContextModel, type InContextPolicy, inContextPolicy, type Retriever } from '../policy/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { formatConfig } from '../util/config.ts';
import { sha256, writeFileAtomic } from '../util/files.ts';
import { modelFiles } from './export.ts';
import { compileAgent, weightedGraphs } from './graphs.ts';
import { type Model, PARTS } from './model.ts';
import type { AgentGraphs, GraphRequest } from './steps.ts';

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
  return weightedGraphs(ownModel(model, of), of.compressorId, weightsOf(of), { ...request, retrieved: of.retrieved });
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

/** Exports the agent as files: plain ai.onnx graphs for one stream, with the description that `loadPolicy` reads. */
export async function exportModel(
  { model, config }: { readonly model: Model; readonly config: BaseConfig },
  method: TrainedModel,
  folder: string,
): Promise<void> {
  const { compressorId, retrieved, predictsReturns, trained } = method;
  const files = modelFiles({
    model: ownModel(model, method),
    config,
    compressorId,
    weights: weightsOf(method),
    retrieved,
    predictsReturns,
    trained: trained.key,
    experiment: { config: sha256(formatConfig(config)), tasks: tasksHash(config) },
  });
  for (const [name, content] of Object.entries(files)) writeFileAtomic(join(folder, name), content);
}

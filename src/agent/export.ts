/** @file A trained model as files that other programs run: plain ONNX graphs and model.json, which describes what they take. */

import { join } from 'node:path';
import { type Graph, toOnnx } from '../engine/index.ts';
import { tasksHash } from '../histories/tasks.ts';
import { type ModelDescription, sealDescription, tokenColumns } from '../policy/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { formatConfig } from '../util/config.ts';
import { sha256, writeFileAtomic, writeJson } from '../util/files.ts';
import { inferenceGraphs, type TrainedModel } from './inference.ts';
import type { Model } from './model.ts';

/** Writes the student as plain ai.onnx graphs for one stream, with the description that `loadPolicy` drives them by. */
export async function exportModel(
  { model, config }: { readonly model: Model; readonly config: BaseConfig },
  method: TrainedModel,
  folder: string,
): Promise<void> {
  const streams = 1;
  const graphs = inferenceGraphs(model, method, { compress: 1, act: streams, returns: method.foresees });
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
    ...(model.form === 'window' ? {} : { form: model.form }),
    ...(graphs.carries ? { carries: true } : {}),
    latentShape: graphs.latentShape ?? null,
    ...(graphs.codes ? { codes: graphs.codes } : {}),
    ...(method.foresees ? { returns: { episodes: model.returns!.count } } : {}),
    streams,
    trained: method.trained.key,
    experiment: { config: sha256(formatConfig(config)), tasks: tasksHash(config) },
  };
  for (const [name, content] of Object.entries(files)) if (content) writeFileAtomic(join(folder, name), content);
  writeJson(join(folder, 'model.json'), sealDescription(description, files));
}

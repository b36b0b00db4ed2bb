/** @file Loads an exported model from its folder. Node only. */

import { join } from 'node:path';
import type { Executor } from '../engine/index.ts';
import { readBytes, readJson } from '../util/files.ts';
import { actingGraphs, checkDescription, type GraphName } from './description.ts';
import { type LoadedPolicy, loadPolicy } from './load.ts';

/**
 * Opens an agent that a run or `cadenza export` saved, ready to act in one environment.
 *
 * @param folder the model's folder, such as `runs/dark-room/model`.
 * @param executor what runs its graphs; by default ONNX Runtime for Node, with one thread.
 * @throws {CadenzaError} `E_CHECKPOINT` if there is no such model, or a file of it was altered.
 * @example
 * const agent = await openAgent('runs/dark-room/model');
 * agent.reset(1);
 * const probabilities = await agent.act(Float32Array.of(4, 4));
 */
export async function openAgent(folder: string, executor?: Executor): Promise<LoadedPolicy> {
  const advice = 'Give the folder "model" of a finished run, such as runs/dark-room/model.';
  const path = join(folder, 'model.json');
  const description = checkDescription(readJson(path, 'E_CHECKPOINT', advice), path);
  const read = (name: GraphName) => readBytes(join(folder, name), 'E_CHECKPOINT', advice);
  const names: readonly GraphName[] = [...actingGraphs(description), ...(description.attention ? (['attention.onnx'] as const) : [])];
  const graphs = Object.fromEntries(names.map(name => [name.replace('.onnx', ''), read(name)]));
  // Loaded lazily: callers with an executor of their own do not need it.
  const own = async () => (await import('../engine/executors/node.ts')).nodeExecutor({ threads: 1 });
  return loadPolicy({ description, ...graphs, executor: executor ?? (await own()) });
}

/** @file An exported model from its folder. Node only. */

import { join } from 'node:path';
import type { Executor } from '../engine/index.ts';
import { readBytes, readJson } from '../util/files.ts';
import { checkDescription } from './description.ts';
import { type LoadedPolicy, loadPolicy } from './load.ts';

/**
 * Opens an agent that a run or `cadenza export` left, ready to act in one environment.
 *
 * @param folder of the model, such as `runs/dark-room/model`.
 * @param executor what computes; ONNX Runtime for Node, with one thread, when left out.
 * @throws {CadenzaError} `E_CHECKPOINT` where there is no such model, or a file of it was altered.
 * @example
 * const agent = await openAgent('runs/dark-room/model');
 * agent.reset(1);
 * const probabilities = await agent.act(Float32Array.of(4, 4));
 */
export async function openAgent(folder: string, executor?: Executor): Promise<LoadedPolicy> {
  const advice = 'Give the folder "model" of a finished run, such as runs/dark-room/model.';
  const path = join(folder, 'model.json');
  const description = checkDescription(readJson(path, 'E_CHECKPOINT', advice), path);
  const graph = (name: string) => readBytes(join(folder, name), 'E_CHECKPOINT', advice);
  const compress = description.latentShape ? graph('compress.onnx') : undefined;
  // Loaded late: whoever brings an executor needs no other.
  const own = async () => (await import('../engine/executors/node.ts')).nodeExecutor({ threads: 1 });
  return loadPolicy({ description, compress, act: graph('act.onnx'), executor: executor ?? (await own()) });
}

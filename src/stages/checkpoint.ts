/** @file Weights and training state on disk, as safetensors with named tensors. */

import { join } from 'node:path';
import { decodeSafetensors, encodeSafetensors, type Shape, type StoredTensor, sizeOf } from '../engine/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { readBytes, writeFileAtomic } from '../util/files.ts';

export interface NamedShape {
  readonly name: string;
  readonly shape: Shape;
}

/** Where a stage that trains keeps its state until it is finished. */
export const CHECKPOINT = 'checkpoint.safetensors';

/** The steps behind the checkpoint of a stage's folder; undefined where there is none that can be read. */
export function checkpointStep(folder: string): string | undefined {
  try {
    return loadTensors(join(folder, CHECKPOINT)).metadata.step;
  } catch {
    return undefined;
  }
}

/** Named vectors with the shapes they stand for. */
export type Weights = Map<string, Float32Array>;

/** Writes tensors; the earlier file stays whole until the new one is complete. Throws `E_DISK` when the disk refuses. */
export function saveTensors(path: string, tensors: ReadonlyMap<string, StoredTensor>, metadata: Record<string, string>): void {
  writeFileAtomic(path, encodeSafetensors(new Map(tensors), metadata));
}

export function loadTensors(path: string) {
  try {
    return decodeSafetensors(readBytes(path, 'E_CHECKPOINT'));
  } catch (error) {
    if (error instanceof CadenzaError) throw new CadenzaError(error.code, `${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Reads exactly the named tensors. Throws `E_CHECKPOINT` naming the first that is missing or has another shape. */
export function loadWeights(
  path: string,
  wanted: readonly NamedShape[],
  prefix = '',
): { weights: Weights; metadata: Record<string, string> } {
  const { tensors, metadata } = loadTensors(path);
  const weights: Weights = new Map();
  for (const { name, shape } of wanted) {
    const found = tensors.get(prefix + name);
    const same = found && found.shape.length === shape.length && found.shape.every((n, i) => n === shape[i]);
    if (!found || !same || !(found.data instanceof Float32Array) || found.data.length !== sizeOf(shape))
      throw new CadenzaError(
        'E_CHECKPOINT',
        `${path}: expected "${prefix}${name}" of shape [${shape.join(', ')}], found ${found ? `shape [${found.shape.join(', ')}]` : 'no such tensor'}. The checkpoint belongs to a model of other sizes; use the configuration it was made with, or delete its folder and train again.`,
      );
    weights.set(name, found.data);
  }
  return { weights, metadata };
}

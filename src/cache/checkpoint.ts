/** @file Weights and training state on disk, as safetensors with named tensors. */

import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { decodeSafetensors, encodeSafetensors, type SafetensorsFile, type Shape, type StoredTensor, sizeOf } from '../engine/index.ts';
import { attempt, CadenzaError } from '../util/errors.ts';
import { readBytes, sha256, writeFileAtomic } from '../util/files.ts';

/** Weights of a finished training stage. */
export const MODEL_FILE = 'model.safetensors';

export type NamedShape = { readonly name: string; readonly shape: Shape };

/** Named vectors with the shapes they stand for. */
export type Weights = Map<string, Float32Array>;

/** Writes tensors; the earlier file stays whole until the new one is complete. Throws `E_DISK` when the disk refuses. */
export function saveTensors(path: string, tensors: ReadonlyMap<string, StoredTensor>, metadata: Record<string, string>): void {
  writeFileAtomic(path, encodeSafetensors(new Map(tensors), metadata));
}

export function loadTensors(path: string): SafetensorsFile {
  try {
    return decodeSafetensors(readBytes(path, 'E_CHECKPOINT'));
  } catch (error) {
    if (error instanceof CadenzaError) throw new CadenzaError(error.code, `${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Reads exactly the named tensors. Throws `E_CHECKPOINT` naming the first that is missing or has another shape. */
export const loadWeights = (path: string, wanted: readonly NamedShape[]): Weights => weightsFrom(path, loadTensors(path), wanted);

/** The same of a file that was read, where the names have a prefix. */
export function weightsFrom(path: string, { tensors }: SafetensorsFile, wanted: readonly NamedShape[], prefix = ''): Weights {
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
  return weights;
}

/** Where a stage that trains keeps its state until it is finished. */
export const CHECKPOINT = 'checkpoint.safetensors';

/** The state of a training that is not finished. */
export interface Checkpoint {
  readonly key: string;
  /** Steps that are behind it. */
  readonly step: number;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Writes a checkpoint with a hash of its content. Throws `E_DISK` when the disk refuses. */
export function saveCheckpoint(path: string, { tensors, key, step }: Checkpoint): void {
  const metadata = { key, step: String(step) };
  saveTensors(path, tensors, { ...metadata, sha256: contentHash({ tensors, metadata }) });
}

/** Equal content has one encoding, so the hash of that is one of the content. */
const contentHash = ({ tensors, metadata }: { tensors: Checkpoint['tensors']; metadata: Record<string, string> }) =>
  sha256(encodeSafetensors(tensors, metadata));

export interface CheckpointRequest {
  readonly key: string;
  /** Steps of the whole training. */
  readonly steps: number;
  /** Steps that hang together: a checkpoint is at a multiple of them. */
  readonly unit: number;
}

/**
 * Reads a checkpoint of the stage.
 *
 * @throws `E_CHECKPOINT` when it is altered or cut short, is another stage's, or its step is none that training can continue at.
 */
export function loadCheckpoint(path: string, { key, steps, unit }: CheckpointRequest): SafetensorsFile & { readonly step: number } {
  const file = loadTensors(path);
  const { sha256: expected, ...metadata } = file.metadata;
  const refuse = (reason: string) =>
    new CadenzaError('E_CHECKPOINT', `${path} ${reason}. Delete it and run the same command again, which starts this stage over.`);
  if (expected === undefined) throw refuse('has no hash of its content: an earlier version of cadenza wrote it, or it was altered');
  const found = contentHash({ tensors: file.tensors, metadata });
  if (found !== expected)
    throw refuse(`was altered since it was written: expected SHA-256 ${expected.slice(0, 16)}…, found ${found.slice(0, 16)}…`);
  if (metadata.key !== key)
    throw refuse(`was written by another configuration (key ${metadata.key?.slice(0, 12)}, expected ${key.slice(0, 12)})`);
  const step = /^(0|[1-9][0-9]*)$/.test(metadata.step) ? Number(metadata.step) : Number.NaN;
  if (!(step < steps) || step % unit !== 0)
    throw refuse(`is at step "${metadata.step}"; expected a whole number below ${steps}${unit > 1 ? `, a multiple of ${unit}` : ''}`);
  return { ...file, step };
}

/** Bytes of a header at most: names and shapes of some thousand tensors. */
const MOST_HEADER = 2 ** 24;

/** The step that the checkpoint in a stage's folder says it is at, which is read from its header alone; undefined where none can be read. */
export function checkpointStep(folder: string): string | undefined {
  return attempt(() => {
    const file = openSync(join(folder, CHECKPOINT), 'r');
    try {
      // Safetensors: the length of the header in eight bytes, and the header, which is JSON.
      const length = Buffer.alloc(8);
      readSync(file, length);
      const header = Buffer.alloc(Math.min(MOST_HEADER, Number(length.readBigUInt64LE())));
      readSync(file, header);
      const { step } = JSON.parse(header.toString()).__metadata__;
      return /^\d+$/.test(step) ? String(step) : undefined;
    } finally {
      closeSync(file);
    }
  });
}

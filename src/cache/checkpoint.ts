/** @file Weights and training checkpoints on disk, in the safetensors format. */

import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { decodeSafetensors, encodeSafetensors, type SafetensorsFile, type Shape, type StoredTensor, sizeOf } from '../engine/index.ts';
import { attempt, CadenzaError } from '../util/errors.ts';
import { readBytes, sha256, writeFileAtomic } from '../util/files.ts';

/** Weights of a finished training stage. */
export const MODEL_FILE = 'model.safetensors';

export type NamedShape = { readonly name: string; readonly shape: Shape };

/** Named tensors as flat vectors. */
export type Weights = Map<string, Float32Array>;

/** Writes tensors atomically: an earlier file stays intact until the new one is complete. Throws `E_DISK` if writing fails. */
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

/** Reads the named tensors. Throws `E_CHECKPOINT` with the first one that is missing or has another shape. */
export const loadWeights = (path: string, wanted: readonly NamedShape[]): Weights => weightsFrom(path, loadTensors(path), wanted);

/** The same from a loaded file, in which all names have a prefix. */
export function weightsFrom(path: string, { tensors }: SafetensorsFile, wanted: readonly NamedShape[], prefix = ''): Weights {
  const weights: Weights = new Map();
  for (const { name, shape } of wanted) {
    const found = tensors.get(prefix + name);
    const same = found && found.shape.length === shape.length && found.shape.every((n, i) => n === shape[i]);
    if (!found || !same || !(found.data instanceof Float32Array) || found.data.length !== sizeOf(shape))
      throw new CadenzaError(
        'E_CHECKPOINT',
        `${path}: expected "${prefix}${name}" of shape [${shape.join(', ')}], found ${found ? `shape [${found.shape.join(', ')}]` : 'no such tensor'}. The file belongs to a model of another size. Use the configuration with which it was trained, or delete its folder and train again.`,
      );
    weights.set(name, found.data);
  }
  return weights;
}

/** File in which a training stage saves its state until it is finished. */
export const CHECKPOINT = 'checkpoint.safetensors';

/** The state of an unfinished training stage. */
export interface Checkpoint {
  readonly key: string;
  /** Number of finished steps. */
  readonly step: number;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Writes a checkpoint with a hash of its content. Throws `E_DISK` if writing fails. */
export function saveCheckpoint(path: string, { tensors, key, step }: Checkpoint): void {
  const metadata = { key, step: String(step) };
  saveTensors(path, tensors, { ...metadata, sha256: contentHash({ tensors, metadata }) });
}

/** Hash of the content. The encoding is canonical, so equal contents have equal hashes. */
const contentHash = ({ tensors, metadata }: { tensors: Checkpoint['tensors']; metadata: Record<string, string> }) =>
  sha256(encodeSafetensors(tensors, metadata));

export interface CheckpointRequest {
  readonly key: string;
  /** Total number of training steps. */
  readonly steps: number;
  /** A checkpoint must be at a multiple of this number of steps. */
  readonly unit: number;
}

/**
 * Reads the checkpoint of a stage.
 *
 * @throws `E_CHECKPOINT` if it was modified or truncated, belongs to another stage, or is at a step from which training cannot resume.
 */
export function loadCheckpoint(path: string, { key, steps, unit }: CheckpointRequest): SafetensorsFile & { readonly step: number } {
  const file = loadTensors(path);
  const { sha256: expected, ...metadata } = file.metadata;
  const refuse = (reason: string) =>
    new CadenzaError('E_CHECKPOINT', `${path} ${reason}. Delete it and run the same command again to restart this stage.`);
  if (expected === undefined) throw refuse('has no hash of its content: it was written by an earlier version of cadenza, or modified');
  const found = contentHash({ tensors: file.tensors, metadata });
  if (found !== expected)
    throw refuse(`was modified after it was written: expected SHA-256 ${expected.slice(0, 16)}…, found ${found.slice(0, 16)}…`);
  if (metadata.key !== key)
    throw refuse(`was written by another configuration (key ${metadata.key?.slice(0, 12)}, expected ${key.slice(0, 12)})`);
  const step = /^(0|[1-9][0-9]*)$/.test(metadata.step) ? Number(metadata.step) : Number.NaN;
  if (!(step < steps) || step % unit !== 0)
    throw refuse(`is at step "${metadata.step}"; expected an integer below ${steps}${unit > 1 ? `, a multiple of ${unit}` : ''}`);
  return { ...file, step };
}

/** Maximum size of a header in bytes, enough for several thousand tensors. */
const MOST_HEADER = 2 ** 24;

/** The step of the checkpoint in a stage's folder, read from its header; undefined if there is none or it is not readable. */
export function checkpointStep(folder: string): string | undefined {
  return attempt(() => {
    const file = openSync(join(folder, CHECKPOINT), 'r');
    try {
      // Safetensors starts with the header length in eight bytes, then the header as JSON.
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

/** @file What training changes, in memory and as a checkpoint: the parameters, the optimizer's moments and the buffers, each packed in a vector. */

import { existsSync } from 'node:fs';
import { type CheckpointRequest, loadCheckpoint, saveCheckpoint, type Weights, weightsFrom } from '../cache/checkpoint.ts';
import { type HostTensor, type StoredTensor, sizeOf, zeros } from '../engine/index.ts';
import { BUFFERS, PARAMETERS, type Packing, pack, unpack } from '../optim/index.ts';

type Vectors = Record<string, HostTensor>;

const dataOf = (vectors: Vectors, name: string) => vectors[name].data as Float32Array;

export class TrainingState {
  /** Of the checkpoint. */
  readonly path: string;
  /** Names that a step gives the next state by. */
  readonly outputs: readonly string[];
  readonly #layouts: Readonly<Record<string, Packing>>;
  #current: Vectors;
  #next: Vectors;

  /** @param given the first value of every parameter and buffer. */
  constructor(path: string, layouts: Readonly<Record<string, Packing>>, given: ReadonlyMap<string, Float32Array>) {
    const vectors = () => Object.fromEntries(Object.entries(layouts).map(([name, { size }]) => [name, zeros([size])]));
    this.path = path;
    this.#layouts = layouts;
    this.outputs = Object.keys(layouts).map(name => `next.${name}`);
    [this.#current, this.#next] = [vectors(), vectors()];
    for (const name of this.#trained) pack(layouts[name], given, dataOf(this.#current, name));
  }

  /** The vectors that a step reads; only valid until the next one. */
  get current(): Readonly<Vectors> {
    return this.#current;
  }

  /** The vectors that a step may write, by the names of its outputs. */
  get next(): Vectors {
    return Object.fromEntries(Object.entries(this.#next).map(([name, vector]) => [`next.${name}`, vector]));
  }

  /** Takes over what a step gave; what it read is written by the next. */
  advance(result: Readonly<Vectors>): void {
    const written = Object.fromEntries(Object.keys(this.#layouts).map(name => [name, result[`next.${name}`]]));
    [this.#current, this.#next] = [written, this.#current];
  }

  /** The name of a vector that has other than finite numbers, if one has. */
  notFinite(): string | undefined {
    return Object.keys(this.#layouts).find(name => !dataOf(this.#current, name).every(Number.isFinite));
  }

  /** The parameters and the buffers by name. */
  weights(): Weights {
    return new Map(this.#trained.flatMap(name => [...unpack(this.#layouts[name], dataOf(this.#current, name))]));
  }

  /** Whether there is a checkpoint. */
  get saved(): boolean {
    return existsSync(this.path);
  }

  save(at: { readonly key: string; readonly step: number }): void {
    const tensors = new Map<string, StoredTensor>();
    for (const [slot, { entries }] of Object.entries(this.#layouts))
      for (const { name, shape, offset } of entries)
        tensors.set(`${slot}/${name}`, { data: dataOf(this.#current, slot).subarray(offset, offset + sizeOf(shape)), shape });
    saveCheckpoint(this.path, { ...at, tensors });
  }

  /** Goes on from the checkpoint, if there is one, and gives the number of steps behind it. Throws as `loadCheckpoint` does. */
  restore(request: CheckpointRequest): number {
    if (!this.saved) return 0;
    const file = loadCheckpoint(this.path, request);
    for (const [slot, layout] of Object.entries(this.#layouts))
      pack(layout, weightsFrom(this.path, file, layout.entries, `${slot}/`), dataOf(this.#current, slot));
    return file.step;
  }

  get #trained(): string[] {
    return [PARAMETERS, BUFFERS].filter(name => name in this.#layouts);
  }
}

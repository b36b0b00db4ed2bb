/** @file What training changes, in memory and as a checkpoint: the parameters, the optimizer's moments and the buffers, each packed in a vector. */

import { existsSync } from 'node:fs';
import { type CheckpointRequest, loadCheckpoint, saveCheckpoint, type Weights, weightsFrom } from '../cache/checkpoint.ts';
import { type HostTensor, type StoredTensor, sizeOf, zeros } from '../engine/index.ts';
import { BUFFERS, PARAMETERS, type Packing, pack, type TrainedState, unpack } from '../optim/index.ts';

/** The state with its checkpoint at `path`; `given` has the first value of every parameter and buffer. */
export function trainingState(path: string, layouts: Readonly<Record<string, Packing>>, given: ReadonlyMap<string, Float32Array>) {
  const slots = Object.entries(layouts);
  const trained = [PARAMETERS, BUFFERS].filter(name => name in layouts);
  const vectors = () => Object.fromEntries(slots.map(([name, { size }]) => [name, zeros([size])]));
  let [current, next]: TrainedState[] = [vectors(), vectors()];
  const dataOf = (name: string) => current[name].data as Float32Array;
  for (const name of trained) pack(layouts[name], given, dataOf(name));
  return {
    path,
    saved: () => existsSync(path),
    /** The vectors that a step reads; only valid until the next one. */
    current: () => current,
    /** The vectors that a step may write, by the names of its outputs. */
    next: () => Object.fromEntries(slots.map(([name]) => [`next.${name}`, next[name]])),
    /** Takes over what a step gave; what it read is written by the next. */
    advance(result: Readonly<Record<string, HostTensor>>): void {
      [current, next] = [Object.fromEntries(slots.map(([name]) => [name, result[`next.${name}`]])), current];
    },
    /** The name of a vector that has other than finite numbers, if one has. */
    notFinite: () => Object.keys(layouts).find(name => !dataOf(name).every(Number.isFinite)),
    /** The parameters and the buffers by name. */
    weights: (): Weights => new Map(trained.flatMap(name => [...unpack(layouts[name], dataOf(name))])),
    save(at: { readonly key: string; readonly step: number }): void {
      const tensors = new Map<string, StoredTensor>();
      for (const [slot, { entries }] of slots)
        for (const { name, shape, offset } of entries)
          tensors.set(`${slot}/${name}`, { data: dataOf(slot).subarray(offset, offset + sizeOf(shape)), shape });
      saveCheckpoint(path, { ...at, tensors });
    },
    /** Goes on from the checkpoint, if there is one, and gives the number of steps behind it. Throws as `loadCheckpoint` does. */
    restore(request: CheckpointRequest): number {
      if (!existsSync(path)) return 0;
      const file = loadCheckpoint(path, request);
      for (const [slot, layout] of slots) pack(layout, weightsFrom(path, file, layout.entries, `${slot}/`), dataOf(slot));
      return file.step;
    },
  };
}

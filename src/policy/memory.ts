/**
 * @file What a policy at work keeps of the past: the transitions that a context may still hold, Z of every environment, and what is looked up by it.
 * Shape key: M latents, D width, K retrieved contexts.
 */

import { type HostTensor, sizeOf, zeros } from '../engine/index.ts';
import { TransitionColumns } from '../rl/index.ts';
import { type ContextShape, pastFrom, type Tokenizer } from '../tokenizers/index.ts';
import { type CompressProgram, contextEncoder } from './context-encoder.ts';

/** What makes Z. */
export interface MemoryModel {
  readonly tokenizer: Tokenizer;
  /** What of the past the compressor sees. */
  readonly context: ContextShape;
  /** Absent when the model carries nothing between segments. */
  readonly compress?: CompressProgram;
  /** In its place: Z [size, M, D] that the environments keep, whatever happens there. */
  readonly given?: HostTensor;
  /** What is looked up beside the own Z; goes with `compress`. */
  readonly retrieve?: Retriever;
}

/** Looks up contexts by the own Z, whenever that changed. */
export interface Retriever {
  /** Contexts that are shown at most (K). */
  readonly contexts: number;
  /** Codes of a Z, where contexts are looked up by them. */
  readonly codes?: number;
  /** Fills what environment `i` is shown: the latents [K · M · D] of the contexts found, and which slots hold one [K]. Both come as zeros. */
  lookUp(i: number, own: { latents: Float32Array; codes?: Uint16Array }, into: { latents: Float32Array; present: Float32Array }): void;
}

/** The transitions of one environment that may still be needed, oldest first. */
export class TransitionLog extends TransitionColumns {
  /** First transition of every segment that has ended, and the end of the last. */
  starts = [0];

  /** Ends the running segment, and forgets what no context of this shape will hold. */
  endSegment(shape: ContextShape): void {
    const surplus = pastFrom(shape, this, this.starts, this.starts.push(this.length) - 1);
    if (surplus === 0) return;
    this.drop(surplus);
    this.starts = [0, ...this.starts.filter(start => start > surplus).map(start => start - surplus)];
  }
}

/** Z of `size` environments, compressed when it is next needed, and the contexts that are found by it. */
export function latentMemory({ tokenizer, context, compress, given, retrieve }: MemoryModel, size: number) {
  const latents = given ?? (compress && zeros([size, ...compress.latentShape]));
  const latentRow = compress ? sizeOf(compress.latentShape) : 0;
  const encode = compress && contextEncoder(tokenizer, context, compress);
  /** What each environment carries from segment to segment. */
  const carried = compress?.carries ? new Float32Array(size * latentRow) : undefined;
  const codes = retrieve?.codes ? new Uint16Array(size * retrieve.codes) : undefined;
  const K = retrieve?.contexts ?? 0;
  const retrieved = retrieve && compress && zeros([size, K, ...compress.latentShape]);
  const present = retrieved && zeros([size, K]);
  /** Environments whose Z is out of date, because a segment ended there, and those where nothing was looked up by the present one. */
  let [stale, unsought]: number[][] = [[], []];

  const row = <T extends Float32Array | Uint16Array>(values: T, i: number) =>
    values.subarray((values.length / size) * i, (values.length / size) * (i + 1)) as T;
  const rowOf = ({ data }: HostTensor, i: number) => row(data as Float32Array, i);
  return {
    /** Inputs of the graph that acts. */
    feeds: { ...(latents ? { latents } : {}), ...(retrieved && present ? { retrieved, present } : {}) },
    reset(): void {
      if (!given) latents?.data.fill(0);
      carried?.fill(0);
      codes?.fill(0);
      unsought = Array.from({ length: size }, (_, i) => i);
      // Before anything happened a recurrent Z is zeros.
      stale = carried ? [] : [...unsought];
    },
    endSegment(i: number): void {
      stale.push(i);
      unsought.push(i);
    },
    /** Compresses what is out of date, and looks up by what changed. */
    async refresh(logs: readonly TransitionLog[]): Promise<void> {
      if (latents && encode)
        await encode(
          stale.map(i => ({
            past: logs[i],
            starts: logs[i].starts,
            count: logs[i].starts.length - 1,
            latents: rowOf(latents, i),
            carried: carried && row(carried, i),
            codes: codes && row(codes, i),
          })),
        );
      if (latents && retrieve && retrieved && present)
        for (const i of unsought) {
          const into = { latents: rowOf(retrieved, i), present: rowOf(present, i) };
          for (const values of Object.values(into)) values.fill(0);
          retrieve.lookUp(i, { latents: rowOf(latents, i), codes: codes && row(codes, i) }, into);
        }
      [stale, unsought] = [[], []];
    },
  };
}

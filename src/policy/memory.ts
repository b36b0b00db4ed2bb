/**
 * @file What a policy at work keeps of the past: the transitions that a context may still hold, Z of every environment, and what is looked up by it;
 * and C_θ at work, which writes what contexts hold of their pasts and compresses them, several in one call of the graph.
 * Shape key: C contexts of one call, N context tokens, F features, M latents, D width, G codes of a latent, K retrieved contexts.
 */

import { type HostTensor, type Program, sizeOf, zeros } from '../engine/index.ts';
import { TransitionColumns } from '../rl/index.ts';
import { type ContextShape, pastFrom, type Tokenizer, type Transitions, writePast } from '../tokenizers/index.ts';

/**
 * `context` [C, N, F] → `latents` [C, M, D] for C contexts at a time. With `recurrent`, `context` is one segment and `state` [C, M, D] what was
 * carried so far, zeros at first; `next` is what is carried on, of which `latents` is what the policy sees.
 */
export interface CompressProgram {
  readonly program: Program;
  readonly batch: number;
  readonly latentShape: readonly number[];
  readonly recurrent?: boolean;
  /** Takes the codes [contexts, M, G] of every compression, of a model that makes `codes` beside its latents. */
  readonly onCodes?: (codes: ArrayLike<number>) => void;
}

/** One context to compress, and where what is made of it goes. */
export interface ContextSlot {
  readonly past: Transitions;
  /** Segment i of the past is [starts[i], starts[i + 1]); the first `count` are over. */
  readonly starts: ArrayLike<number>;
  readonly count: number;
  /** [M · D] */
  readonly latents: Float32Array;
  /** [M · D] what is carried: read, and replaced by what is carried on. */
  readonly carried?: Float32Array;
  /** [M · G] */
  readonly codes?: Uint16Array;
}

/** Compresses contexts of one shape. The slots' order changes nothing in what is made of each. */
export function contextEncoder(
  tokenizer: Tokenizer,
  shape: ContextShape,
  { program, batch, latentShape, recurrent, onCodes }: CompressProgram,
): (slots: readonly ContextSlot[]) => Promise<void> {
  const context = zeros([batch, shape.contextTransitions * tokenizer.tokensPerTransition, tokenizer.context.width]);
  const contextRow = context.data.length / batch;
  const latents = zeros([batch, ...latentShape]);
  const row = sizeOf(latentShape);
  const state = recurrent ? zeros([batch, ...latentShape]) : undefined;
  const feeds: { [name: string]: HostTensor } = state ? { context, state } : { context };
  return async slots => {
    for (let at = 0; at < slots.length; at += batch) {
      const chunk = slots.slice(at, at + batch);
      context.data.fill(0);
      for (const [c, { past, starts, count, carried }] of chunk.entries()) {
        writePast(tokenizer, context.data as Float32Array, c * contextRow, shape, past, starts, count);
        state?.data.set(carried!, c * row);
      }
      const coded = onCodes !== undefined || chunk.some(({ codes }) => codes);
      const wanted = ['latents', ...(state ? ['next'] : []), ...(coded ? ['codes'] : [])];
      const made = await program.run(feeds, wanted, { latents });
      const codeRow = coded ? made.codes.data.length / batch : 0;
      onCodes?.(made.codes.data.subarray(0, codeRow * chunk.length));
      const part = ({ data }: HostTensor, c: number, width: number) => data.subarray(c * width, (c + 1) * width);
      for (const [c, slot] of chunk.entries()) {
        slot.latents.set(part(made.latents, c, row));
        if (state) slot.carried!.set(part(made.next, c, row));
        slot.codes?.set(part(made.codes, c, codeRow));
      }
    }
  };
}

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
  const carried = compress?.recurrent ? new Float32Array(size * latentRow) : undefined;
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

/**
 * @file The memory of an acting policy: the transitions that a context may still need, Z of every environment, and the contexts retrieved
 * by Z. Also runs C_θ: writes past transitions into contexts and compresses several in one call of the graph. Shape key: C contexts of one
 * call, N context tokens, F features, M latents, D width, G codes of a latent, K retrieved contexts.
 */

import { type HostTensor, type Program, sizeOf, zeros } from '../engine/index.ts';
import { TransitionColumns } from '../rl/index.ts';
import { type ContextShape, pastFrom, type Tokenizer, type Transitions, writePast } from '../tokenizers/index.ts';

/**
 * Compiled compress.onnx. `context` [C, N, F] → `latents` [C, M, D] for C contexts at a time. With `recurrent`, `context` is one segment
 * and `state` [C, M, D] is the state so far, zeros at first; the output `next` is the next state, and `latents` is what the policy sees of
 * it.
 */
export interface CompressProgram {
  /** The compiled graph. */
  readonly program: Program;
  /** Number of contexts per call (C). */
  readonly batch: number;
  /** [M, D] of Z. */
  readonly latentShape: readonly number[];
  /** Whether it updates a state, segment by segment. */
  readonly recurrent?: boolean;
  /** Receives the codes [contexts, M, G] of every compression, if the model outputs `codes`. */
  readonly onCodes?: (codes: ArrayLike<number>) => void;
}

/** One context to compress, and where the results go. */
export interface ContextSlot {
  /** The transitions so far. */
  readonly past: Transitions;
  /** Segment i of the past is [starts[i], starts[i + 1]); the first `count` are complete. */
  readonly starts: ArrayLike<number>;
  readonly count: number;
  /** [M · D] output. */
  readonly latents: Float32Array;
  /** [M · D] recurrent state: read, then replaced by the next one. */
  readonly carried?: Float32Array;
  /** [M · G] output, if the model has codes. */
  readonly codes?: Uint16Array;
}

/** Compresses contexts of one shape. The order of the slots does not affect the results. */
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

/** What computes Z. */
export interface MemoryModel {
  /** Writes transitions as tokens. */
  readonly tokenizer: Tokenizer;
  /** Which past transitions the compressor sees, and how they are arranged. */
  readonly context: ContextShape;
  /** Absent if the model carries nothing between segments. */
  readonly compress?: CompressProgram;
  /** Instead of `compress`: a fixed Z [size, M, D] for the environments. */
  readonly given?: HostTensor;
  /** Retrieves contexts by Z; needs `compress`. */
  readonly retrieve?: Retriever;
}

/** Looks up contexts by an environment's Z, whenever it changes. */
export interface Retriever {
  /** Maximum number of retrieved contexts (K). */
  readonly contexts: number;
  /** Number of codes of a Z, if contexts are looked up by codes. */
  readonly codes?: number;
  /** Retrieves contexts for environment `i`: fills the latents [K · M · D] and which slots are used [K]. Both start as zeros. */
  lookUp(i: number, own: { latents: Float32Array; codes?: Uint16Array }, into: { latents: Float32Array; present: Float32Array }): void;
}

/** The transitions of one environment that may still be needed, oldest first. */
export class TransitionLog extends TransitionColumns {
  /** First transition of every complete segment, and the end of the last. */
  starts = [0];

  /** Ends the running segment, and drops what no context of this shape will hold. */
  endSegment(shape: ContextShape): void {
    const surplus = pastFrom(shape, this, this.starts, this.starts.push(this.length) - 1);
    if (surplus === 0) return;
    this.drop(surplus);
    this.starts = [0, ...this.starts.filter(start => start > surplus).map(start => start - surplus)];
  }
}

/** Z of `size` environments, compressed when it is next needed, and the contexts retrieved by it. */
export function latentMemory({ tokenizer, context, compress, given, retrieve }: MemoryModel, size: number) {
  const latents = given ?? (compress && zeros([size, ...compress.latentShape]));
  const latentRow = compress ? sizeOf(compress.latentShape) : 0;
  const encode = compress && contextEncoder(tokenizer, context, compress);
  /** The recurrent state of each environment. */
  const carried = compress?.recurrent ? new Float32Array(size * latentRow) : undefined;
  const codes = retrieve?.codes ? new Uint16Array(size * retrieve.codes) : undefined;
  const K = retrieve?.contexts ?? 0;
  const retrieved = retrieve && compress && zeros([size, K, ...compress.latentShape]);
  const present = retrieved && zeros([size, K]);
  /** Environments whose Z is out of date because a segment ended, and those whose retrieval is out of date. */
  let [stale, unretrieved]: number[][] = [[], []];

  const row = <T extends Float32Array | Uint16Array>(values: T, i: number) =>
    values.subarray((values.length / size) * i, (values.length / size) * (i + 1)) as T;
  const rowOf = ({ data }: HostTensor, i: number) => row(data as Float32Array, i);
  return {
    /** Inputs of the acting graph. */
    feeds: { ...(latents ? { latents } : {}), ...(retrieved && present ? { retrieved, present } : {}) },
    reset(): void {
      if (!given) latents?.data.fill(0);
      carried?.fill(0);
      codes?.fill(0);
      unretrieved = Array.from({ length: size }, (_, i) => i);
      // Before anything happened, a recurrent Z is zeros.
      stale = carried ? [] : [...unretrieved];
    },
    endSegment(i: number): void {
      stale.push(i);
      unretrieved.push(i);
    },
    /** Compresses what is out of date, and retrieves for changed Z. */
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
        for (const i of unretrieved) {
          const into = { latents: rowOf(retrieved, i), present: rowOf(present, i) };
          for (const values of Object.values(into)) values.fill(0);
          retrieve.lookUp(i, { latents: rowOf(latents, i), codes: codes && row(codes, i) }, into);
        }
      [stale, unretrieved] = [[], []];
    },
  };
}

/**
 * @file The memory of an acting policy: the transitions that a context may still need, Z of every environment, and the contexts retrieved
 * by Z. Also runs C_θ: writes past transitions into contexts and compresses several in one call of the graph. Shape key: C contexts of one
 * call, N context tokens, F features, M latents, D width, G codes of a latent, K retrieved contexts, R segments of a context, L tokens of a segment.
 */

import { type HostTensor, type Program, sizeOf, zeros } from '../engine/index.ts';
import { TransitionColumns, type Transitions } from '../rl/index.ts';
import { type ContextShape, inSlots, pastFrom, type Tokenizer, writeContext, writePast } from '../tokenizers/index.ts';

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
  /** Number of codes of a Z (M · G), if the model outputs `codes` that environments are to carry. */
  readonly codes?: number;
  /** Whether it updates a state, segment by segment. */
  readonly recurrent?: boolean;
  /**
   * Compiled encode.onnx, for as many segments per call: `segment` [C, L, F] → `encoded` [C, ..part]. `program` is summarize.onnx then, which
   * reads `encoded` [C, R, ..part] in place of `context`, so that every segment is encoded once.
   */
  readonly encode?: { readonly program: Program; readonly part: readonly number[] };
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
  /** The encodings of its segments, as far as they are known; with `CompressProgram.encode`, new ones are added. */
  readonly encoded?: (Float32Array | undefined)[];
  /** [M · G] output, if the model has codes. */
  readonly codes?: Uint16Array;
}

/** The input that contexts are written to, before the graph runs. */
interface ContextInput {
  readonly feeds: Readonly<Record<string, HostTensor>>;
  /** Writes the contexts of up to C slots. */
  write(slots: readonly ContextSlot[]): Promise<void>;
  /** Forgets what depends on weights. */
  reset?(): void;
}

/** Raw transitions as `context`. */
function rawContexts(tokenizer: Tokenizer, shape: ContextShape, batch: number): ContextInput {
  const context = zeros([batch, shape.contextTransitions * tokenizer.tokensPerTransition, tokenizer.context.width]);
  const contextRow = context.data.length / batch;
  return {
    feeds: { context },
    async write(slots) {
      context.data.fill(0);
      for (const [c, { past, starts, count }] of slots.entries())
        writePast(tokenizer, context.data as Float32Array, c * contextRow, shape, past, starts, count);
    },
  };
}

/** Encoded segments as `encoded`; a slot without `encoded` has all its segments encoded. */
function encodedContexts(
  tokenizer: Tokenizer,
  shape: ContextShape,
  { batch, encode: { program, part } }: { readonly batch: number; readonly encode: NonNullable<CompressProgram['encode']> },
): ContextInput {
  const [R, L] = [shape.contextTransitions / shape.segment, shape.segment * tokenizer.tokensPerTransition];
  const W = sizeOf(part);
  const segment = zeros([batch, L, tokenizer.context.width]);
  const segmentRow = segment.data.length / batch;
  const encoded = zeros([batch, R, ...part]);
  /** An empty slot: the encoding of absent tokens. */
  let empty: Float32Array | undefined;

  type Write = (out: Float32Array, row: number) => void;
  const encodeAll = async (writes: readonly Write[]) => {
    const found: Float32Array[] = [];
    for (let at = 0; at < writes.length; at += batch) {
      const chunk = writes.slice(at, at + batch);
      segment.data.fill(0);
      for (const [c, write] of chunk.entries()) write(segment.data as Float32Array, c * segmentRow);
      const { data } = (await program.run({ segment }, ['encoded'])).encoded;
      for (let c = 0; c < chunk.length; c++) found.push((data as Float32Array).slice(c * W, (c + 1) * W));
    }
    return found;
  };

  return {
    feeds: { encoded },
    reset() {
      empty = undefined;
    },
    async write(slots) {
      const contexts = slots.map(({ past, starts, count, encoded: known = [] }) => {
        const held = inSlots(shape, past, starts, count);
        // What no later context holds.
        for (const s of known.keys()) if (!held.includes(s)) known[s] = undefined;
        return { past, starts, known, held };
      });
      empty ??= contexts.some(({ held }) => held.length < R) ? (await encodeAll([() => {}]))[0] : undefined;
      const missing = contexts.flatMap(context => context.held.filter(s => !context.known[s]).map(s => ({ ...context, s })));
      const made = await encodeAll(
        missing.map(
          ({ past, starts, s }) =>
            (out, row) =>
              writeContext(tokenizer, out, row, shape.segment, past, starts[s], starts[s + 1]),
        ),
      );
      for (const [n, { known, s }] of missing.entries()) known[s] = made[n];
      for (const [c, { known, held }] of contexts.entries())
        for (let r = 0; r < R; r++) {
          const s = held[r - (R - held.length)];
          encoded.data.set((s === undefined ? empty : known[s])!, (c * R + r) * W);
        }
    },
  };
}

/** Compresses contexts of one shape. */
export interface ContextEncoder {
  /** Compresses the contexts of slots, whose order does not affect the results. */
  (slots: readonly ContextSlot[]): Promise<void>;
  /** Forgets what depends on weights that may have changed. */
  reset(): void;
}

/** Opens a compressor for contexts of one shape. */
export function contextEncoder(tokenizer: Tokenizer, shape: ContextShape, compress: CompressProgram): ContextEncoder {
  const { program, batch, latentShape, recurrent, onCodes, encode } = compress;
  const input = encode ? encodedContexts(tokenizer, shape, { batch, encode }) : rawContexts(tokenizer, shape, batch);
  const latents = zeros([batch, ...latentShape]);
  const row = sizeOf(latentShape);
  const state = recurrent ? zeros([batch, ...latentShape]) : undefined;
  const feeds: { [name: string]: HostTensor } = state ? { ...input.feeds, state } : { ...input.feeds };
  const compressAll = async (slots: readonly ContextSlot[]) => {
    for (let at = 0; at < slots.length; at += batch) {
      const chunk = slots.slice(at, at + batch);
      await input.write(chunk);
      for (const [c, { carried }] of chunk.entries()) state?.data.set(carried!, c * row);
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
  return Object.assign(compressAll, { reset: () => input.reset?.() });
}

/** What an environment carries between segments. */
export interface Carried {
  /** [M · D] Z. */
  readonly latents: Float32Array;
  /** [M · D] the state of a recurrent compressor. */
  readonly state?: Float32Array;
  /** [M · G] the codes of a discrete Z, once it has been compressed. */
  readonly codes?: Uint16Array;
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
  /** Encodings of the complete segments, as far as they are known. */
  encoded: (Float32Array | undefined)[] = [];

  /** Ends the running segment, and drops what no context of this shape will hold. */
  endSegment(shape: ContextShape): void {
    const surplus = pastFrom(shape, this, this.starts, this.starts.push(this.length) - 1);
    if (surplus === 0) return;
    this.drop(surplus);
    const left = this.starts.filter(start => start > surplus).map(start => start - surplus);
    this.encoded = this.encoded.slice(this.starts.length - 1 - left.length);
    this.starts = [0, ...left];
  }
}

/** Z of `size` environments, compressed when it is next needed, and the contexts retrieved by it. */
export function latentMemory({ tokenizer, context, compress, given, retrieve }: MemoryModel, size: number) {
  const latents = given ?? (compress && zeros([size, ...compress.latentShape]));
  const latentRow = compress ? sizeOf(compress.latentShape) : 0;
  const encode = compress && contextEncoder(tokenizer, context, compress);
  /** The recurrent state of each environment. */
  const carried = compress?.recurrent ? new Float32Array(size * latentRow) : undefined;
  const coded = compress?.codes ?? retrieve?.codes;
  const codes = coded ? new Uint16Array(size * coded) : undefined;
  /** Environments whose codes are those of their Z. */
  const compressed = new Set<number>();
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
      encode?.reset();
      carried?.fill(0);
      codes?.fill(0);
      compressed.clear();
      unretrieved = Array.from({ length: size }, (_, i) => i);
      // Before anything happened, a recurrent Z is zeros.
      stale = carried ? [] : [...unretrieved];
    },
    /** As `reset`, for environment i. */
    forget(i: number): void {
      if (!given && latents) rowOf(latents, i).fill(0);
      if (carried) row(carried, i).fill(0);
      if (codes) row(codes, i).fill(0);
      compressed.delete(i);
      const others = (list: readonly number[]) => list.filter(each => each !== i);
      unretrieved = [...others(unretrieved), i];
      stale = carried ? others(stale) : [...others(stale), i];
    },
    endSegment(i: number): void {
      stale.push(i);
      unretrieved.push(i);
    },
    /** Copies of what environment i carries; undefined if nothing is. */
    read(i: number): Carried | undefined {
      if (given || !latents) return undefined;
      return {
        latents: rowOf(latents, i).slice(),
        state: carried && row(carried, i).slice(),
        codes: codes && compressed.has(i) ? row(codes, i).slice() : undefined,
      };
    },
    /** Replaces what environment i carries, until the next segment ends. */
    write(i: number, { latents: values, state, codes: given }: Carried): void {
      compressed.delete(i);
      if (codes && given) {
        row(codes, i).set(given);
        compressed.add(i);
      }
      if (latents) rowOf(latents, i).set(values);
      if (carried) row(carried, i).set(state ?? values);
      stale = stale.filter(each => each !== i);
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
            encoded: logs[i].encoded,
            codes: codes && row(codes, i),
          })),
        );
      for (const i of stale) compressed.add(i);
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

/**
 * @file C_θ at work: writes what contexts hold of their pasts and compresses them, several in one call of the graph.
 * Shape key: C contexts of one call, N context tokens, F features, M latents, D width, G codes of a latent.
 */

import { type HostTensor, type Program, sizeOf, zeros } from '../engine/index.ts';
import { type ContextShape, type Tokenizer, type Transitions, writePast } from '../tokenizers/index.ts';

/**
 * `context` [C, N, F] → `latents` [C, M, D] for C contexts at a time. With `carries`, `context` is one segment and `state` [C, M, D] what was
 * carried so far, zeros at first; `next` is what is carried on, of which `latents` is what the policy sees.
 */
export interface CompressProgram {
  readonly program: Program;
  readonly batch: number;
  readonly latentShape: readonly number[];
  readonly carries?: boolean;
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
  { program, batch, latentShape, carries, onCodes }: CompressProgram,
): (slots: readonly ContextSlot[]) => Promise<void> {
  const context = zeros([batch, shape.contextTransitions * tokenizer.tokensPerTransition, tokenizer.context.width]);
  const contextRow = context.data.length / batch;
  const latents = zeros([batch, ...latentShape]);
  const row = sizeOf(latentShape);
  const state = carries ? zeros([batch, ...latentShape]) : undefined;
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

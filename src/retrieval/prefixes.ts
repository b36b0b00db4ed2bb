/**
 * @file The encoder of histories: computes Z for prefixes of recorded streams, as a policy acting in the stream would have. Shape key: P
 * prefixes, M latents, D width, G codes of a latent.
 */

import { sizeOf } from '../engine/index.ts';
import { type CompressProgram, contextEncoder } from '../policy/index.ts';
import type { Transitions } from '../rl/index.ts';
import type { ContextShape, Tokenizer } from '../tokenizers/index.ts';
import { invariant } from '../util/errors.ts';

/** The compiled C_θ, with what it needs. */
export interface Compressor {
  readonly tokenizer: Tokenizer;
  readonly context: ContextShape;
  /** With the number of contexts per call. */
  readonly compress: CompressProgram;
  /** [M, G] of a context, if latents are codes. */
  readonly codes?: { readonly shape: readonly number[] };
}

/** A recorded stream: segment i is [starts[i], starts[i + 1]). */
export interface PrefixStream {
  readonly past: Transitions;
  readonly starts: ArrayLike<number>;
  /** Lengths of its prefixes in segments, ascending. */
  readonly counts: readonly number[];
}

/**
 * Compresses prefixes of streams. A recurrent compressor processes each stream from its start, all streams in parallel; its initial state
 * and Z are zeros. Returns latents [P · M · D] and codes [P · M · G] of the prefixes in the order of streams and counts. Checks `signal`
 * before every call, and calls `onProgress` with the number of encoded prefixes.
 *
 * @example const { latents } = await encodePrefixes(compressor, [{ past: history, starts: segmentStarts(history, segment), counts: [0, 1,
 * 2] }])
 */
export async function encodePrefixes(
  { tokenizer, context, compress, codes: discrete }: Compressor,
  streams: readonly PrefixStream[],
  { signal, onProgress }: { readonly signal?: AbortSignal; readonly onProgress?: (done: number) => void } = {},
) {
  const encode = contextEncoder(tokenizer, context, compress);
  const [row, codeRow] = [sizeOf(compress.latentShape), discrete ? sizeOf(discrete.shape) : 0];
  let total = 0;
  /** By stream, the rows of its prefixes by length. */
  const rows = streams.map(({ counts }) => new Map(counts.map(count => [count, total++])));
  invariant(
    streams.every(({ counts }, i) => rows[i].size === counts.length && counts.every((count, k) => k === 0 || counts[k - 1] < count)),
    'encodePrefixes: expected prefix lengths in ascending order.',
  );
  const latents = new Float32Array(total * row);
  const codes = discrete && new Uint16Array(total * codeRow);
  const states = compress.recurrent ? streams.map(() => new Float32Array(row)) : undefined;
  const passed = new Float32Array(row);
  const most = Math.max(0, ...streams.map(({ counts }) => counts.at(-1) ?? 0));
  let done = 0;
  for (let count = 0; count <= most; count++) {
    signal?.throwIfAborted();
    const here = streams.flatMap(({ past, starts, counts }, i) => {
      const to = rows[i].get(count);
      if (to !== undefined) done++;
      if (states ? count === 0 || count > (counts.at(-1) ?? 0) : to === undefined) return [];
      return {
        past,
        starts,
        count,
        latents: to === undefined ? passed : latents.subarray(to * row, (to + 1) * row),
        carried: states?.[i],
        codes: to === undefined ? undefined : codes?.subarray(to * codeRow, (to + 1) * codeRow),
      };
    });
    await encode(here);
    onProgress?.(done);
  }
  return { latents, codes };
}

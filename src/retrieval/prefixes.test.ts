import { describe, expect, it } from 'vitest';
import type { Program } from '../engine/index.ts';
import { segmentStarts } from '../rl/index.ts';
import { tokenizer } from '../tokenizers/index.ts';
import { type Compressor, encodePrefixes } from './prefixes.ts';

const family = {
  observationSpace: { kind: 'discrete', n: 3 },
  actionSpace: { kind: 'discrete', n: 2 },
  horizon: 4,
} as const;

/** So many episodes of two steps; step t is paid t + 1. */
function played(episodes: number) {
  const T = 2 * episodes;
  const zeros = new Float32Array(T);
  return {
    observation: zeros,
    nextObservation: zeros,
    action: new Int32Array(T),
    reward: Float32Array.from({ length: T }, (_, t) => t + 1),
    terminated: new Uint8Array(T),
    truncated: Uint8Array.from({ length: T }, (_, t) => t % 2),
  };
}

/** Z is the sum of what was paid in the context, and of the state where one is carried; its code is Z modulo 7. */
function summing(recurrent: boolean, calls: number[] = []): Compressor {
  const layout = tokenizer('packed', family, 'episode');
  const reward = layout.context.fields.find(field => field.reward)!.offset;
  const program: Program = {
    async run({ context, state }) {
      const [contexts, tokens, width] = context.shape;
      const latents = new Float32Array(contexts);
      for (let c = 0; c < contexts; c++) {
        latents[c] = state ? state.data[c] : 0;
        for (let n = 0; n < tokens; n++) latents[c] += context.data[(c * tokens + n) * width + reward];
      }
      calls.push(contexts);
      const tensor = { data: latents, shape: [contexts, 1, 1], dtype: 'float32' as const };
      const codes = { data: Int32Array.from(latents, z => z % 7), shape: [contexts, 1, 1], dtype: 'int32' as const };
      return { latents: tensor, next: tensor, codes };
    },
    dispose: async () => {},
  };
  const context = { contextTransitions: recurrent ? 2 : 4, segment: 2, contextLayout: recurrent ? 'segments' : 'window' } as const;
  return { tokenizer: layout, context, compress: { program, batch: 2, latentShape: [1, 1], recurrent }, codes: { shape: [1, 1] } };
}

const streamOf = (episodes: number, counts: readonly number[]) => {
  const past = played(episodes);
  return { past, starts: segmentStarts(past, 2), counts };
};

describe('encodePrefixes', () => {
  it('gives Z and codes of the prefixes that are asked for, in the order of streams and counts', async () => {
    const { latents, codes } = await encodePrefixes(summing(false), [streamOf(3, [0, 1, 3]), streamOf(1, []), streamOf(2, [2])]);
    // A context holds the last two episodes.
    expect([...latents]).toEqual([0, 1 + 2, 3 + 4 + 5 + 6, 1 + 2 + 3 + 4]);
    expect([...codes!]).toEqual([0, 3, 18 % 7, 10 % 7]);
  });

  it('leads a recurrent compressor through the whole of every stream', async () => {
    const calls: number[] = [];
    const done: number[] = [];
    const onProgress = (count: number) => void done.push(count);
    const streams = [streamOf(3, [0, 3]), streamOf(4, [1]), streamOf(2, [2])];
    const { latents } = await encodePrefixes(summing(true, calls), streams, { onProgress });
    expect([...latents]).toEqual([0, 21, 3, 10]);
    // Nothing is compressed for the empty prefix, and no stream is led further than is asked: three streams, two, and one.
    expect(calls).toHaveLength(2 + 1 + 1);
    expect(done).toEqual([1, 2, 3, 4]);
  });

  it('is stopped by its signal, and refuses prefixes in another order', async () => {
    const signal = AbortSignal.abort('enough');
    await expect(encodePrefixes(summing(true), [streamOf(2, [1])], { signal })).rejects.toBe('enough');
    await expect(encodePrefixes(summing(true), [streamOf(2, [2, 1])])).rejects.toMatchObject({ code: 'E_SHAPE' });
  });
});

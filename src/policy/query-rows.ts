/** @file The query of a policy at work: one row of tokens for each environment, with its prompt and the steps of its running segment. */

import { zeros } from '../engine/index.ts';
import type { Tokenizer, Transitions } from '../tokenizers/index.ts';
import { CadenzaError, expect } from '../util/errors.ts';

/** Rows of zeros for segments of at most `steps` steps. */
export function queryRows(tokenizer: Tokenizer, size: number, steps: number) {
  const { width } = tokenizer.query;
  const tensor = zeros([size, tokenizer.queryTokens(steps), width]);
  const data = tensor.data as Float32Array;
  const rowSize = data.length / size;
  const promptSize = (tokenizer.prompt?.tokens ?? 0) * width;
  return {
    /** [size, T, F] */
    tensor,
    reset: () => void data.fill(0),
    /** Writes what `InContextPolicy.prompt` was given, and throws as it does. */
    prompt(shown: readonly (Transitions | undefined)[]): void {
      if (!tokenizer.prompt)
        throw new CadenzaError('E_CONFIG', 'this model has no room for a prompt; train one with policy.prompt, or let it act without.');
      expect(shown.length <= size, `this policy acts in ${size} environments at once, but got prompts for ${shown.length}.`);
      for (let i = 0, row = 0; i < size; i++, row += rowSize) {
        data.fill(0, row, row + promptSize);
        const given = shown[i];
        if (given) tokenizer.prompt.write(data, row, given);
      }
    },
    /** Writes what environment `i` sees at step `t` of its running segment, after its last transition. It may have been asked there before. */
    write(i: number, t: number, observation: Float32Array, { action, reward }: Pick<Transitions, 'action' | 'reward'>): void {
      const row = i * rowSize;
      const end = (t: number) => row + (tokenizer.predictionIndex(t) + 1) * width;
      // The tokens that this step adds: those after the step before it.
      data.fill(0, t > 0 ? end(t - 1) : row + promptSize, end(t));
      const last = reward.length - 1;
      const actionFrom = last < 0 ? 0 : action.length - action.length / reward.length;
      tokenizer.writeQuery(data, row, t, observation, (observation.length / size) * i, action, actionFrom, reward[last]);
    },
    endSegment: (i: number) => void data.fill(0, i * rowSize + promptSize, (i + 1) * rowSize),
  };
}

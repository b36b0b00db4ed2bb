/** @file The registry of tokenizers: each has one file and one line here. */

import { Registry } from '../util/registry.ts';
import { interleaved } from './interleaved.ts';
import type { MakeTokenizer, Tokenizer, TokenizerKind } from './layout.ts';
import { packed, packedChanges } from './packed.ts';
import { type PromptShape, prompted, stateQuery } from './prompt.ts';

export * from './batches.ts';
export * from './curriculum.ts';
export * from './embed.ts';
export * from './images.ts';
export * from './layout.ts';
export * from './prompt.ts';
export * from './statistics.ts';
export * from './streams.ts';

/** The registry of tokenizers. */
export const tokenizers = new Registry<TokenizerKind>(
  'tokenizer',
  [
    { id: 'packed', make: packed },
    { id: 'interleaved', make: interleaved },
    { id: 'packed-changes', make: packedChanges },
  ],
  { make: 'function' },
);

/** What the policy's query is: the running episode so far, or the current state only. */
export const QUERIES = ['episode', 'state'] as const;
/** Kind of query; see `QUERIES`. */
export type QueryKind = (typeof QUERIES)[number];

/**
 * Creates the tokenizer with this id for a family of tasks, optionally with room for a prompt before its query.
 *
 * @throws {CadenzaError} `E_CONFIG` for an unknown id.
 * @example tokenizer('packed', environment('dark-room')).tokensPerTransition // 1
 */
export function tokenizer(id: string, family: Parameters<MakeTokenizer>[0], query: QueryKind = 'episode', prompt?: PromptShape): Tokenizer {
  const whole = tokenizers.get(id).make(family);
  const asked = query === 'state' ? stateQuery(whole) : whole;
  return prompt ? prompted(asked, whole, prompt) : asked;
}

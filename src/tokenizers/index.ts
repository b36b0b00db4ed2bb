/** @file The registry of tokenizers: one file and one line each. */

import { CadenzaError } from '../util/errors.ts';
import { interleaved } from './interleaved.ts';
import type { MakeTokenizer } from './layout.ts';
import { packed } from './packed.ts';

export * from './batches.ts';
export * from './layout.ts';

export const TOKENIZERS = { packed, interleaved } as const satisfies Record<string, MakeTokenizer>;
export type TokenizerId = keyof typeof TOKENIZERS;

/** The tokenizer with this id for a family of tasks. Throws `E_CONFIG` for an unknown one. */
export function tokenizer(id: string, family: Parameters<MakeTokenizer>[0]) {
  if (!Object.hasOwn(TOKENIZERS, id))
    throw new CadenzaError('E_CONFIG', `there is no tokenizer "${id}". Choose one of: ${Object.keys(TOKENIZERS).join(', ')}.`);
  return TOKENIZERS[id as TokenizerId](family);
}

/**
 * @file The query `state`: the policy sees the current state and Z, nothing of the running episode. Every step of an episode becomes one
 * token, written as the first of an episode is (nothing came before it), and tokens do not see each other.
 *
 *   query    (s_0) (s_1) (s_2) …        the action of step t is predicted at token t
 */

import type { Tokenizer } from './layout.ts';

/** The tokenizer with its query cut to the current state; the context stays as it was. */
export const stateQuery = (tokenizer: Tokenizer): Tokenizer => ({
  ...tokenizer,
  memoryless: true,
  queryTokens: horizon => horizon,
  predictionIndex: t => t,
  writeQuery: (out, row, t, observation, from) =>
    tokenizer.writeQuery(out, row + t * tokenizer.query.width, 0, observation, from, [], 0, 0),
});

/**
 * @file Alternative queries: the current state only, and a query with a few-shot prompt (method 3: Q may be one). Demonstrations of the
 * task precede the running segment, written like segments, each in a slot of its own with its last state. The policy distinguishes them
 * from the running segment by position and a type embedding.
 *
 *   query    (s_0) (a_0 r_0 s_1) … (a_L-1 r_L-1 s_L)   …next demonstration…   (s_0) (a_0 r_0 s_1) …
 *            └─────────── prompt: k demonstrations of L steps ─────────────┘  └─ running segment ─┘
 */

import { episodeStarts, type Transitions } from '../rl/index.ts';
import { invariant } from '../util/errors.ts';
import type { Batch } from './batches.ts';
import { NO_PAST, type Tokenizer } from './layout.ts';

/** Size of a prompt. */
export interface PromptShape {
  /** Number of demonstrated episodes (k). */
  readonly episodes: number;
  /** Number of transitions of each (L); longer episodes are cut. */
  readonly length: number;
}

/**
 * The tokenizer `asked` with a prompt before its query; `whole` writes complete segments.
 *
 * @throws {CadenzaError} `E_SHAPE`, from `prompt.write`, for more episodes than there is room for.
 */
export function prompted(asked: Tokenizer, whole: Tokenizer, { episodes, length }: PromptShape): Tokenizer {
  const slot = whole.queryTokens(length + 1);
  const tokens = episodes * slot;
  const { width } = asked.query;
  return {
    ...asked,
    prompt: {
      tokens,
      write(out, row, shown) {
        const starts = episodeStarts(shown);
        const given = shown.reward.length === 0 ? 0 : starts.length - 1;
        invariant(given <= episodes, `the model takes a prompt of at most ${episodes} episodes, but got ${given}.`);
        const size = shown.observation.length / shown.reward.length;
        for (let e = 0; e < given; e++) {
          const at = row + e * slot * width;
          const end = Math.min(starts[e + 1], starts[e] + length);
          whole.writeQuery(out, at, 0, shown.observation, starts[e] * size, NO_PAST, 0);
          for (let t = starts[e]; t < end; t++) whole.writeQuery(out, at, t + 1 - starts[e], shown.nextObservation, t * size, shown, t);
        }
      },
    },
    queryTokens: steps => tokens + asked.queryTokens(steps),
    predictionIndex: t => tokens + asked.predictionIndex(t),
    writeQuery: (out, row, ...step) => asked.writeQuery(out, row + tokens * width, ...step),
  };
}

/** Writes the prompt of its history before every query of a batch; the prompt's rows must be zero. */
export function writePrompts(
  { prompt }: Tokenizer,
  { query, place }: Pick<Batch, 'query' | 'place'>,
  prompts: readonly Transitions[],
): void {
  const row = query.length / place.history.length;
  for (const [b, history] of place.history.entries()) prompt!.write(query, b * row, prompts[history]);
}

/**
 * The tokenizer with its query reduced to the current state; the context is unchanged. Every step of an episode becomes one token, written
 * like the first of an episode, and tokens do not attend to each other: query (s_0) (s_1) (s_2) …, the action of step t predicted at t.
 */
export const stateQuery = (tokenizer: Tokenizer): Tokenizer => ({
  ...tokenizer,
  stateOnly: true,
  queryTokens: horizon => horizon,
  predictionIndex: t => t,
  writeQuery: (out, row, t, observation, from) =>
    tokenizer.writeQuery(out, row + t * tokenizer.query.width, 0, observation, from, NO_PAST, 0),
});

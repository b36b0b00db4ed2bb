/**
 * @file Other queries than the running episode: its current state alone, and one behind a few-shot prompt (method 3: Q may be one): demonstrations of the task stand before the running segment, written as segments are, each
 * in a slot of its own with its last state. What tells them from the running segment is their place and a type embedding of the policy.
 *
 *   query    (s_0) (a_0 r_0 s_1) … (a_L-1 r_L-1 s_L)   …next demonstration…   (s_0) (a_0 r_0 s_1) …
 *            └─────────── prompt: k demonstrations of L steps ─────────────┘  └─ running segment ─┘
 */

import { episodeStarts } from '../rl/index.ts';
import { invariant } from '../util/errors.ts';
import type { Batch } from './batches.ts';
import type { Tokenizer, Transitions } from './layout.ts';

/** How much a prompt holds. */
export interface PromptShape {
  /** Demonstrated episodes (k). */
  readonly episodes: number;
  /** Transitions of each (L); what comes after them in a longer one is left out. */
  readonly length: number;
}

/** The tokenizer `asked` with a prompt before its query; `whole` writes segments with everything that happens in them. */
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
        invariant(given <= episodes, `the model was made for a prompt of at most ${episodes} episodes, but got ${given}.`);
        const [size, actionSize] = [shown.observation.length / shown.reward.length, shown.action.length / shown.reward.length];
        for (let e = 0; e < given; e++) {
          const at = row + e * slot * width;
          const end = Math.min(starts[e + 1], starts[e] + length);
          whole.writeQuery(out, at, 0, shown.observation, starts[e] * size, [], 0, 0);
          for (let t = starts[e]; t < end; t++)
            whole.writeQuery(out, at, t + 1 - starts[e], shown.nextObservation, t * size, shown.action, t * actionSize, shown.reward[t]);
        }
      },
    },
    queryTokens: steps => tokens + asked.queryTokens(steps),
    predictionIndex: t => tokens + asked.predictionIndex(t),
    writeQuery: (out, row, ...step) => asked.writeQuery(out, row + tokens * width, ...step),
  };
}

/** Writes the prompt of its history before every query of a batch, whose rows for it must be zero. */
export function writePrompts(
  { prompt }: Tokenizer,
  { query, place }: Pick<Batch, 'query' | 'place'>,
  prompts: readonly Transitions[],
): void {
  const row = query.length / place.history.length;
  for (const [b, history] of place.history.entries()) prompt!.write(query, b * row, prompts[history]);
}

/**
 * The tokenizer with its query cut to the current state; the context stays as it was. Every step of an episode becomes one token, written as the
 * first of an episode is (nothing came before it), and tokens do not see each other: query (s_0) (s_1) (s_2) …, the action of step t predicted at t.
 */
export const stateQuery = (tokenizer: Tokenizer): Tokenizer => ({
  ...tokenizer,
  stateOnly: true,
  queryTokens: horizon => horizon,
  predictionIndex: t => t,
  writeQuery: (out, row, t, observation, from) =>
    tokenizer.writeQuery(out, row + t * tokenizer.query.width, 0, observation, from, [], 0, 0),
});

/**
 * @file Training batches: a running episode of a history as the query, the episodes before it as the context.
 * Shape key: B batch, N context tokens, T query tokens, F features of a token, H horizon, A actions.
 */

import { episodeStarts, type History } from '../rl/index.ts';
import { expect } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import type { Tokenizer } from './layout.ts';

export interface BatchShape {
  readonly batch: number;
  /** Transitions of the context: context tokens are this many times the tokenizer's tokens a transition. */
  readonly contextTransitions: number;
  readonly horizon: number;
  readonly actions: number;
}

/** The buffers of one batch. */
export interface Batch {
  /** [B, N, F] the transitions before the query episode, the latest at the end; rows of zeros where there are none. */
  readonly context: Float32Array;
  /** [B, T, F'] */
  readonly query: Float32Array;
  /** [B, H, A] the source's action distribution at every step of the query episode. */
  readonly target: Float32Array;
  /** [B, H] 1 where the step exists. */
  readonly weight: Float32Array;
  /** Where each query episode comes from, [B] each: history, its first transition there, its length. */
  readonly place: { readonly history: Int32Array; readonly first: Int32Array; readonly length: Int32Array };
}

export function newBatch(tokenizer: Tokenizer, { batch, contextTransitions, horizon, actions }: BatchShape): Batch {
  return {
    context: new Float32Array(batch * contextTransitions * tokenizer.tokensPerTransition * tokenizer.context.width),
    query: new Float32Array(batch * tokenizer.queryTokens(horizon) * tokenizer.query.width),
    target: new Float32Array(batch * horizon * actions),
    weight: new Float32Array(batch * horizon),
    place: { history: new Int32Array(batch), first: new Int32Array(batch), length: new Int32Array(batch) },
  };
}

/** Writes the `count` transitions before `end` right-aligned into the context row that starts at `row`; the row must be zero. */
export function writeContext(
  tokenizer: Tokenizer,
  out: Float32Array,
  row: number,
  slots: number,
  history: Parameters<Tokenizer['writeTransition']>[2],
  first: number,
  end: number,
): void {
  const stride = tokenizer.tokensPerTransition * tokenizer.context.width;
  const count = Math.min(slots, end - first);
  for (let i = 0; i < count; i++) tokenizer.writeTransition(out, row + (slots - count + i) * stride, history, end - count + i);
}

/**
 * Draws batches from histories: a history uniformly, then one of its episodes. With probability `early` that is one of the first half, where
 * the learner still changes; otherwise any.
 */
export class BatchSampler {
  readonly #histories: readonly History[];
  readonly #starts: readonly Int32Array[];
  readonly #tokenizer: Tokenizer;
  readonly #shape: BatchShape;
  readonly #early: number;

  constructor(histories: readonly History[], tokenizer: Tokenizer, shape: BatchShape, early = 0) {
    expect(histories.length > 0, 'a sampler needs at least one learning history.');
    this.#histories = histories;
    this.#starts = histories.map(episodeStarts);
    this.#tokenizer = tokenizer;
    this.#shape = shape;
    this.#early = early;
  }

  /** Fills `into` with the batch that `random` stands for: equal streams give equal batches. */
  fill(into: Batch, random: Random): void {
    const { batch, contextTransitions, horizon, actions } = this.#shape;
    const tokenizer = this.#tokenizer;
    const contextRow = into.context.length / batch;
    const queryRow = into.query.length / batch;
    into.context.fill(0);
    into.query.fill(0);
    into.target.fill(0);
    into.weight.fill(0);
    for (let b = 0; b < batch; b++) {
      const h = random.integer(this.#histories.length);
      const history = this.#histories[h];
      const starts = this.#starts[h];
      const episodes = starts.length - 1;
      const e = random.integer(random.uniform() < this.#early ? Math.ceil(episodes / 2) : episodes);
      const [first, end] = [starts[e], starts[e + 1]];
      const width = history.observation.length / history.action.length;
      writeContext(tokenizer, into.context, b * contextRow, contextTransitions, history, 0, first);
      for (let t = 0; t < end - first; t++) {
        const [action, reward] = t > 0 ? [history.action[first + t - 1], history.reward[first + t - 1]] : [0, 0];
        tokenizer.writeQuery(into.query, b * queryRow, t, history.observation, (first + t) * width, action, reward);
        into.weight[b * horizon + t] = 1;
      }
      into.target.set(history.probabilities.subarray(first * actions, end * actions), b * horizon * actions);
      into.place.history[b] = h;
      into.place.first[b] = first;
      into.place.length[b] = end - first;
    }
  }
}

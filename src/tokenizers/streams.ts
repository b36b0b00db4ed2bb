/**
 * @file Batches for training through time: every row follows histories from segment to segment, from batch to batch, so that Z can be carried.
 * Shape key: B queries, G rows, Q consecutive segments of a row in a batch.
 */

import type { Random } from '../util/random.ts';
import { type Batch, type BatchSampler, type BatchShape, type SampledHistory, writeContext } from './batches.ts';
import type { Tokenizer } from './layout.ts';

/** The history that a row follows: from segment `begin` of the row on, for `length` segments. */
interface Followed {
  readonly history: SampledHistory;
  /** How many histories the row followed before. */
  readonly index: number;
  readonly begin: number;
  readonly length: number;
}

/**
 * Fills batches of consecutive segments. A row follows a random history from its first segment to its last, or until it is left with
 * probability `restart` after a segment, and then another one. The first history of a row is left at a random segment, so that the rows are
 * at different points. Batch s depends on the random stream and s only.
 */
export class StreamSampler {
  readonly #sampler: BatchSampler;
  readonly #tokenizer: Tokenizer;
  readonly #shape: BatchShape;
  readonly #random: Random;
  readonly #followed: (Followed | undefined)[];

  constructor(sampler: BatchSampler, tokenizer: Tokenizer, shape: BatchShape, random: Random) {
    this.#sampler = sampler;
    this.#tokenizer = tokenizer;
    this.#shape = shape;
    this.#random = random;
    this.#followed = [];
  }

  /** Writes batch `step`, counted from 0. */
  fill(into: Batch, step: number): void {
    const { place: _, ...columns } = into;
    for (const values of Object.values(columns)) values?.fill(0);
    const { batch, perHistory: Q = 1, segment } = this.#shape;
    const row = into.segments!.length / batch;
    for (let b = 0; b < batch; b++) {
      const at = step * Q + (b % Q);
      const { history, begin } = this.#at(Math.floor(b / Q), at);
      const [s, { starts }] = [at - begin, history];
      this.#sampler.write(into, b, { h: history.h, s }, history);
      writeContext(this.#tokenizer, into.segments!, b * row, segment, history.history, starts[s], starts[s + 1]);
      into.begins![b] = s === 0 ? 1 : 0;
    }
  }

  /** The history that row `g` follows at segment `at` of the row. */
  #at(g: number, at: number): Followed {
    let found = this.#followed[g];
    if (!found || at < found.begin) found = this.#next(g);
    while (at >= found.begin + found.length) found = this.#next(g, found);
    this.#followed[g] = found;
    return found;
  }

  /** The history of row `g` after this one, or its first. */
  #next(g: number, before?: Followed): Followed {
    const index = before ? before.index + 1 : 0;
    const begin = before ? before.begin + before.length : 0;
    const random = this.#random.split('row', g, index);
    const { perHistory: Q = 1, consecutive } = this.#shape;
    const { restart } = consecutive!;
    const history = this.#sampler.history(this.#sampler.draw(random, Math.floor(begin / Q)).h);
    const segments = history.starts.length - 1;
    const left = restart > 0 ? 1 + Math.floor(Math.log(1 - random.uniform()) / Math.log(1 - restart)) : segments;
    const most = before ? segments : 1 + random.integer(segments);
    return { history, index, begin, length: Math.min(left, most) };
  }
}

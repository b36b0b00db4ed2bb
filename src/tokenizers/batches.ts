/**
 * @file Training batches: a running segment of a history is the query, what happened before it is the context. A segment is the unit of
 * compression and of the query: an episode, or a piece of one. Shape key: B batch, N context tokens, T query tokens, F features of a token,
 * H maximum steps of a segment, P numbers of a distribution over actions, K future returns.
 */

import { type EnvFamily, futureReturns, type History, inMemory, segmentStarts, type Transitions } from '../rl/index.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import type { Tokenizer } from './layout.ts';

/**
 * How past transitions are arranged in a context. `window`: the latest transitions, contiguous, right-aligned. `segments`: every segment
 * right-aligned in a slot of its own, the latest in the last slot. `best`: like `segments`, but the past segments with the highest returns,
 * the best in the last slot; among equal returns the later one.
 */
export type ContextLayout = 'window' | 'segments' | 'best';

/** Which past transitions a context holds, and how. */
export interface ContextShape {
  /** Number of transitions in the context; each becomes as many tokens as the tokenizer has per transition. */
  readonly contextTransitions: number;
  /** Maximum number of transitions in a segment (H). */
  readonly segment: number;
  /** How they are arranged. */
  readonly contextLayout: ContextLayout;
}

/** Queries of the same history are at most this many segments apart, so that their contexts have most segments in common. */
export const querySpan = (perHistory: number): number => (perHistory === 1 ? 1 : 2 * perHistory);

/** Sizes and targets of a batch. */
export interface BatchShape extends ContextShape {
  /** Number of queries (B). */
  readonly batch: number;
  /** Numbers of a target (P): of the head's distribution over actions. */
  readonly actions: number;
  /** Converts a recorded distribution, `label[from …]`, to a target at `out[at …]`; by default targets are the recorded distributions. */
  readonly writeTarget?: (label: ArrayLike<number>, from: number, out: Float32Array, at: number) => void;
  /** Which steps are targets; all by default. */
  readonly scored?: EnvFamily['scored'];
  /** Number of queries that come from the same history (Q); 1 by default. */
  readonly perHistory?: number;
  /** Number of segments that their contexts hold together, at most (E). Without it, batches have whole contexts only. */
  readonly passage?: number;
  /**
   * The Q queries of a row are consecutive segments, and the next batch continues where this one ends; without it, they are near each other.
   * `restart`: probability that a history is left after a segment, so that another one begins.
   */
  readonly consecutive?: { readonly restart: number };
  /** How many future returns (K) are targets too, and the bin of a return; none by default. */
  readonly returns?: { readonly count: number; readonly bin: (value: number) => number };
}

/** The buffers of one batch. */
export interface Batch {
  /** [B, N, F] the transitions before the query segment, the latest at the end; rows of zeros if there are none. Empty if nothing reads it. */
  readonly context: Float32Array;
  /**
   * [B / Q, E, S, F] with a passage: the segments that the contexts of Q queries hold, oldest first. If queries are consecutive: [B / Q, Q, S, F],
   * the segments of the queries themselves.
   */
  readonly segments?: Float32Array;
  /** [B / Q, Q, R, E + 1] with a passage, one-hot: the segment in each slot of each context; the last column is an empty slot. */
  readonly selection?: Float32Array;
  /** [B / Q, Q] if queries are consecutive: 1 where a segment is the first of its history. */
  readonly begins?: Float32Array;
  /** [B, T, F'] the query segments. */
  readonly query: Float32Array;
  /** [B, H, P] the source's action distribution at every step of the query segment. */
  readonly target: Float32Array;
  /** [B, H] 1 if the step exists and is a target. */
  readonly weight: Float32Array;
  /** [B, H, K] bins of the remaining return of the running episode and of the returns of the next episodes. */
  readonly returnBins?: Int32Array;
  /** [B, H, K] 1 if the step is a target and the history holds that episode to its end. */
  readonly returnWeight?: Float32Array;
  /** The origin of each query segment, [B] each: history, first transition, length. */
  readonly place: { readonly history: Int32Array; readonly first: Int32Array; readonly length: Int32Array };
}

/** Allocates a batch of zeros, with whole contexts or without. */
export function newBatch(tokenizer: Tokenizer, shape: BatchShape, contexts = true): Batch {
  const { batch, contextTransitions, segment, actions, returns, perHistory = 1, passage, consecutive } = shape;
  const targets = batch * segment * (returns?.count ?? 0);
  const row = tokenizer.tokensPerTransition * tokenizer.context.width;
  const slots = contextTransitions / segment;
  return {
    context: new Float32Array(contexts ? batch * contextTransitions * row : 0),
    ...(consecutive && { segments: new Float32Array(batch * segment * row), begins: new Float32Array(batch) }),
    ...(passage && {
      segments: new Float32Array((batch / perHistory) * passage * segment * row),
      selection: new Float32Array(batch * slots * (passage + 1)),
    }),
    query: new Float32Array(batch * tokenizer.queryTokens(segment) * tokenizer.query.width),
    target: new Float32Array(batch * segment * actions),
    weight: new Float32Array(batch * segment),
    ...(returns ? { returnBins: new Int32Array(targets), returnWeight: new Float32Array(targets) } : {}),
    place: { history: new Int32Array(batch), first: new Int32Array(batch), length: new Int32Array(batch) },
  };
}

/** Rows [from, to) of a batch, as a view of the same buffers. */
export function batchRows(batch: Batch, from: number, to: number): Batch {
  const rows = batch.place.length.length;
  const cut = <T extends Float32Array | Int32Array>(column: T) =>
    column.subarray((column.length / rows) * from, (column.length / rows) * to) as T;
  const cutAll = <T extends object>(of: T) =>
    Object.fromEntries(Object.entries(of).map(([name, column]) => [name, column && cut(column)])) as T;
  const { place, ...columns } = batch;
  return { ...cutAll(columns), place: cutAll(place) };
}

/** Writes the `count` transitions before `end` right-aligned into the context row that starts at `row`; the row must be zero. */
export function writeContext(
  tokenizer: Tokenizer,
  out: Float32Array,
  row: number,
  slots: number,
  history: Transitions,
  first: number,
  end: number,
): void {
  const stride = tokenizer.tokensPerTransition * tokenizer.context.width;
  const count = Math.min(slots, end - first);
  for (let i = 0; i < count; i++) tokenizer.writeTransition(out, row + (slots - count + i) * stride, history, end - count + i);
}

/** Which of the first `count` segments fill the slots of a context, in the order of the slots. */
export function inSlots(
  { contextTransitions, segment, contextLayout }: ContextShape,
  { reward }: Pick<Transitions, 'reward'>,
  starts: ArrayLike<number>,
  count: number,
): number[] {
  const past = Array.from({ length: count }, (_, s) => s);
  if (contextLayout === 'best') {
    const earned = past.map(s => {
      let sum = 0;
      for (let t = starts[s]; t < starts[s + 1]; t++) sum += reward[t];
      return sum;
    });
    past.sort((a, b) => earned[a] - earned[b] || a - b);
  }
  return past.slice(-(contextTransitions / segment));
}

/**
 * First transition that a context of this shape holds of the first `count` segments, where segment i is [starts[i], starts[i + 1]). Earlier
 * ones are never needed again.
 */
export function pastFrom(shape: ContextShape, history: Pick<Transitions, 'reward'>, starts: ArrayLike<number>, count: number): number {
  if (shape.contextLayout === 'window') return Math.max(starts[0], starts[count] - shape.contextTransitions);
  return starts[Math.min(count, ...inSlots(shape, history, starts, count))];
}

/**
 * Writes the past into the context row that starts at `row`, which must be zero. Segment i of `history` is [starts[i], starts[i + 1]), and
 * the first `count` are past.
 */
export function writePast(
  tokenizer: Tokenizer,
  out: Float32Array,
  row: number,
  shape: ContextShape,
  history: Transitions,
  starts: ArrayLike<number>,
  count: number,
): void {
  const { contextTransitions, segment, contextLayout } = shape;
  if (contextLayout === 'window') {
    writeContext(tokenizer, out, row, contextTransitions, history, starts[0], starts[count]);
    return;
  }
  const held = inSlots(shape, history, starts, count);
  const empty = contextTransitions / segment - held.length;
  const stride = segment * tokenizer.tokensPerTransition * tokenizer.context.width;
  for (const [i, s] of held.entries()) writeContext(tokenizer, out, row + (empty + i) * stride, segment, history, starts[s], starts[s + 1]);
}

/** Writes segment `s` of `history` as row `b`: the context before it, and its steps as the query. The rows must be zero. */
export function writeSegment(
  tokenizer: Tokenizer,
  shape: BatchShape,
  into: Pick<Batch, 'context' | 'query' | 'weight'>,
  b: number,
  history: Transitions,
  starts: ArrayLike<number>,
  s: number,
): void {
  const { batch, segment, scored } = shape;
  const width = history.observation.length / history.reward.length;
  const [contextRow, queryRow] = [into.context.length / batch, into.query.length / batch];
  if (contextRow > 0) writePast(tokenizer, into.context, b * contextRow, shape, history, starts, s);
  for (let t = starts[s]; t < starts[s + 1]; t++) {
    const step = t - starts[s];
    tokenizer.writeQuery(into.query, b * queryRow, step, history.observation, t * width, history, t - 1);
    into.weight[b * segment + step] = !scored || scored(history, t) ? 1 : 0;
  }
}

/** The segments with at least one target. Throws `E_SHAPE` if there is none. */
function withTargets(history: History, starts: Int32Array, scored: EnvFamily['scored']): number[] {
  const segments = Array.from({ length: starts.length - 1 }, (_, s) => s);
  if (!scored) return segments;
  const found = segments.filter(s => {
    for (let t = starts[s]; t < starts[s + 1]; t++) if (scored(history, t)) return true;
    return false;
  });
  invariant(found.length > 0, `history '${history.stream}' has no scored step, so there is nothing to learn from it. Remove it.`);
  return found;
}

/** What a sampler needs of one history. */
export interface SampledHistory {
  /** Its index among the histories. */
  readonly h: number;
  /** The history, in memory. */
  readonly history: History;
  /** [segments + 1] the first step of each segment, then the number of steps. */
  readonly starts: Int32Array;
  /** The segments that can be queries. */
  readonly queries: readonly number[];
}

/** How histories and their segments are drawn. */
export interface Draws {
  /** Probability that a segment is one of the first half, where the learner still changes. Default: 0. */
  readonly early?: number;
  /** Draws the index of a history for batch `step`, counted from 0. By default, all are equally probable in every batch. */
  readonly history?: (random: Random, step: number) => number;
}

/** Samples batches from histories: a history, then one of its segments with targets. */
export class BatchSampler {
  readonly #histories: readonly History[];
  readonly #tokenizer: Tokenizer;
  readonly #shape: BatchShape;
  readonly #early: number;
  readonly #drawHistory: NonNullable<Draws['history']>;
  /** The history that was used last. Nothing is kept of the others: a data set may have millions of segments. */
  #last: SampledHistory | undefined;

  /** @throws {CadenzaError} `E_SHAPE` without histories, or if a history has no scored step. */
  constructor(histories: readonly History[], tokenizer: Tokenizer, shape: BatchShape, { early = 0, history: drawHistory }: Draws = {}) {
    invariant(histories.length > 0, 'a sampler needs at least one learning history.');
    this.#histories = histories;
    this.#tokenizer = tokenizer;
    this.#shape = shape;
    this.#early = early;
    this.#drawHistory = drawHistory ?? (random => random.integer(histories.length));
    const { passage, contextTransitions, segment, perHistory = 1, scored } = shape;
    const most = contextTransitions / segment + querySpan(perHistory) - 1;
    for (const history of scored || passage ? histories : []) {
      const starts = segmentStarts(history, segment);
      withTargets(history, starts, scored);
      invariant(
        !passage || passage >= Math.min(most, starts.length - 2),
        `history '${history.stream}' has ${starts.length - 1} segments, more than its experiment says; a passage has room for ${passage}.`,
      );
    }
  }

  /**
   * What is needed of history `h`.
   *
   * @throws {CadenzaError} `E_SHAPE` if none of its steps is scored.
   */
  history(h: number): SampledHistory {
    if (this.#last?.h === h) return this.#last;
    const { segment, scored } = this.#shape;
    const history = inMemory(this.#histories[h]);
    const starts = segmentStarts(this.#histories[h], segment);
    this.#last = { h, history, starts, queries: withTargets(history, starts, scored) };
    return this.#last;
  }

  /** Fills `into` with batch `step`; equal streams give equal batches. */
  fill(into: Batch, random: Random, step = 0): void {
    const { place: _, ...columns } = into;
    for (const values of Object.values(columns)) values?.fill(0);
    const { batch, perHistory: Q = 1 } = this.#shape;
    for (let b = 0; b < batch; b += Q) {
      const { h, s } = this.draw(random, step);
      const queries = Q === 1 ? [s] : this.#drawWith(h, s, random);
      for (const [q, s] of queries.entries()) this.write(into, b + q, { h, s });
      this.#writePassage(into, b / Q, h, queries);
    }
  }

  /** The drawn segment and others of the same history, near it and by the same probabilities, each at most once if there are enough. */
  #drawWith(h: number, s: number, random: Random): number[] {
    const { perHistory: Q = 1 } = this.#shape;
    const span = querySpan(Q);
    const { starts, queries } = this.history(h);
    const low = Math.max(0, Math.min(starts.length - 1 - span, s - random.integer(span)));
    const near = queries.flatMap((other, i) => (other >= low && other < low + span && other !== s ? [{ other, i }] : []));
    const early = this.#early / Math.ceil(queries.length / 2);
    const weights = near.map(({ i }) => (i < queries.length / 2 ? early : 0) + (1 - this.#early) / queries.length);
    const chosen = [s];
    while (chosen.length < Q) {
      const next = weights.some(weight => weight > 0) ? random.categorical(weights) : undefined;
      if (next !== undefined) weights[next] = 0;
      chosen.push(next === undefined ? chosen[chosen.length - 1] : near[next].other);
    }
    return chosen.sort((a, b) => a - b);
  }

  /** Writes the segments that the contexts of these queries hold as passage `g`, and where each context has them. */
  #writePassage({ segments, selection }: Batch, g: number, h: number, queries: readonly number[]): void {
    const { batch, segment, contextTransitions, passage: E } = this.#shape;
    if (!segments || !selection || !E) return;
    const [Q, R] = [queries.length, contextTransitions / segment];
    const { history, starts } = this.history(h);
    const oldest = Math.max(0, queries[0] - R);
    const row = segments.length / ((batch / Q) * E);
    for (let s = oldest; s < queries[Q - 1]; s++)
      writeContext(this.#tokenizer, segments, (g * E + s - oldest) * row, segment, history, starts[s], starts[s + 1]);
    for (const [q, query] of queries.entries())
      for (let r = 0; r < R; r++) {
        const s = query - R + r;
        selection[((g * Q + q) * R + r) * (E + 1) + (s < 0 ? E : s - oldest)] = 1;
      }
  }

  /** Samples a history and the segment that is the query, for batch `step`. */
  draw(random: Random, step = 0): { h: number; s: number } {
    const h = this.#drawHistory(random, step);
    const { queries } = this.history(h);
    const s = queries[random.integer(random.uniform() < this.#early ? Math.ceil(queries.length / 2) : queries.length)];
    return { h, s };
  }

  /** Samples a segment of the same history with targets, not before `s`, and from the second half if possible. */
  drawLater({ h, s }: { h: number; s: number }, random: Random): { h: number; s: number } {
    const { starts, queries } = this.history(h);
    const half = (starts.length - 1) / 2;
    const later = queries.filter(other => other >= Math.max(s, half));
    return { h, s: later.length > 0 ? later[random.integer(later.length)] : s };
  }

  /** Writes a segment as row `b`, which must be zero: the context before it, and its steps as the query. */
  write(into: Batch, b: number, { h, s }: { h: number; s: number }, { history, starts } = this.history(h)): void {
    const { segment, actions, writeTarget } = this.#shape;
    const [first, end] = [starts[s], starts[s + 1]];
    writeSegment(this.#tokenizer, this.#shape, into, b, history, starts, s);
    const labels = history.probabilities.length / history.reward.length;
    if (writeTarget)
      for (let t = first; t < end; t++) writeTarget(history.probabilities, t * labels, into.target, (b * segment + t - first) * actions);
    else into.target.set(history.probabilities.subarray(first * actions, end * actions), b * segment * actions);
    this.#writeReturns(into, b, history, first, end);
    into.place.history[b] = h;
    into.place.first[b] = first;
    into.place.length[b] = end - first;
  }

  /** Writes the future returns at the transitions of [first, end) as row `b`. */
  #writeReturns({ returnBins, returnWeight, weight }: Batch, b: number, history: History, first: number, end: number): void {
    const { segment, returns } = this.#shape;
    if (!returns) return;
    const { count, bin } = returns;
    const row = b * segment * count;
    for (const [i, value] of futureReturns(history, first, end, count).entries()) {
      if (Number.isNaN(value)) continue;
      returnBins![row + i] = bin(value);
      returnWeight![row + i] = weight[b * segment + Math.floor(i / count)];
    }
  }
}

/**
 * Some of the contexts of each history in a batch: what the decoder must rebuild in a step. Shape key: B queries, G histories, Q queries per
 * history, k chosen ones, N context tokens, F features.
 */
export function chosenContexts(
  tokenizer: Tokenizer,
  { batch, contextTransitions, perHistory: Q = 1 }: Pick<BatchShape, 'batch' | 'contextTransitions' | 'perHistory'>,
  perHistory: number,
) {
  const size = contextTransitions * tokenizer.tokensPerTransition * tokenizer.context.width;
  const places = Array.from({ length: Q }, (_, i) => i);
  const [G, k] = [batch / Q, perHistory];
  /** [G · k, N, F] the contexts. */
  const contexts = new Float32Array(G * k * size);
  /** [G, k, Q] one-hot: the query of each. */
  const at = new Float32Array(G * k * Q);
  return {
    contexts,
    at,
    /** Chooses queries of each history and copies their contexts from [B, N, F]. */
    fill(context: Float32Array, random: Random): void {
      at.fill(0);
      for (let g = 0; g < G; g++)
        for (const [i, q] of random.shuffled(places).slice(0, k).entries()) {
          const [to, from] = [g * k + i, g * Q + q];
          at[to * Q + q] = 1;
          contexts.set(context.subarray(from * size, (from + 1) * size), to * size);
        }
    },
  };
}

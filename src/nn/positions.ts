/**
 * @file Positions of tokens (method 1.3): added to the tokens (learned, sinusoidal), or used inside self-attention (rotary, relative bias),
 * which then sees only distances between tokens. Shape key: B batch, T tokens, D width, H heads, K head width, L distances, N tokens of the
 * whole sequence.
 */

import {
  add,
  linear as affine,
  broadcastTo,
  concat,
  constant,
  expectShape,
  matmul,
  mul,
  pad,
  reshape,
  slice,
  split,
  sub,
  type Tensor,
  transpose,
} from '../engine/index.ts';
import { invariant } from '../util/errors.ts';
import { type Initializer, normalInit, type Scope, zeroInit } from './parameters.ts';

/** Which tokens of a sequence are at hand. */
export interface Places {
  /** Number of tokens of the whole sequence (N). */
  readonly total: number;
  /** [B, T, N] one-hot: the place of every token at hand. Without it, they are the first T of the sequence. */
  readonly at?: Tensor;
}

/** One kind of positions; each function is optional. */
export interface Positions {
  /** x [B, T, D] → x + p. */
  readonly embed?: (scope: Scope, x_BTD: Tensor, places: Places) => Tensor;
  /** Applied to queries and keys [B, H, T, K] of self-attention. */
  readonly rotate?: (x_BHTK: Tensor, places: Places) => Tensor;
  /** Bias on the scores of T tokens: [H, T, T] for the first T, [B, H, T, N] for tokens at given places. */
  readonly bias?: (scope: Scope, T: number, heads: number, places: Places) => Tensor;
}

/** The rows of a table [N, X] that belong to T tokens: [T, X], or [B, T, X] at given places. */
const rowsAt = (table_NX: Tensor, T: number, { at }: Places): Tensor => (at ? affine(at, table_NX) : slice(table_NX, 0, 0, T));

/** Standard deviation of initial positions: small relative to the tokens. */
const DEVIATION = 0.1;
/** Wavelengths run from 2π to 2π times this. */
const BASE = 10_000;
/** Distances beyond this many tokens share one bias. */
export const FARTHEST = 64;

/** BASE^(−i/n) for i = 0 … n − 1. */
const frequencies = (n: number) => Array.from({ length: n }, (_, i) => BASE ** (-i / n));
/** f(t · ω_i) as a constant [T, n]. */
const waves = (T: number, n: number, f: (angle: number) => number) =>
  constant(Array.from({ length: T }, (_, t) => frequencies(n).map(frequency => f(t * frequency))).flat(), [T, n]);

/** Sines have a standard deviation of 1/√2: a learned gain starts them as small as learned positions. */
const gainInit: Initializer = () => Float32Array.of(DEVIATION * Math.SQRT2);

/** A table with one learned vector per position. */
const learned: Positions = {
  embed(scope, x_BTD, places) {
    const { T, D } = expectShape(x_BTD, 'B T D');
    return add(x_BTD, rowsAt(scope.parameter('positions', [places.total, D], normalInit(DEVIATION)), T, places));
  },
};

/** Sines and cosines of decreasing frequency (Vaswani et al. 2017, §3.5), times a learned gain. */
const sinusoidal: Positions = {
  embed(scope, x_BTD, places) {
    const { T, D } = expectShape(x_BTD, 'B T D');
    invariant(D % 2 === 0, `sinusoidal positions need an even width, got ${D}.`);
    const { total: N } = places;
    const p_ND = concat([waves(N, D / 2, Math.sin), waves(N, D / 2, Math.cos)], 1);
    return add(x_BTD, mul(rowsAt(p_ND, T, places), scope.parameter('positionGain', [1], gainInit)));
  },
};

/**
 * Rotary positions (Su et al. 2021, §3.4.2): the pair (x_i, x_{i + K/2}) is rotated by t · ω_i, so that a score depends only on the two
 * tokens and their distance.
 */
const rotary: Positions = {
  rotate(x_BHTK, places) {
    const { T, K } = expectShape(x_BHTK, 'B H T K');
    invariant(K % 2 === 0, `rotary positions rotate pairs of numbers, so the head width must be even, but is ${K}.`);
    const [first, second] = split(x_BHTK, 3, 2);
    const [cosine, sine] = [Math.cos, Math.sin].map(f => {
      const angles = rowsAt(waves(places.total, K / 2, f), T, places);
      return places.at ? reshape(angles, [-1, 1, T, K / 2]) : angles;
    });
    return concat([sub(mul(first, cosine), mul(second, sine)), add(mul(first, sine), mul(second, cosine))], 3);
  },
};

/**
 * A learned bias per head and distance key − query, added to the scores (Shaw et al. 2018, with the scalar bias of Raffel et al. 2020).
 * Distances are clipped at FARTHEST. The table starts at 0, where attention ignores order.
 */
const relativeBias: Positions = {
  bias(scope, shown, heads, { total: T, at }) {
    const clip = Math.min(FARTHEST, T - 1);
    const table_HL = scope.parameter('relativeBias', [heads, 2 * clip + 1], zeroInit);
    const span = 2 * T - 1;
    // Column d + T − 1 of `all` is the bias of distance d, −T < d < T.
    const chosen = new Float32Array((2 * clip + 1) * span);
    for (let d = 1 - T; d < T; d++) chosen[(Math.max(-clip, Math.min(clip, d)) + clip) * span + d + T - 1] = 1;
    const all_HL = matmul(table_HL, constant(chosen, [2 * clip + 1, span]));
    // T copies of that row, each one number longer, reshaped to rows of the original length: row t is shifted by t, so the entry at (t, s +
    // T − 1) is the bias of s − t. A gather of T × T indices would need a table as large as the scores.
    const copies = pad(broadcastTo(reshape(all_HL, [heads, 1, span]), [heads, T, span]), 2, 0, 1);
    const shifted = reshape(slice(reshape(copies, [heads, T * (span + 1)]), 1, 0, T * span), [heads, T, span]);
    const bias_HTT = slice(shifted, 2, T - 1, span);
    if (!at) return slice(slice(bias_HTT, 1, 0, shown), 2, 0, shown);
    const rows_BTHN = affine(at, reshape(transpose(bias_HTT, [1, 0, 2]), [T, heads * T]));
    return transpose(reshape(rows_BTHN, [-1, shown, heads, T]), [0, 2, 1, 3]);
  },
};

/** Name of a kind of positions. */
export type PositionKind = 'learned' | 'sinusoidal' | 'rotary' | 'relative-bias' | 'none';
/** Kinds of positions. With `none`, tokens are an unordered set. */
export const POSITIONS: Readonly<Record<PositionKind, Positions>> = {
  learned,
  sinusoidal,
  rotary,
  'relative-bias': relativeBias,
  none: {},
};
/** The kinds that encode positions, all but `none`. */
export const POSITION_KINDS = (Object.keys(POSITIONS) as [PositionKind, ...PositionKind[]]).filter(
  kind => Object.keys(POSITIONS[kind]).length > 0,
);

/** Adds positions to tokens x [B, T, D], if the kind is one that adds them. By default they are a whole sequence. */
export function addPositions(
  scope: Scope,
  x_BTD: Tensor,
  kind: PositionKind = 'learned',
  places: Places = { total: x_BTD.shape[1] },
): Tensor {
  const { embed } = POSITIONS[kind];
  return embed ? embed(scope, x_BTD, places) : x_BTD;
}

/**
 * Adds the order of latents Z [B, M, D] (method 2.5). Z is read by cross-attention, which has no distance to its keys, so kinds that work
 * inside self-attention are replaced by a learned table.
 */
export function addLatentPositions(scope: Scope, z_BMD: Tensor, kind: PositionKind = 'learned'): Tensor {
  const { embed = learned.embed! } = POSITIONS[kind];
  return embed(scope, z_BMD, { total: z_BMD.shape[1] });
}

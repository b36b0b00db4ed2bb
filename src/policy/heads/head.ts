/**
 * @file The interface of action heads: how hidden states become a distribution over actions, and its losses. A distribution is a row of P
 * numbers, both in graphs and for sampling (`ActionDistribution`). Shape key: B batch, T tokens, D width, R raw outputs, P numbers of a
 * distribution.
 */

import type { Tensor } from '../../engine/index.ts';
import type { Scope } from '../../nn/index.ts';
import type { ActionDistribution, Space } from '../../rl/index.ts';

/** Settings of action heads; each kind reads its own. */
export interface HeadSettings {
  /** Id of a kind of head; `auto`: probabilities for integers, a Gaussian for reals. */
  readonly kind: string;
  /** Number of values of each real number (discretized). */
  readonly bins: number;
  /** Whether each dimension's probabilities depend on the dimensions before it. */
  readonly autoregressive: boolean;
}

/** The settings that a head depends on for its space: they identify the head. */
export type HeadChoice = Pick<HeadSettings, 'kind'> & Partial<HeadSettings>;

/** Maps hidden states to a distribution over actions, and computes its losses. */
export interface ActionHead {
  /** The settings that it depends on; absent if the space leaves no choice. */
  readonly choice?: HeadChoice;
  /** The distribution whose rows `rows` returns. */
  readonly distribution: ActionDistribution;
  /** Hidden states [B, T, D] → raw outputs [B, T, R], which the losses take. */
  outputs(scope: Scope, states_BTD: Tensor): Tensor;
  /** Raw outputs [B, T, R] → rows of the distribution [B, T, P]. */
  rows(outputs: Tensor): Tensor;
  /** −E_{a ~ target} log p(a), [B, T]; target [B, T, P]. */
  crossEntropy(target: Tensor, outputs: Tensor): Tensor;
  /** KL(target ‖ p), [B, T]. */
  kl(target: Tensor, outputs: Tensor): Tensor;
  /** H(p), [B, T]. */
  entropy(outputs: Tensor): Tensor;
  /** Converts what a source recorded, `label[from …]`, to a target at `out[at …]`. */
  readonly writeTarget: WriteTarget;
}

/** Converts what a source recorded, `label[from …]`, to a target at `out[at …]`. */
export type WriteTarget = (label: ArrayLike<number>, from: number, out: Float32Array, at: number) => void;

/** For heads whose targets are what sources record: copies `size` numbers. */
export const copying =
  (size: number): WriteTarget =>
  (label, from, out, at) => {
    for (let i = 0; i < size; i++) out[at + i] = label[from + i];
  };

/** A registered kind of head. */
export interface HeadKind {
  readonly id: string;
  readonly description: string;
  /** The head for actions of this space; undefined if it does not support them. */
  make(space: Space, settings: HeadSettings): ActionHead | undefined;
  /** The actions that it supports, in words. */
  readonly takes: string;
}

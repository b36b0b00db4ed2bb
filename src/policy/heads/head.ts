/**
 * @file What a head for actions is: how hidden states become a distribution over actions, and the losses of it. A distribution is a row of P
 * numbers, in graphs as in what is drawn from (`ActionDistribution`).
 * Shape key: B batch, T tokens, D width, R numbers read out, P numbers of a distribution.
 */

import type { Tensor } from '../../engine/index.ts';
import type { Scope } from '../../nn/index.ts';
import type { ActionDistribution, Space } from '../../rl/index.ts';

export interface HeadSettings {
  /** `auto`: probabilities for integers, a Gaussian for reals. */
  readonly kind: string;
  /** Values of each real number (discretized). */
  readonly bins: number;
  /** Whether each dimension's probabilities depend on the dimensions chosen before it. */
  readonly autoregressive: boolean;
}

/** Those settings that a head reads, where its space leaves a choice: what tells two heads apart. */
export type HeadChoice = Pick<HeadSettings, 'kind'> & Partial<HeadSettings>;

export interface ActionHead {
  readonly choice?: HeadChoice;
  readonly distribution: ActionDistribution;
  /** Hidden states [B, T, D] → what the losses take, [B, T, R]. */
  outputs(scope: Scope, states_BTD: Tensor): Tensor;
  /** [B, T, R] → the distribution as rows [B, T, P]. */
  rows(outputs: Tensor): Tensor;
  /** −E_{a ~ target} log p(a), [B, T]; target [B, T, P]. */
  crossEntropy(target: Tensor, outputs: Tensor): Tensor;
  /** KL(target ‖ p), [B, T]. */
  kl(target: Tensor, outputs: Tensor): Tensor;
  /** H(p), [B, T]. */
  entropy(outputs: Tensor): Tensor;
  /** Writes what a source recorded, `label[from …]`, as a target at `out[at …]`. */
  readonly writeTarget: WriteTarget;
}

export type WriteTarget = (label: ArrayLike<number>, from: number, out: Float32Array, at: number) => void;

/** For a head whose targets are what sources record: `size` numbers as they are. */
export const copying =
  (size: number): WriteTarget =>
  (label, from, out, at) => {
    for (let i = 0; i < size; i++) out[at + i] = label[from + i];
  };

/** A kind of head: one record and one line of the registry each. */
export interface HeadKind {
  readonly id: string;
  readonly description: string;
  /** The head for actions of this space, or undefined where it takes no such actions. */
  make(space: Space, settings: HeadSettings): ActionHead | undefined;
  /** The actions that it takes, in words. */
  readonly takes: string;
}

/** @file What the graphs of a model read and give. */

import type { Graph, Tensor } from '../engine/index.ts';
import type { ContextShape } from '../tokenizers/index.ts';

/** What Z is computed from in training. */
export interface ContextInputs {
  /** [B, N, F] whole contexts. */
  readonly context: Tensor;
  /** With `selection`: the same contexts as selections from passages of histories, [G, E, S, F] and [G, Q, R, E + 1]. */
  readonly segments?: Tensor;
  readonly selection?: Tensor;
  /** With `segments` [G, Q, S, F] of consecutive queries: 1 where a segment is the first of its history, [G, Q]. */
  readonly begins?: Tensor;
}

/** What the graphs that act give besides probabilities, and read besides Z; nothing by default. */
export interface Asked {
  /** Value estimates. */
  readonly critic?: boolean;
  /** Predicted future returns. */
  readonly returns?: boolean;
  /** Weights of cross-attention. */
  readonly attention?: boolean;
  /** Number of retrieved contexts. */
  readonly retrieved?: number;
}

/** Inputs of the inference graphs; all other inputs are parameters. */
export const INFERENCE_INPUTS: Pick<ReadonlySet<string>, 'has'> = {
  has: name => DATA.has(name) || /^(self|cross)\./.test(name),
};
const COMPRESSING = ['context', 'state', 'segment', 'encoded', 'codes'];
const ACTING = ['query', 'latents', 'retrieved', 'present', 'prompt', 'tokens', 'place'];
const DATA: ReadonlySet<string> = new Set([...COMPRESSING, ...ACTING]);

/** The discrete form of Z: `shape` [M, G] codes, each below `size`. */
export type CodeShape = { readonly shape: readonly number[]; readonly size: number };

/** What a reconstruction is compared with. */
export interface ReconstructionInputs {
  /** [B, N, F] all contexts. */
  readonly context: Tensor;
  /** With `rebuiltAt`: only k contexts of each history, [G · k, N, F], and which of its Q queries they belong to, one-hot [G, k, Q]. */
  readonly rebuilt?: Tensor;
  readonly rebuiltAt?: Tensor;
}

/** The graphs that act. */
export interface Inference {
  /**
   * `context` → `latents`, and `codes` if Z is discrete; absent if nothing of the past reaches the policy. With `recurrent` it also takes
   * `state` and outputs `next`, the next state.
   */
  readonly compress?: Graph;
  /**
   * `query` with `latents` (and `retrieved` with `present`) → `probabilities`; with a critic also `values` [B, H], and on request `returns`
   * [B, H, K] and `attention` [B, H, L, J, C].
   */
  readonly act: Graph;
  /** `codes` → `latents`, if Z is discrete. */
  readonly decode?: Graph;
  /** [M, D] of Z. */
  readonly latentShape?: readonly number[];
  readonly codes?: CodeShape;
  readonly recurrent: boolean;
  readonly context: ContextShape;
}

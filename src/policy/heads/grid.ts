/**
 * @file Heads over a grid: each dimension of an action takes one of finitely many values. With several dimensions they are either independent,
 * or decoded one after the other:
 *
 *   p(a) = ∏_i p(a_i | a_<i, h)      p(a_i | a_<i, h) = softmax(W_i relu(V_i h + Σ_{j<i} E_ij[a_j]))
 *
 * which is computed for all the prefixes a_<i at once. So p is the exact joint distribution: what is drawn from it is what drawing dimension
 * by dimension gives, and losses need no samples. The cost is that of listing every combination.
 * Shape key: B batch, T tokens, D width, P numbers of a distribution, C prefixes, n values of a dimension.
 */

import {
  add,
  linear as affine,
  concat,
  constant,
  expectShape,
  logSoftmax,
  relu,
  reshape,
  slice,
  softmax,
  type Tensor,
} from '../../engine/index.ts';
import { crossEntropy, entropy, klDivergence, linear, type Scope } from '../../nn/index.ts';
import { independent, joint, type Space } from '../../rl/index.ts';
import type { ActionHead, HeadChoice, WriteTarget } from './head.ts';

export interface Grid {
  readonly space: Space;
  /** Values of every dimension. */
  readonly values: readonly (readonly number[])[];
  readonly autoregressive: boolean;
  readonly choice?: HeadChoice;
  /** How what sources record becomes the probability of every combination, and of every dimension's values one behind the other. */
  readonly writeJoint: WriteTarget;
  readonly writeMarginals: WriteTarget;
}

export function gridHead({ space, values, autoregressive, choice, writeJoint, writeMarginals }: Grid): ActionHead {
  const sizes = values.map(({ length }) => length);
  const apart = sizes.length > 1 && !autoregressive;
  const distribution = apart ? independent(space, values) : joint(space, values);
  // Independent dimensions have a softmax each.
  const parts = apart ? sizes : [distribution.size];
  const total = (loss: (...parts: Tensor[]) => Tensor, ...rows: Tensor[]) => {
    const cut = rows.map(row => sections(row, parts));
    return parts.map((_, i) => loss(...cut.map(sectionsOf => sectionsOf[i]))).reduce(add);
  };
  return {
    choice,
    distribution,
    outputs: (scope, states_BTD) =>
      sizes.length > 1 && autoregressive ? chain(scope, states_BTD, sizes) : linear(scope, states_BTD, distribution.size),
    rows: outputs => concat(sections(outputs, parts).map(softmax), 2),
    crossEntropy: (target, outputs) => total((p, logits) => crossEntropy(logits, p), target, outputs),
    kl: (target, outputs) => total((p, logits) => klDivergence(p, logits), target, outputs),
    entropy: outputs => total(entropy, outputs),
    writeTarget: apart ? writeMarginals : writeJoint,
  };
}

/** x [B, T, Σ sizes] cut along its last axis. */
function sections(x: Tensor, sizes: readonly number[]): readonly Tensor[] {
  if (sizes.length === 1) return [x];
  let at = 0;
  return sizes.map(size => {
    at += size;
    return slice(x, 2, at - size, at);
  });
}

/** Hidden states → logits of every combination, [B, T, ∏ sizes], normalised: log p(a) = Σ_i log p(a_i | a_<i, h). */
function chain(scope: Scope, states_BTD: Tensor, sizes: readonly number[]): Tensor {
  const { B, T, D } = expectShape(states_BTD, 'B T D');
  let joint_BTC = logSoftmax(linear(scope.at(0), states_BTD, sizes[0]));
  for (let i = 1; i < sizes.length; i++) {
    const own = scope.at(i);
    const prefixes = prefixesOf(sizes.slice(0, i));
    const C = prefixes.length;
    const chosen_CD = affine(constant(prefixes.flat(), [C, prefixes[0].length]), own.parameter('chosen', [prefixes[0].length, D]));
    const hidden_BTCD = relu(add(reshape(linear(own.at('hidden'), states_BTD, D), [B, T, 1, D]), chosen_CD));
    const next_BTCn = logSoftmax(linear(own, hidden_BTCD, sizes[i]));
    joint_BTC = reshape(add(reshape(joint_BTC, [B, T, C, 1]), next_BTCn), [B, T, C * sizes[i]]);
  }
  return joint_BTC;
}

/** Every combination of earlier choices as one-hot rows side by side, the last dimension fastest. */
function prefixesOf(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (before, size) => before.flatMap(row => Array.from({ length: size }, (_, v) => [...row, ...oneHotRow(v, size)])),
    [[]],
  );
}

const oneHotRow = (index: number, size: number): number[] => Array.from({ length: size }, (_, i) => Number(i === index));

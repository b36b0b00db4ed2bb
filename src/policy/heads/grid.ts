/**
 * @file The heads `categorical` and `discretized`, over a grid: each dimension of an action takes one of finitely many values. Several
 * dimensions are either independent or decoded autoregressively:
 *
 *   p(a) = ∏_i p(a_i | a_<i, h)      p(a_i | a_<i, h) = softmax(W_i relu(V_i h + Σ_{j<i} E_ij[a_j]))
 *
 * which is computed for all prefixes a_<i at once. So p is the exact joint distribution: sampling from it equals sampling dimension by
 * dimension, and losses need no samples. The cost is to list every combination. Shape key: B batch, T tokens, D width, P numbers of a
 * distribution, C prefixes, n values of a dimension.
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
  sizeOf,
  slice,
  softmax,
  type Tensor,
} from '../../engine/index.ts';
import { crossEntropy, entropy, klDivergence, linear, type Scope } from '../../nn/index.ts';
import { type BoxSpace, independent, joint, type Space } from '../../rl/index.ts';
import { normalBelow } from '../../util/normal.ts';
import { type ActionHead, copying, type HeadChoice, type HeadKind, type WriteTarget } from './head.ts';

interface Grid {
  readonly space: Space;
  /** Values of every dimension. */
  readonly values: readonly (readonly number[])[];
  readonly autoregressive: boolean;
  readonly choice?: HeadChoice;
  /** Converts what sources record to the probability of every combination, and of every dimension's values, concatenated. */
  readonly writeJoint: WriteTarget;
  readonly writeMarginals: WriteTarget;
}

function gridHead({ space, values, autoregressive, choice, writeJoint, writeMarginals }: Grid): ActionHead {
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

/** Splits x [B, T, Σ sizes] along its last axis. */
function sections(x: Tensor, sizes: readonly number[]): readonly Tensor[] {
  if (sizes.length === 1) return [x];
  let at = 0;
  return sizes.map(size => {
    at += size;
    return slice(x, 2, at - size, at);
  });
}

/** Hidden states → normalized logits of every combination, [B, T, ∏ sizes]: log p(a) = Σ_i log p(a_i | a_<i, h). */
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

/** Every combination of earlier choices as concatenated one-hot rows, the last dimension fastest. */
function prefixesOf(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (before, size) => before.flatMap(row => Array.from({ length: size }, (_, v) => [...row, ...oneHotRow(v, size)])),
    [[]],
  );
}

const oneHotRow = (index: number, size: number): number[] => Array.from({ length: size }, (_, i) => Number(i === index));

const sizesOf = (space: Space): readonly number[] | undefined =>
  space.kind === 'discrete' ? [space.n] : space.kind === 'multi-discrete' ? space.nvec : undefined;

export const categorical: HeadKind = {
  id: 'categorical',
  description: 'probabilities of integers, of one or of several dimensions',
  takes: 'integers',
  make(space, { autoregressive }) {
    const sizes = sizesOf(space);
    return (
      sizes &&
      gridHead({
        space,
        values: sizes.map(n => Array.from({ length: n }, (_, i) => i)),
        autoregressive,
        choice: sizes.length > 1 ? { kind: 'categorical', autoregressive } : undefined,
        writeJoint: copying(sizeOf(sizes)),
        writeMarginals: marginals(sizes),
      })
    );
  },
};

/**
 * Sources record the probability of every combination, the last dimension fastest; the marginals of each dimension are sums over the
 * others.
 */
const marginals =
  (sizes: readonly number[]): WriteTarget =>
  (label, from, out, at) => {
    const [combinations, total] = [sizeOf(sizes), sizes.reduce((sum, n) => sum + n, 0)];
    out.fill(0, at, at + total);
    for (let index = 0; index < combinations; index++) {
      let [rest, end] = [index, at + total];
      for (let i = sizes.length - 1; i >= 0; i--) {
        end -= sizes[i];
        out[end + (rest % sizes[i])] += label[from + index];
        rest = Math.floor(rest / sizes[i]);
      }
    }
  };

/**
 * Discretizes every real number of an action into `bins` evenly spaced values from the lower to the upper bound, both included. Labels are
 * the probability that the source's Gaussian is nearest to each value; mass beyond the bounds goes to the outermost values.
 */
export const discretized: HeadKind = {
  id: 'discretized',
  description: 'probabilities of evenly spaced values for every real number of an action',
  takes: 'real numbers',
  make(space, { bins, autoregressive }) {
    if (space.kind !== 'box') return undefined;
    const values = valuesOf(space, bins);
    const several = values.length > 1;
    const marginals = new Float64Array(values.length * bins);
    /** Marginal probabilities of a recorded mean and standard deviation, dimensions concatenated. */
    const masses = (label: ArrayLike<number>, from: number) => {
      for (const [i, own] of values.entries()) {
        const [mean, deviation] = [label[from + i], label[from + values.length + i]];
        let below = 0;
        for (let k = 0; k < bins; k++) {
          const upTo = k + 1 < bins ? normalBelow((own[k] + own[k + 1]) / 2, mean, deviation) : 1;
          marginals[i * bins + k] = upTo - below;
          below = upTo;
        }
      }
      return marginals;
    };
    return gridHead({
      space,
      values,
      autoregressive,
      choice: { kind: 'discretized', bins, ...(several ? { autoregressive } : {}) },
      writeJoint(label, from, out, at) {
        masses(label, from);
        const combinations = bins ** values.length;
        for (let index = 0; index < combinations; index++) {
          let [mass, rest] = [1, index];
          for (let i = values.length - 1; i >= 0; i--) {
            mass *= marginals[i * bins + (rest % bins)];
            rest = Math.floor(rest / bins);
          }
          out[at + index] = mass;
        }
      },
      writeMarginals: (label, from, out, at) => out.set(masses(label, from), at),
    });
  },
};

const valuesOf = ({ low, high }: BoxSpace, bins: number): number[][] =>
  low.map((lowest, i) => Array.from({ length: bins }, (_, k) => lowest + ((high[i] - lowest) * k) / (bins - 1)));

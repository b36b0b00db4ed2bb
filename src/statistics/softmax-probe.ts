/**
 * @file A linear probe that says how sure it is, so that it can be drawn as a belief: the classes of a discriminant with the softmax of their scores as
 * probabilities.
 * Shape key: n samples, P features, K classes.
 */

import { invariant } from '../util/errors.ts';
import { softmaxOf } from '../util/softmax.ts';
import { discriminantReadOut, discriminants, fitReadOut } from './linear-probe.ts';

/** What a softmax probe is fitted on. */
export interface SoftmaxRequest {
  /** [n × P] */
  readonly rows: ArrayLike<number>;
  /** P. */
  readonly size: number;
  /** [n] the class of each sample, below `classes`. */
  readonly labels: ArrayLike<number>;
  /** [n] the group (task) of each sample, as an index. Settings are chosen on groups that are left out. */
  readonly groups: ArrayLike<number>;
  /** K. */
  readonly classes: number;
}

/** Factors of scores: what a discriminant finds is often too sure on other tasks. */
const FACTORS = [1, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05];
/** One in so many groups is left out to choose the factor. */
const LEFT_OUT = 3;
/** Score of a class without samples. */
const NEVER = -1e4;

/**
 * Fits P(class k) ∝ exp(w_k · x + b_k): weights [K][P + 1] for features as they are, the offset last.
 *
 * @throws {CadenzaError} `E_SHAPE` unless every label has `size` features, or if the equations are singular.
 */
export function fitSoftmax({ rows, size, labels, groups, classes }: SoftmaxRequest): Float64Array[] {
  const n = labels.length;
  invariant(n > 0 && rows.length === n * size, `a softmax probe: expected ${size} features for each of ${n} labels, found ${rows.length}.`);
  const [mean, scale] = standardOf(rows, size);
  const x = Float64Array.from({ length: n * size }, (_, i) => (rows[i] - mean[i % size]) * scale[i % size]);
  const targets = Float64Array.from(labels);
  const { strength } = fitReadOut(discriminantReadOut(classes), { rows: x, targets, groups }, size);
  const row = (i: number) => x.subarray(i * size, (i + 1) * size);
  const fitted = (samples: readonly number[]): Float64Array[] => {
    const chosen = new Float64Array(samples.length * size);
    for (const [to, i] of samples.entries()) chosen.set(row(i), to * size);
    const [{ maps, offsets }] = discriminants(classes, [strength], { rows: chosen, targets: samples.map(i => labels[i]), size });
    return maps.map((map, k) => Float64Array.of(...map, Math.max(NEVER, offsets[k])));
  };
  const scaled = (weights: readonly Float64Array[], factor: number) => weights.map(own => own.map(value => value * factor));
  const all = Array.from({ length: n }, (_, i) => i);
  const [held, kept] = [true, false].map(left => all.filter(i => (groups[i] % LEFT_OUT === 0) === left));
  const trial = kept.length > 0 ? fitted(kept) : [];
  const lossOf = (factor: number) => {
    const weights = scaled(trial, factor);
    return held.reduce((sum, i) => sum - Math.log(Math.max(1e-6, softmaxOf(weights, row(i))[labels[i]])), 0);
  };
  const losses = kept.length > 0 ? FACTORS.map(lossOf) : [0];
  const factor = FACTORS[losses.indexOf(Math.min(...losses))];
  return scaled(fitted(all), factor).map(own => {
    for (let p = 0; p < size; p++) {
      own[p] *= scale[p];
      own[size] -= own[p] * mean[p];
    }
    return own;
  });
}

/** The mean of every feature, and 1 / its deviation; 0 for constant ones. */
function standardOf(rows: ArrayLike<number>, size: number): [mean: Float64Array, scale: Float64Array] {
  const n = rows.length / size;
  const [mean, variance] = [new Float64Array(size), new Float64Array(size)];
  for (let i = 0; i < rows.length; i++) mean[i % size] += rows[i] / n;
  for (let i = 0; i < rows.length; i++) variance[i % size] += (rows[i] - mean[i % size]) ** 2 / n;
  return [mean, variance.map((value, p) => (value > 1e-12 * (1 + mean[p] ** 2) ? 1 / Math.sqrt(value) : 0))];
}

/**
 * @file Linear probes in closed form. The strength of regularization is chosen by cross-validation over whole groups (tasks) of the fitted samples, never
 * on scored samples.
 * Shape key: n samples, P features, O outputs, K classes.
 */

import { cholesky, choleskySolve, forwardSolve } from '../util/cholesky.ts';
import { invariant } from '../util/errors.ts';

/** Rows [count × P] → outputs [count × O]. */
export type Predictor = (rows: Float64Array) => Float64Array;

/** A kind of probe: fits for all strengths of regularization, and the loss of predictions. */
export interface ReadOut {
  /** From weak to strong. */
  readonly strengths: readonly number[];
  /** Rows [n × P] with targets [n × `targets`] → one predictor per strength. */
  fit(rows: Float64Array, targets: Float64Array, size: number): readonly Predictor[];
  /** Numbers per target. */
  readonly targets: number;
  /** Loss of predictions, summed over samples. */
  loss(predicted: Float64Array, targets: Float64Array): number;
}

/**
 * Ridge regression: least squares with λ n on the diagonal of XᵀX.
 *
 * @throws {CadenzaError} `E_SHAPE`, when fitted, if the equations are singular.
 */
export const ridgeReadOut = (outputs: number): ReadOut => ({
  strengths: [0.01, 0.1, 1],
  targets: outputs,
  fit(rows, targets, size) {
    const n = rows.length / size;
    const mean = columnMeans(targets, outputs);
    const products = Array.from({ length: outputs }, (_, o) => {
      const sums = new Float64Array(size);
      for (let i = 0; i < n; i++) addScaled(sums, rows, i * size, targets[i * outputs + o] - mean[o]);
      return sums;
    });
    const gram = gramOf(rows, size);
    return this.strengths.map(strength => {
      const factor = withDiagonal(gram, size, 1, strength * n);
      const maps = products.map(sums => solved(factor, size, sums));
      return affine(maps, mean, size);
    });
  },
  loss: (predicted, targets) => predicted.reduce((sum, value, i) => sum + (value - targets[i]) ** 2, 0),
});

/** Scores of K classes: class k has maps[k] · x + offsets[k], and the softmax of its scores is its probability. */
export interface Discriminant {
  /** [K][P] */
  readonly maps: readonly Float64Array[];
  /** [K] −∞ for a class without samples. */
  readonly offsets: Float64Array;
}

/**
 * Linear discriminant analysis for one of K classes, its pooled covariance W shrunk toward a multiple of the identity (Friedman 1989):
 * (1 − ρ) W + ρ tr(W)/P I, for each ρ of `strengths`. At ρ = 1, this is the nearest centroid.
 *
 * @throws {CadenzaError} `E_SHAPE` if the equations are singular.
 */
export function discriminants(
  classes: number,
  strengths: readonly number[],
  { rows, targets, size }: { readonly rows: Float64Array; readonly targets: ArrayLike<number>; readonly size: number },
): Discriminant[] {
  const n = rows.length / size;
  const counts = new Float64Array(classes);
  const centers = Array.from({ length: classes }, () => new Float64Array(size));
  for (let i = 0; i < n; i++) {
    counts[targets[i]]++;
    addScaled(centers[targets[i]], rows, i * size, 1);
  }
  const within = gramOf(rows, size);
  for (const [k, center] of centers.entries()) {
    if (counts[k] === 0) continue;
    for (let a = 0; a < size; a++) center[a] /= counts[k];
    for (let a = 0; a < size; a++) for (let b = 0; b <= a; b++) within[a * size + b] -= counts[k] * center[a] * center[b];
  }
  const trace = traceOf(within, size);
  // Without variation within classes, use the nearest centroid.
  const spread = trace > 1e-12 * n * size ? trace / size : 1;
  return strengths.map(strength => {
    const factor = withDiagonal(within, size, 1 - strength, strength * spread);
    const maps = centers.map(center => solved(factor, size, center).map(value => n * value));
    const offsets = maps.map((map, k) => (counts[k] > 0 ? Math.log(counts[k] / n) - 0.5 * dot(centers[k], map) : -Infinity));
    return { maps, offsets: Float64Array.from(offsets) };
  });
}

/**
 * Names one of K classes by `discriminants`. Classes without samples are never predicted.
 *
 * @throws {CadenzaError} `E_SHAPE`, when fitted, if the equations are singular.
 */
export const discriminantReadOut = (classes: number): ReadOut => ({
  strengths: [0.05, 0.3, 1],
  targets: 1,
  fit(rows, targets, size) {
    return discriminants(classes, this.strengths, { rows, targets, size }).map(({ maps, offsets }) => {
      const scores = affine(maps, offsets, size);
      return asked => Float64Array.from(rowsOf(scores(asked), classes), likeliest);
    });
  },
  loss: (predicted, targets) => predicted.reduce((sum, value, i) => sum + Number(value !== targets[i]), 0),
});

/** A fitted probe, and its strength of regularization. */
export interface Fitted {
  /** Predicts from standardized coordinates. */
  readonly predict: Predictor;
  /** The regularization strength that was chosen. */
  readonly strength: number;
}

/** Folds of the cross-validation over groups. */
const FOLDS = 3;

/**
 * Fits with the strength that has the smallest cross-validation loss over `FOLDS` folds; ties go to the stronger one. `groups` [n] is the index of the
 * group of every sample. With fewer groups than folds, the strongest is used.
 *
 * @throws {CadenzaError} `E_SHAPE` unless every sample has a group.
 */
export function fitReadOut(
  readOut: ReadOut,
  samples: { rows: Float64Array; targets: Float64Array; groups: ArrayLike<number> },
  size: number,
): Fitted {
  const { rows, targets, groups } = samples;
  const { strengths, targets: width } = readOut;
  invariant(
    rows.length / size === groups.length,
    `a linear probe: expected a group for each of ${rows.length / size} samples, found ${groups.length}.`,
  );
  const parts = [...new Set(Array.from(groups))].length < FOLDS ? 0 : FOLDS;
  const losses = new Float64Array(strengths.length);
  const chosen = (pick: (group: number) => boolean) => {
    const at = Array.from(groups).flatMap((group, i) => (pick(group) ? [i] : []));
    const of = (values: Float64Array, width: number) => {
      const out = new Float64Array(at.length * width);
      for (const [to, i] of at.entries()) out.set(values.subarray(i * width, (i + 1) * width), to * width);
      return out;
    };
    return { rows: of(rows, size), targets: of(targets, width) };
  };
  for (let part = 0; part < parts; part++) {
    const [held, kept] = [chosen(group => group % parts === part), chosen(group => group % parts !== part)];
    for (const [s, predict] of readOut.fit(kept.rows, kept.targets, size).entries())
      losses[s] += readOut.loss(predict(held.rows), held.targets);
  }
  let best = strengths.length - 1;
  for (let s = best; s >= 0; s--) if (losses[s] < losses[best]) best = s;
  const only: ReadOut = { ...readOut, strengths: [strengths[best]] };
  return { predict: only.fit(rows, targets, size)[0], strength: strengths[best] };
}

/** Transforms rows to coordinates of another basis with `size` numbers. */
export interface Coordinates {
  readonly size: number;
  /** Coordinates [n × Q] of rows [n × P]. */
  of(rows: ArrayLike<number>): Float64Array;
}

/**
 * Standardizes features by the rows [n × P] that a probe is fitted on: mean 0, deviation 1 (constant features become 0). With more features than samples,
 * the coordinates are those in the span of the samples, n of them. This loses nothing, because both kinds of probe use rows only through their products
 * with the samples.
 *
 * @throws {CadenzaError} `E_SHAPE` if the equations are singular, as with samples that are not finite.
 */
export function coordinates(fitted: ArrayLike<number>, P: number): Coordinates {
  const n = fitted.length / P;
  const mean = columnMeans(fitted, P);
  const deviation = new Float64Array(P);
  for (let i = 0; i < fitted.length; i++) deviation[i % P] += (fitted[i] - mean[i % P]) ** 2 / n;
  const scale = deviation.map((variance, p) => (variance > 1e-12 * (1 + mean[p] ** 2) ? 1 / Math.sqrt(variance) : 0));
  const standardized = (rows: ArrayLike<number>) =>
    Float64Array.from({ length: rows.length }, (_, i) => (rows[i] - mean[i % P]) * scale[i % P]);
  if (P <= n) return { size: P, of: standardized };
  const samples = standardized(fitted);
  const products = (row: Float64Array) => {
    const out = new Float64Array(n);
    for (let i = 0; i < n; i++) for (let p = 0; p < P; p++) out[i] += samples[i * P + p] * row[p];
    return out;
  };
  const kernel = new Float64Array(n * n);
  for (let i = 0; i < n; i++) kernel.set(products(samples.subarray(i * P, (i + 1) * P)), i * n);
  // The samples are centered, so the kernel is singular; the added diagonal is far below the resolution of float32 features.
  const factor = withDiagonal(kernel, n, 1, 1e-9 * (traceOf(kernel, n) / n) + 1e-12);
  return {
    size: n,
    of(rows) {
      const asked = standardized(rows);
      const out = new Float64Array((asked.length / P) * n);
      for (let i = 0; i < asked.length / P; i++) {
        const row = products(asked.subarray(i * P, (i + 1) * P));
        forwardSolve(factor, n, row);
        out.set(row, i * n);
      }
      return out;
    },
  };
}

/** The lower half of XᵀX. */
function gramOf(rows: Float64Array, size: number): Float64Array {
  const gram = new Float64Array(size * size);
  for (let from = 0; from < rows.length; from += size) {
    for (let a = 0; a < size; a++) {
      const value = rows[from + a];
      if (value === 0) continue;
      for (let b = 0; b <= a; b++) gram[a * size + b] += value * rows[from + b];
    }
  }
  return gram;
}

function traceOf(matrix: Float64Array, size: number): number {
  let trace = 0;
  for (let a = 0; a < size; a++) trace += matrix[a * size + a];
  return trace;
}

/** The Cholesky factor of `share` · matrix + `added` · I. */
function withDiagonal(matrix: Float64Array, size: number, share: number, added: number): Float64Array {
  const factor = matrix.map(value => share * value);
  for (let a = 0; a < size; a++) factor[a * size + a] += added;
  invariant(cholesky(factor, size), `a linear probe of ${size} features has singular equations; check that all of its samples are finite.`);
  return factor;
}

function solved(factor: Float64Array, size: number, vector: Float64Array): Float64Array {
  const out = vector.slice();
  choleskySolve(factor, size, out);
  return out;
}

/** Rows → one output per map, with its offset. */
const affine =
  (maps: readonly Float64Array[], offsets: Float64Array, size: number): Predictor =>
  rows => {
    const out = new Float64Array((rows.length / size) * maps.length);
    for (let i = 0; i < rows.length / size; i++)
      for (let o = 0; o < maps.length; o++) out[i * maps.length + o] = offsets[o] + dot(maps[o], rows, i * size);
    return out;
  };

function dot(a: Float64Array, b: Float64Array, from = 0): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[from + i];
  return sum;
}

function addScaled(into: Float64Array, rows: Float64Array, from: number, scale: number): void {
  for (let a = 0; a < into.length; a++) into[a] += scale * rows[from + a];
}

function columnMeans(values: ArrayLike<number>, width: number): Float64Array {
  const mean = new Float64Array(width);
  for (let i = 0; i < values.length; i++) mean[i % width] += values[i];
  return mean.map(sum => sum / (values.length / width));
}

function* rowsOf(values: Float64Array, width: number): Generator<Float64Array> {
  for (let from = 0; from < values.length; from += width) yield values.subarray(from, from + width);
}

const likeliest = (row: Float64Array): number => row.reduce((best, value, k) => (value > row[best] ? k : best), 0);

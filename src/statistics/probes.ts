/**
 * @file What can be read of the hidden task from a representation of the past: linear probes for each hidden factor, scored on tasks that they
 * were not fitted on, beside chance and controls.
 * Shape key: n samples, P numbers of a representation, C numbers of a factor.
 */

import type { HiddenFactor } from '../rl/index.ts';
import { invariant } from '../util/errors.ts';
import { mean } from './bootstrap.ts';
import { type Coordinates, coordinates, discriminantReadOut, fitReadOut, ridgeReadOut } from './linear-probe.ts';

/** Samples of one representation: rows [n × P], and the factor's numbers in the task of each. */
export interface ProbeSamples {
  /** [n × P] what is probed. */
  readonly rows: ArrayLike<number>;
  /** The numbers of the factor for each row. */
  readonly values: readonly (readonly number[])[];
}

/** Scores of a probe on some samples. */
export interface ProbeScores {
  /**
   * [n] Of classes 1 where every number of the factor is said right, else 0. Of reals 1 − Σ (y − ŷ)² / mean Σ (y − ȳ)², ȳ the mean of what was fitted
   * on: their mean is R².
   */
  readonly whole: Float64Array;
  /** [C][n] the same of each number of the factor. */
  readonly parts: readonly Float64Array[];
  /** Expected mean of `whole` for who knows how often each value came among what was fitted on, and nothing else. */
  readonly chance: number;
}

/** What a probe is fitted and scored on. */
export interface ProbeRequest {
  /** The space of the factor. */
  readonly space: HiddenFactor['space'];
  /** P. */
  readonly size: number;
  /** What the probe is fitted on; `groups` [n] says which samples are of one task. */
  readonly fit: ProbeSamples & { readonly groups: readonly number[] };
  /** What it is scored on. */
  readonly scored: readonly ProbeSamples[];
}

/** What a factor's score is called. */
export const measureOf = (space: HiddenFactor['space']): 'accuracy' | 'R²' => (space.kind === 'box' ? 'R²' : 'accuracy');

/**
 * Fits linear probes for a factor, and scores them. Integers are classes, each with a probe of its own; reals are regressed together.
 *
 * @throws {CadenzaError} `E_SHAPE` unless every sample has `size` numbers.
 */
export function probe({ space, size, fit, scored }: ProbeRequest): ProbeScores[] {
  invariant(
    fit.rows.length === size * fit.values.length && scored.every(({ rows, values }) => rows.length === size * values.length),
    `a probe: expected ${size} numbers a sample, got ${[fit, ...scored].map(({ rows, values }) => `${rows.length} for ${values.length}`).join(', ')}.`,
  );
  const basis = coordinates(fit.rows, size);
  const prepared = { rows: basis.of(fit.rows), groups: fit.groups };
  if (space.kind === 'box') return regressed(basis, prepared, fit, scored);
  const classes = space.kind === 'discrete' ? [space.n] : space.nvec;
  const probes = classes.map((count, c) => ({
    ...fitReadOut(discriminantReadOut(count), { ...prepared, targets: column(fit, c) }, basis.size),
    frequency: frequencies(column(fit, c), count),
  }));
  return scored.map(samples => {
    const rows = basis.of(samples.rows);
    const parts = probes.map(({ predict }, c) => {
      const said = predict(rows);
      return said.map((value, i) => Number(value === samples.values[i][c]));
    });
    const chances = samples.values.map(values => probes.reduce((all, { frequency }, c) => all * frequency[values[c]], 1));
    return { whole: parts.reduce((all, right) => all.map((value, i) => value * right[i])), parts, chance: mean(chances) };
  });
}

function regressed(
  basis: Coordinates,
  prepared: { rows: Float64Array; groups: readonly number[] },
  fit: ProbeSamples,
  scored: readonly ProbeSamples[],
): ProbeScores[] {
  const C = fit.values[0].length;
  const { predict } = fitReadOut(ridgeReadOut(C), { ...prepared, targets: Float64Array.from(fit.values.flat()) }, basis.size);
  const means = Array.from({ length: C }, (_, c) => mean(fit.values.map(values => values[c])));
  return scored.map(({ rows, values }) => {
    const said = predict(basis.of(rows));
    const error = (c: number) => Float64Array.from(values, (actual, i) => (actual[c] - said[i * C + c]) ** 2);
    const variance = (c: number) => mean(values.map(actual => (actual[c] - means[c]) ** 2));
    const share = (errors: Float64Array, variance: number) => errors.map(value => 1 - value / Math.max(variance, 1e-12));
    const [errors, variances] = [means.map((_, c) => error(c)), means.map((_, c) => variance(c))];
    const summed = errors.reduce((all, own) => all.map((value, i) => value + own[i]));
    const spread = variances.reduce((a, b) => a + b);
    return { whole: share(summed, spread), parts: errors.map((own, c) => share(own, variances[c])), chance: 0 };
  });
}

const column = ({ values }: ProbeSamples, c: number) => Float64Array.from(values, value => value[c]);

function frequencies(labels: Float64Array, classes: number): Float64Array {
  const counts = new Float64Array(classes);
  for (const label of labels) counts[label] += 1 / labels.length;
  return counts;
}

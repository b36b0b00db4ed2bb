/**
 * @file Linear probes of the hidden task and of beliefs about it: one for each factor, fitted on a representation of the past and scored on other tasks,
 * next to chance.
 * Shape key: n samples, P features, C numbers of a factor.
 */

import type { Factor } from '../rl/index.ts';
import { invariant } from '../util/errors.ts';
import { groupBy } from '../util/groups.ts';
import { mean } from './bootstrap.ts';
import { type Coordinates, coordinates, discriminantReadOut, fitReadOut, ridgeReadOut } from './linear-probe.ts';

/** Samples of one representation: rows [n × P], and the values [n][C] of the factor at each. */
export interface ProbeSamples {
  /** [n × P] what is probed. */
  readonly rows: ArrayLike<number>;
  /** The numbers of the factor for each row. */
  readonly values: readonly (readonly number[])[];
}

/** Scores of a probe on some samples. */
export interface ProbeScores {
  /**
   * [n] For classes, 1 if every number of the factor is predicted correctly, otherwise 0. For reals, 1 − Σ (y − ŷ)² / mean Σ (y − ȳ)², where ȳ is the mean
   * of the fitted samples; their mean is R². 0 where nothing varies.
   */
  readonly whole: Float64Array;
  /** [C][n] the same for each number of the factor. */
  readonly parts: readonly Float64Array[];
  /** Expected mean of `whole` for predictions drawn from the frequencies of the fitted samples. */
  readonly chance: number;
  /** Mean of `whole` if the most frequent value of the fitted samples is always predicted; 0 for reals. */
  readonly frequent: number;
}

/** What a probe is fitted and scored on. */
export interface ProbeRequest {
  /** The space of the factor. */
  readonly space: Factor['space'];
  /** P. */
  readonly size: number;
  /** Samples to fit; `groups` [n] is the index of the task of each. */
  readonly fit: ProbeSamples & { readonly groups: readonly number[] };
  /** Samples to score. */
  readonly scored: readonly ProbeSamples[];
}

/** Name of the score of a factor. */
export const measureOf = (space: Factor['space']): 'accuracy' | 'R²' => (space.kind === 'box' ? 'R²' : 'accuracy');

/**
 * Fits linear probes for a factor and scores them. Each integer of the factor is classified by its own probe; reals are regressed together.
 *
 * @throws {CadenzaError} `E_SHAPE` unless every sample has `size` numbers.
 */
export function probe({ space, size, fit, scored }: ProbeRequest): ProbeScores[] {
  invariant(
    fit.rows.length === size * fit.values.length && scored.every(({ rows, values }) => rows.length === size * values.length),
    `a probe: expected ${size} features per sample, found ${[fit, ...scored].map(({ rows, values }) => `${rows.length} for ${values.length}`).join(', ')}.`,
  );
  const basis = coordinates(fit.rows, size);
  const prepared = { rows: basis.of(fit.rows), groups: fit.groups };
  if (space.kind === 'box') return regressed(basis, prepared, fit, scored);
  const classes = space.kind === 'discrete' ? [space.n] : space.nvec;
  const probes = classes.map((count, c) => ({
    ...fitReadOut(discriminantReadOut(count), { ...prepared, targets: column(fit, c) }, basis.size),
    frequency: frequencies(column(fit, c), count),
  }));
  const frequent = String(mostFrequent(fit.values));
  return scored.map(samples => {
    const rows = basis.of(samples.rows);
    const parts = probes.map(({ predict }, c) => {
      const said = predict(rows);
      return said.map((value, i) => Number(value === samples.values[i][c]));
    });
    const chances = samples.values.map(values => probes.reduce((all, { frequency }, c) => all * frequency[values[c]], 1));
    return {
      whole: parts.reduce((all, right) => all.map((value, i) => value * right[i])),
      parts,
      chance: mean(chances),
      frequent: mean(samples.values.map(values => Number(String(values) === frequent))),
    };
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
    const share = (errors: Float64Array, variance: number) => errors.map(value => (variance > 1e-12 ? 1 - value / variance : 0));
    const [errors, variances] = [means.map((_, c) => error(c)), means.map((_, c) => variance(c))];
    const summed = errors.reduce((all, own) => all.map((value, i) => value + own[i]));
    const spread = variances.reduce((a, b) => a + b);
    return { whole: share(summed, spread), parts: errors.map((own, c) => share(own, variances[c])), chance: 0, frequent: 0 };
  });
}

const column = ({ values }: ProbeSamples, c: number) => Float64Array.from(values, value => value[c]);

/** The value that occurs most often, the first of several. */
function mostFrequent(values: readonly (readonly number[])[]): readonly number[] {
  const groups = [...groupBy(values, String).values()];
  return groups.reduce((most, group) => (group.length > most.length ? group : most))[0];
}

function frequencies(labels: Float64Array, classes: number): Float64Array {
  const counts = new Float64Array(classes);
  for (const label of labels) counts[label] += 1 / labels.length;
  return counts;
}

/**
 * @file Mean and standard deviation of continuous vectors over the training histories. They enter graphs as parameters that no stage
 * trains, so that a model's file contains them and an exported graph has them as constants.
 */

import type { Tensor } from '../engine/index.ts';
import { type Initializer, Scope, zeroInit } from '../nn/index.ts';
import type { History } from '../rl/index.ts';
import type { Column, Field, TokenLayout } from './layout.ts';

/** Prefix of the statistics among the parameters. */
export const STATISTICS = 'statistics';

/** Numbers with a smaller deviation are constant, and are not scaled. */
const CONSTANT = 1e-6;

const oneInit: Initializer = (_, shape) => new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1);

/** The statistics of a vector field's column as graph inputs, [size] each; 0 and 1 until `fieldStatistics` provides values. */
export function statisticsOf(
  scope: Scope,
  { name, column, size }: Pick<Field, 'name' | 'column' | 'size'>,
): { mean: Tensor; deviation: Tensor } {
  const own = new Scope(scope, STATISTICS).at(column ?? name);
  return { mean: own.parameter('mean', [size], zeroInit), deviation: own.parameter('deviation', [size], oneInit) };
}

/** Values of the statistics of every vector field of these layouts, by parameter name. */
export function fieldStatistics(histories: readonly History[], layouts: readonly TokenLayout[]): Map<string, Float32Array> {
  const found = new Map<string, Float32Array>();
  for (const { column, size } of layouts.flatMap(({ fields }) => fields)) {
    const at = `${STATISTICS}.${column}`;
    if (!column || found.has(`${at}.mean`)) continue;
    const { mean, deviation } = moments(histories, column, size);
    found.set(`${at}.mean`, mean);
    found.set(`${at}.deviation`, deviation);
  }
  return found;
}

/** Mean and standard deviation of every number of a column, in two passes (one pass loses digits if the mean is large). */
function moments(histories: readonly History[], column: Column, size: number): { mean: Float32Array; deviation: Float32Array } {
  const average = (f: (value: number, k: number) => number) => {
    const totals = new Float64Array(size);
    let rows = 0;
    for (const history of histories) {
      const values = history[column];
      for (let i = 0; i < values.length; i++) totals[i % size] += f(values[i], i % size);
      rows += values.length / size;
    }
    return totals.map(total => total / rows);
  };
  const mean = average(value => value);
  const variance = average((value, k) => (value - mean[k]) ** 2);
  return { mean: Float32Array.from(mean), deviation: Float32Array.from(variance, v => (Math.sqrt(v) < CONSTANT ? 1 : Math.sqrt(v))) };
}

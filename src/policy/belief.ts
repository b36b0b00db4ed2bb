/**
 * @file probe.json: reads from Z where an agent believes the goal, the key or the door to be. A linear softmax probe for each number of a
 * place, fitted on training tasks. Shape key: P numbers of Z, K classes of a number.
 */

import { z } from 'zod';
import { CadenzaError } from '../util/errors.ts';
import { checkRecord, sha256Schema } from '../util/formats.ts';
import { softmaxOf } from '../util/softmax.ts';
import type { ModelDescription } from './description.ts';

/** Format of probe.json. */
export const PROBE_FORMAT = 'cadenza-probe-1';
/** Its file, next to model.json. */
export const PROBE_FILE = 'probe.json';

const positive = z.int().min(1);
const share = z.number().min(0).max(1);
const name = z.string().min(1).max(100);

/** Schema of probe.json. */
export const probeSchema = z
  .strictObject({
    format: z.literal(PROBE_FORMAT),
    /** `hash` of the model.json that it belongs to. */
    model: sha256Schema,
    /** What it reads, such as the goal. */
    places: z
      .array(
        z.strictObject({
          name,
          /** Columns and rows of the cells that it can be in. */
          counts: z.tuple([positive, positive]),
          /** Whether each number has one class more: that it is not known yet. */
          unknown: z.boolean(),
          /** [2][K][P + 1] class k of a number has the score weights[k] · Z + weights[k][P]. */
          weights: z.tuple([z.array(z.array(z.number())), z.array(z.array(z.number()))]),
          /** How often both numbers are right on tasks that it was not fitted on, and how often the most frequent value is. */
          accuracy: share,
          frequent: share,
        }),
      )
      .min(1),
    fitted: z.strictObject({
      /** What it was fitted to: the places in the tasks, or what a learner of this source knows after the same steps. */
      to: z.union([z.strictObject({ source: name }), z.literal('tasks')]),
      /** Hash of the split of tasks; those that were fitted are training tasks of it. */
      split: sha256Schema,
      /** Numbers of tasks and of samples that it was fitted on, and of those that it was scored on. */
      tasks: positive,
      samples: positive,
      heldOut: positive,
      scored: positive,
    }),
  })
  .superRefine(({ places }, context) => {
    for (const [i, { counts, unknown, weights }] of places.entries())
      for (const [n, rows] of weights.entries())
        if (rows.length !== counts[n] + Number(unknown) || rows.some(row => row.length !== places[0].weights[0][0].length))
          context.addIssue({ code: 'custom', path: ['places', i, 'weights', n], message: 'expected one row of equal length per class' });
  });

/** What reads places from Z. */
export type Probe = z.output<typeof probeSchema>;

/** Where Z says that something is. */
export interface Belief {
  /** What is there, such as the goal. */
  readonly name: string;
  /** Cells in a row of the grid. */
  readonly columns: number;
  /** Cells in a column of the grid. */
  readonly rows: number;
  /** [rows × columns] its probability in every cell; with `unknown`, they sum to 1. */
  readonly cells: Float32Array;
  /** The probability that Z does not know it yet. */
  readonly unknown: number;
  /** How often the likeliest cell, or that it is unknown, is right on tasks that the probe was not fitted on. */
  readonly accuracy: number;
}

/**
 * Checks that a value is a probe, and that of this model.
 *
 * @param where its name in errors: its path, if there is one.
 * @throws {CadenzaError} `E_CHECKPOINT` otherwise.
 */
export function checkProbe(
  value: unknown,
  { hash, latentShape }: Pick<ModelDescription, 'hash' | 'latentShape'>,
  where = PROBE_FILE,
): Probe {
  const advice = 'Make it again: cadenza inspect <run>.';
  const probe = checkRecord(value, where, { what: `a probe of Z (${PROBE_FORMAT})`, code: 'E_CHECKPOINT', advice, schema: probeSchema });
  const [found, expected] = [probe.places[0].weights[0][0].length, (latentShape?.[0] ?? 0) * (latentShape?.[1] ?? 0) + 1];
  if (probe.model === hash && found === expected) return probe;
  throw new CadenzaError(
    'E_CHECKPOINT',
    `${where} belongs to another model: expected that of model.json (${hash.slice(0, 12)}…), found ${probe.model.slice(0, 12)}…. ${advice}`,
  );
}

/** Reads the places that a Z [P] says. */
export function readBeliefs({ places }: Pick<Probe, 'places'>, latents: ArrayLike<number>): Belief[] {
  return places.map(({ name, counts: [columns, rows], unknown, weights, accuracy }) => {
    const [x, y] = weights.map(own => softmaxOf(own, latents));
    // Numbers of one place are known together.
    const [noX, noY] = unknown ? [x[columns], y[rows]] : [0, 0];
    const known = 1 - (noX + noY) / 2;
    const cells = new Float32Array(columns * rows);
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) cells[r * columns + c] = (known * x[c] * y[r]) / Math.max(1e-9, (1 - noX) * (1 - noY));
    return { name, columns, rows, cells, unknown: 1 - known, accuracy };
  });
}

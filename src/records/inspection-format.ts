/**
 * @file What the measures of an inspection are, as its stages keep them. Not part of this room's index, so that a page which only plays does not
 * carry the schemas.
 */

import { z } from 'zod';

const count = z.int().min(0);
const numbers = z.array(z.number()).readonly();
const sides = <T extends z.ZodType>(value: T) => z.strictObject({ train: value, heldOut: value }).readonly();

/** One curve over in-context episodes, with its 95% intervals. */
const curve = z.strictObject({ mean: numbers, low: numbers, high: numbers }).readonly();
/** A mean per place along a context, with an interval. */
export type Curve = z.output<typeof curve>;

const mean = z.number().nullable();
const agedMeans = z
  .strictObject({
    all: mean,
    /** By episodes back, the latest first. */
    byEpisode: z.array(mean).readonly(),
    /** By steps back, in bins, the latest first. */
    bySteps: z.array(mean).readonly(),
  })
  .readonly();
/** Means by age of a transition. */
export type AgedMeans = z.output<typeof agedMeans>;

/** What one measure of reconstruction found; `null` where there was nothing to give back. */
const fieldReconstruction = z
  .strictObject({
    name: z.string(),
    measure: z.enum(['accuracy', 'squared error', 'recall']),
    /** By the decoder, and by the mean context of the training streams in its place. */
    decoder: agedMeans,
    reference: agedMeans,
  })
  .readonly();
/** How well one field is reconstructed. */
export type FieldReconstruction = z.output<typeof fieldReconstruction>;

export const RECONSTRUCTION = z
  .strictObject({
    /** In-context episodes after which contexts were taken: as many as a context holds. */
    after: count,
    contexts: sides(count),
    /** Transitions of an episode at most: the width of the bins of `byEpisode`. */
    horizon: count,
    /** Transitions of a bin of `bySteps`. */
    binSteps: count,
    fields: sides(z.array(fieldReconstruction).readonly()),
  })
  .readonly();

/** What probes read of one hidden factor. Curves have a number for each entry of `ProbeReport.episodes`. */
const factorProbes = z
  .strictObject({
    name: z.string(),
    measure: z.enum(['accuracy', 'R²']),
    /** By what is read. */
    curves: z.strictObject({ Z: sides(curve), raw: sides(curve), shuffled: sides(curve) }).readonly(),
    /** Of what is read from Z: each number of the factor on its own; left out where it has one. */
    parts: z.array(z.strictObject({ name: z.string(), mean: sides(numbers) })).optional(),
    chance: sides(numbers),
  })
  .readonly();
/** Probes for one hidden factor. */
export type FactorProbes = z.output<typeof factorProbes>;

export const PROBE_REPORT = z
  .strictObject({
    /** In-context episodes that were over. */
    episodes: numbers,
    /** Numbers of Z, and of the latest raw transitions beside it. */
    numbers: z.strictObject({ Z: count, raw: count }),
    /** The latest transitions that `raw` holds. */
    transitions: count,
    /** Streams of each training task that probes were fitted on; its others were scored. */
    fittedStreams: count,
    /** Share of the scored streams that had earned a reward by then. */
    rewarded: sides(numbers),
    factors: z.array(factorProbes).readonly(),
  })
  .readonly();
/** Content of the probe section. */
export type ProbeReport = z.output<typeof PROBE_REPORT>;

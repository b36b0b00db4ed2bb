/**
 * @file Schemas of the measurements of an inspection, as its stages store them. Not in this room's index, so that web pages which only run an agent do
 * not load the schemas.
 */

import { z } from 'zod';

const count = z.int().min(0);
const numbers = z.array(z.number()).readonly();
const sides = <T extends z.ZodType>(value: T) => z.strictObject({ train: value, heldOut: value }).readonly();

/** One curve over moments, with its 95% intervals. */
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

/** The result of one measure of reconstruction; `null` where there was nothing to reconstruct. */
const fieldReconstruction = z
  .strictObject({
    name: z.string(),
    measure: z.enum(['accuracy', 'squared error', 'recall']),
    /** Scores of the decoder, and of the mean context of the training streams. */
    decoder: agedMeans,
    reference: agedMeans,
  })
  .readonly();
/** How well one field is reconstructed. */
export type FieldReconstruction = z.output<typeof fieldReconstruction>;

export const RECONSTRUCTION = z
  .strictObject({
    /** In-context episodes after which contexts were taken: as many as a context has. */
    after: count,
    contexts: sides(count),
    /** Longest episode in transitions: the width of the bins of `byEpisode`. */
    horizon: count,
    /** Width of the bins of `bySteps` in transitions. */
    binSteps: count,
    fields: sides(z.array(fieldReconstruction).readonly()),
  })
  .readonly();

/** Scores of the probes for one factor. Curves have one value for each moment of the report. */
const factorProbes = z
  .strictObject({
    name: z.string(),
    /** The source whose learner believes it; absent for what is hidden in the task. */
    source: z.string().optional(),
    measure: z.enum(['accuracy', 'R²']),
    /** By the input of the probe. */
    curves: z.strictObject({ Z: sides(curve), raw: sides(curve), shuffled: sides(curve) }).readonly(),
    /** Scores from Z for each number of the factor; absent if it has only one. */
    parts: z.array(z.strictObject({ name: z.string(), mean: sides(numbers) })).optional(),
    /** Score without any input: of predictions drawn from the frequencies of what is hidden, or of the most frequent belief. 0 for R². */
    chance: sides(numbers),
  })
  .readonly();
/** Probes for one hidden factor, or one belief about the task. */
export type FactorProbes = z.output<typeof factorProbes>;

export const PROBE_REPORT = z
  .strictObject({
    /** The moments, in completed in-context episodes; absent if streams have one episode. */
    episodes: numbers.optional(),
    /** The moments, in calls since the start of the only episode, where segments end. Streams that ended before are left out. */
    calls: numbers.optional(),
    /** Numbers of Z, and of the last raw transitions. */
    numbers: z.strictObject({ Z: count, raw: count }),
    /** Transitions in `raw`. */
    transitions: count,
    /** Streams of each training task that probes were fitted on; its other streams were scored. */
    fittedStreams: count,
    /** Share of the scored streams that had received a reward by then. */
    rewarded: sides(numbers),
    factors: z.array(factorProbes).readonly(),
  })
  .readonly();
/** Content of the probe section. */
export type ProbeReport = z.output<typeof PROBE_REPORT>;

/** @file Kinds of settings that the schemas of experiments are made of: numbers with their ranges, names, and the optimizer of a training stage. */

import { z } from 'zod';

/**
 * Largest values, each with its reason. They keep single numbers within what the code can count and build; whether an experiment as a whole fits
 * into a machine is for its estimate to say (estimate.ts).
 */
const LIMITS = {
  items: [1_000_000, 'so many are never needed, and lists of more do not fit into memory'],
  tasks: [100_000, 'each is drawn, named and compared by content before anything starts'],
  width: [16_384, 'a layer that is wider has more than 4 GB of weights'],
  layers: [256, 'every block is written out in the graph'],
  tokens: [65_536, 'attention to more does not fit into memory'],
  unrolled: [1024, 'each is written out in the graph'],
  columns: [1024, 'each is a column of a table that the graph holds'],
  batch: [65_536, 'a step on more does not fit into memory'],
  // The step of the optimizer is a float32 number.
  steps: [2 ** 24, 'steps are counted in float32, which is exact so far'],
  resamples: [20_000, 'an interrupt waits for the draws of an interval, which take seconds with more of them and many runs'],
  threads: [1024, 'no machine has so many cores'],
} as const satisfies Record<string, readonly [most: number, because: string]>;

const whole = (limit: keyof typeof LIMITS) => {
  const [most, because] = LIMITS[limit];
  return z.int().max(most, `expected at most ${most}, because ${because}`);
};

/** The smallest and the largest size of a float32 number that processors compute with. */
const [LEAST, MOST] = [2 ** -126, (2 - 2 ** -23) * 2 ** 127];

/** A real number that is still itself in float32, as graphs compute. */
export const real = () =>
  z.number().refine(value => value === 0 || (Math.abs(value) >= LEAST && Math.abs(value) <= MOST), {
    message: `expected 0 or a size between ${LEAST.toPrecision(3)} and ${MOST.toPrecision(3)}, because graphs compute in float32`,
  });

/** A decay rate: below 1 in float32, too, where it would otherwise divide by 0. */
export const decay = (description: string) =>
  real()
    .min(0)
    .lt(1)
    .refine(value => Math.fround(value) < 1, { message: 'expected less than 1, in float32, too' })
    .describe(description);

export const count = (description: string, limit: keyof typeof LIMITS = 'items') => whole(limit).min(1).describe(description);
export const several = (description: string, limit: keyof typeof LIMITS = 'items') => whole(limit).min(2).describe(description);
/** A whole number that may be 0. */
export const steps = (description: string, limit: keyof typeof LIMITS = 'steps') => whole(limit).min(0).describe(description);
export const fraction = (description: string) => real().min(0).max(1).describe(description);
/** A setting that weighs a term: a number of at least 0. */
export const weight = (description: string) => real().min(0).describe(description);
export const positive = (description: string) => real().positive().describe(description);
export const options = (description: string) => z.record(z.string(), z.unknown()).describe(description);
export const folderName = (description: string) =>
  z
    .string()
    .max(100)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'expected letters, digits, ".", "_" and "-", because it names the folder of the run')
    .describe(description);
export const seed = (description: string) => z.int().min(0).describe(description);
export const rising = (list: readonly number[]) => list.every((value, i) => i === 0 || value > list[i - 1]);

/** A list that has nothing twice. */
export const distinct = <T extends z.ZodType>(item: T, what: string) =>
  z.array(item).refine(list => new Set(list).size === list.length, `expected every ${what} once`);

/** AdamW (Loshchilov and Hutter 2019) with linear warm-up, cosine decay and global-norm clipping. */
export const optimizerFields = {
  learningRate: real().positive().max(1).describe('Learning rate after the warm-up'),
  warmup: steps('Steps over which the learning rate rises linearly from 0'),
  weightDecay: weight('Decoupled weight decay, per unit of learning rate'),
  clip: positive('Largest global norm of the gradient; larger ones are scaled down to it'),
  batch: count('Sequences in one step', 'batch'),
  beta1: decay('Decay of the running mean of the gradient'),
  beta2: decay('Decay of the running mean of the squared gradient'),
  decayTo: fraction('Learning rate at the last step, as a fraction of `learningRate` (cosine decay)'),
};

export const optimizerOverrides = z.strictObject(optimizerFields).partial().shape;

/** A section of the configuration: its fields and what has to hold among them. It may be left out where all of its fields may. */
export function section<T extends z.ZodRawShape>(
  description: string,
  fields: T,
  check?: (section: z.output<z.ZodObject<T, z.core.$strict>>, context: z.RefinementCtx) => void,
) {
  const object = z.strictObject(fields);
  return (check ? object.superRefine(check) : object).prefault({} as never).describe(description);
}

/** The section of a training stage: its own fields, and any field of the optimizer to override the shared value. */
export const stageSection = <T extends z.ZodRawShape>(description: string, fields: T) =>
  section(description, { ...fields, ...optimizerOverrides });

/** The sizes in two groups, in the order of a file: those up to the blocks of the compressor, and the others. */
export const sizeFields = (defaults: { readonly encoderLayers: number; readonly poolHeads: number }) => ({
  encoder: {
    width: count('Width of every token and latent (d)', 'width').default(64),
    heads: count('Attention heads; must divide `width`', 'width').default(4),
    feedForward: count('Hidden width of the feed-forward layers, as a multiple of `width`', 'layers').default(4),
    encoderLayers: steps('Blocks of the compressor before it compresses', 'layers').default(defaults.encoderLayers),
  },
  decoder: {
    poolHeads: count('Heads of the attention that pools the context into latents; must divide `width`', 'width').default(
      defaults.poolHeads,
    ),
    decoderLayers: count('Blocks of the policy or predictor', 'layers').default(3),
    latents: count('Latents that carry the context (m)', 'tokens').default(8),
  },
});

/** Refuses a width that the heads do not divide. */
export function checkWidth({ width, heads, poolHeads }: Record<'width' | 'heads' | 'poolHeads', number>, context: z.RefinementCtx): void {
  for (const [name, value] of Object.entries({ heads, poolHeads })) {
    if (width % value === 0) continue;
    const message = `expected a multiple of model.${name}, which is ${value}`;
    context.addIssue({ code: 'custom', path: ['width'], input: width, message });
  }
}

/** @file Building blocks of the experiment schemas: numbers with ranges, names, sections, and the optimizer settings of a training stage. */

import { z } from 'zod';
import { canonicalJson } from '../util/canonical.ts';
import { type OptionTable, optionProblems } from '../util/options.ts';

/**
 * Maximum values, each with its reason. They keep each number within what the code can represent and build. Whether a whole experiment fits
 * into memory is checked by its estimate (estimate.ts).
 */
const LIMITS = {
  items: [1_000_000, 'longer lists do not fit into memory'],
  tasks: [100_000, 'every task is drawn, named and compared by content before the run starts'],
  width: [16_384, 'a wider layer has more than 4 GB of weights'],
  layers: [256, 'the graph contains every block separately'],
  tokens: [65_536, 'attention over more tokens does not fit into memory'],
  unrolled: [1024, 'the graph contains each one separately'],
  columns: [1024, 'each one is a column of a table in the graph'],
  batch: [65_536, 'a larger batch does not fit into memory'],
  // The optimizer stores its step count in float32.
  steps: [2 ** 24, 'steps are counted in float32, which is exact only up to this number'],
  resamples: [20_000, 'more resamples take seconds per interval, during which the run cannot be interrupted'],
  threads: [1024, 'no machine has more cores'],
} as const satisfies Record<string, readonly [most: number, because: string]>;

const whole = (limit: keyof typeof LIMITS) => {
  const [most, because] = LIMITS[limit];
  return z.int().max(most, `expected at most ${most}, because ${because}`);
};

/** Smallest and largest magnitude of a normal float32 number. */
const [LEAST, MOST] = [2 ** -126, (2 - 2 ** -23) * 2 ** 127];

/** A real number that neither overflows nor underflows in float32, in which graphs compute. */
export const real = () =>
  z.number().refine(value => value === 0 || (Math.abs(value) >= LEAST && Math.abs(value) <= MOST), {
    message: `expected 0 or a magnitude between ${LEAST.toPrecision(3)} and ${MOST.toPrecision(3)}, because graphs compute in float32`,
  });

/** A decay rate. It must stay below 1 after rounding to float32; bias correction would otherwise divide by 0. */
export const decay = (description: string) =>
  real()
    .min(0)
    .lt(1)
    .refine(value => Math.fround(value) < 1, { message: 'expected less than 1 after rounding to float32' })
    .describe(description);

export const count = (description: string, limit: keyof typeof LIMITS = 'items') => whole(limit).min(1).describe(description);
export const several = (description: string, limit: keyof typeof LIMITS = 'items') => whole(limit).min(2).describe(description);
/** An integer from 0. */
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
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
      'expected a letter or digit, then letters, digits, ".", "_" or "-", because it becomes a folder name',
    )
    .describe(description);
export const seed = (description: string) => z.int().min(0).describe(description);
export const rising = (list: readonly number[]) => list.every((value, i) => i === 0 || value > list[i - 1]);

/** A list without duplicates. */
export const distinct = <T extends z.ZodType>(item: T, what: string) =>
  z.array(item).refine(list => new Set(list.map(each => canonicalJson(each))).size === list.length, `expected each ${what} only once`);

/** AdamW (Loshchilov and Hutter 2019) with linear warm-up, cosine decay and global-norm clipping. */
export const optimizerFields = {
  learningRate: real().positive().max(1).describe('Peak learning rate, reached after the warm-up'),
  warmup: steps('Number of steps in which the learning rate rises linearly from 0'),
  weightDecay: weight('Decoupled weight decay, multiplied by the learning rate'),
  clip: positive('Maximum global gradient norm. Larger gradients are scaled down to it'),
  batch: count('Batch size: sequences per step', 'batch'),
  beta1: decay('β₁ of AdamW: decay of the moving average of the gradient'),
  beta2: decay('β₂ of AdamW: decay of the moving average of the squared gradient'),
  decayTo: fraction('Learning rate at the last step, as a fraction of learningRate. The decay follows a cosine'),
};

export const optimizerOverrides = z.strictObject(optimizerFields).partial().shape;

/** A section of the configuration: its fields and a check across them. It can be omitted if all of its fields can. */
export function section<T extends z.ZodRawShape>(
  description: string,
  fields: T,
  check?: (section: z.output<z.ZodObject<T, z.core.$strict>>, context: z.RefinementCtx) => void,
) {
  const object = z.strictObject(fields);
  return (check ? object.superRefine(check) : object).prefault({} as never).describe(description);
}

/** The section of a training stage: its own fields, and optional overrides of the shared optimizer settings. */
export const stageSection = <T extends z.ZodRawShape>(description: string, fields: T) =>
  section(description, { ...fields, ...optimizerOverrides });

/** Model sizes in two groups, in file order: those up to the compressor's blocks, and the rest. */
export const sizeFields = (defaults: { readonly encoderLayers: number; readonly poolHeads: number }) => ({
  encoder: {
    width: count('Width d of every token and latent', 'width').default(64),
    heads: count('Number of attention heads. Must divide model.width', 'width').default(4),
    feedForward: count('Hidden width of the feed-forward layers, as a multiple of model.width', 'layers').default(4),
    encoderLayers: steps('Number of transformer blocks that encode the context before it is compressed', 'layers').default(
      defaults.encoderLayers,
    ),
  },
  decoder: {
    poolHeads: count('Number of heads of the attention that pools the context into latents. Must divide model.width', 'width').default(
      defaults.poolHeads,
    ),
    decoderLayers: count('Number of transformer blocks of the policy or predictor', 'layers').default(3),
    latents: count('Number of latents m to which the context is compressed', 'tokens').default(8),
  },
});

/**
 * Reports options that a registered kind does not accept, each at its own place. An unknown id is left to the registry.
 *
 * @param what the kind and the registry that has it.
 * @param below options that the given ones override.
 */
export function checkOptions(
  [what, registry]: readonly [what: string, registry: { readonly all: readonly { readonly id: string; readonly options: OptionTable }[] }],
  { id, options = {} }: { readonly id: string; readonly options?: Readonly<Record<string, unknown>> },
  context: z.RefinementCtx,
  { path, below = {} }: { readonly path: readonly (string | number)[]; readonly below?: Readonly<Record<string, unknown>> },
): void {
  const entry = registry.all.find(each => each.id === id);
  for (const { key, expected, found } of entry ? optionProblems(`${what} ${id}`, entry.options, { ...below, ...options }) : [])
    if (!Object.hasOwn(below, key) || Object.hasOwn(options, key))
      context.addIssue({ code: 'custom', path: [...path, 'options', key], input: found, message: expected });
}

/** Reports a width that is not a multiple of the number of heads. */
export function checkWidth({ width, heads, poolHeads }: Record<'width' | 'heads' | 'poolHeads', number>, context: z.RefinementCtx): void {
  for (const [name, value] of Object.entries({ heads, poolHeads })) {
    if (width % value === 0) continue;
    const message = `expected a multiple of model.${name} (${value})`;
    context.addIssue({ code: 'custom', path: ['width'], input: width, message });
  }
}

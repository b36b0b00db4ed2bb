/** @file Kinds of settings that the schemas of experiments are made of: numbers with their ranges, names, and the optimiser of a training stage. */

import { z } from 'zod';

export const count = (description: string) => z.int().min(1).describe(description);
export const steps = (description: string) => z.int().min(0).describe(description);
export const fraction = (description: string) => z.number().min(0).max(1).describe(description);
export const weight = (description: string) => z.number().min(0).describe(description);
export const options = (description: string) => z.record(z.string(), z.unknown()).describe(description);
export const folderName = (description: string) =>
  z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'expected letters, digits, ".", "_" and "-", because it names the folder of the run')
    .describe(description);
export const seed = (description: string) => z.int().min(0).describe(description);
export const rising = (list: readonly number[]) => list.every((value, i) => i === 0 || value > list[i - 1]);

/** AdamW (Loshchilov and Hutter 2019) with linear warm-up, cosine decay and global-norm clipping. */
export const optimiserFields = {
  learningRate: z.number().positive().max(1).describe('Learning rate after the warm-up'),
  warmup: steps('Steps over which the learning rate rises linearly from 0'),
  weightDecay: weight('Decoupled weight decay, per unit of learning rate'),
  clip: z.number().positive().describe('Largest global norm of the gradient; larger ones are scaled down to it'),
  batch: count('Sequences in one step'),
  beta1: z.number().min(0).lt(1).describe('Decay of the running mean of the gradient'),
  beta2: z.number().min(0).lt(1).describe('Decay of the running mean of the squared gradient'),
  decayTo: fraction('Learning rate at the last step, as a fraction of `learningRate` (cosine decay)'),
};

export const optimiserOverrides = z.strictObject(optimiserFields).partial().shape;

/** A training stage: its own fields, and any field of the optimiser to override the shared value. */
export const trainingStage = <T extends z.ZodRawShape>(description: string, fields: T) =>
  z
    .strictObject({ ...fields, ...optimiserOverrides })
    .prefault({} as never)
    .describe(description);

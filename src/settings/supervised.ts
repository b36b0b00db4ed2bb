/** @file Settings of a supervised experiment (method 5.3) that belong to no training stage, in two groups as in `base.ts`. */

import { z } from 'zod';
import { POSITION_KINDS } from '../nn/index.ts';
import { evaluationFields, importsField, resamplesField, sharedFields } from './base.ts';
import { wholeCompressionSection } from './compressor.ts';
import { checkWidth, count, options, section, sizeFields } from './fields.ts';

const sizes = sizeFields({ encoderLayers: 3, poolHeads: 4 });

const { name, seed, seeds, compressor, optimizer } = sharedFields();

/** Problem, model and optimizer. Choices include everything registered at the time of the call. */
export const problemFields = () => ({
  name,
  imports: importsField,
  seed,
  seeds,
  problem: z
    .strictObject({
      id: z.string().describe('Problem, by its registered name'),
      options: options('Options of the problem, which validates them').default({}),
    })
    .describe('Supervised problem that tasks are drawn from'),
  context: section('The context X: labeled examples', {
    examples: count('Maximum number of examples in a context').default(16),
    fewest: count(
      'Minimum number of examples in a context. Training draws the number uniformly between context.fewest and context.examples',
    ).default(1),
    positions: z
      .enum(['none', ...POSITION_KINDS])
      .describe('Position encoding of the examples. With none, the context is an unordered set')
      .default('none'),
  }),
  queries: count('Number of query inputs per context in training. They share Z but do not see each other', 'batch').default(8),
  model: section('Size of the compressor C_θ and the predictor A_φ', { ...sizes.encoder, ...sizes.decoder }, checkWidth),
  compressor,
  compression: wholeCompressionSection(),
  optimizer,
});

/** Validation, evaluation, checkpoints and executor. */
export const scoringFields = {
  validation: section('Training curve: the error on validation tasks, which are used neither for training nor for testing', {
    everySteps: count('Training steps between measurements', 'steps').default(500),
    tasks: count('Number of validation tasks').default(256),
  }),
  evaluate: section('Evaluation on test tasks, for every number of examples', {
    tasks: count('Number of test tasks').default(1000),
    queries: count('Number of query inputs per task').default(16),
    headline: count('Number of examples for which the summary reports errors. At most context.examples').default(10),
    resamples: resamplesField,
  }),
  checkpoint: evaluationFields.checkpoint,
  executor: evaluationFields.executor,
};

/** A resolved supervised experiment without the sections of training stages. */
export type SupervisedBase = z.output<z.ZodObject<ReturnType<typeof problemFields> & typeof scoringFields>>;

/** @file The settings of a supervised experiment (method 5.3) that do not belong to a training stage, in two lists as those of `base.ts`. */

import { z } from 'zod';
import { POSITION_KINDS } from '../nn/index.ts';
import { evaluationFields, importsField, resamplesField, sharedFields } from './base.ts';
import { wholeCompressionSection } from './compressor.ts';
import { checkWidth, count, options, section, sizeFields } from './fields.ts';

const sizes = sizeFields({ encoderLayers: 3, poolHeads: 4 });

const { name, seed, seeds, compressor, optimizer } = sharedFields();

/** Problem, model and optimizer, with the kinds that there are now. */
export const problemFields = () => ({
  name,
  imports: importsField,
  seed,
  seeds,
  problem: z
    .strictObject({
      id: z.string().describe('Problem, by its registered name'),
      options: options("The problem's own options; it checks them").default({}),
    })
    .describe('The family of tasks'),
  context: section('The example pairs X', {
    examples: count('Most examples in a context').default(16),
    fewest: count('Fewest examples; training draws how many uniformly between the two').default(1),
    positions: z
      .enum(['none', ...POSITION_KINDS])
      .describe('How examples are told apart by their places; without positions a context is a set')
      .default('none'),
  }),
  queries: count('Test inputs for each context in training; they share Z and do not see each other', 'batch').default(8),
  model: section('Sizes of the compressor C_θ and of the predictor A_φ', { ...sizes.encoder, ...sizes.decoder }, checkWidth),
  compressor,
  compression: wholeCompressionSection(),
  optimizer,
});

/** Scores and the machine. */
export const scoringFields = {
  validation: section('The training curve: errors on tasks that are neither trained on nor tested on', {
    everySteps: count('Training steps between two measurements', 'steps').default(500),
    tasks: count('Validation tasks').default(256),
  }),
  evaluate: section('Evaluation on the test tasks, with every number of examples', {
    tasks: count('Test tasks').default(1000),
    queries: count('Test inputs of each task').default(16),
    headline: count('Number of examples that the summary is about; at most context.examples').default(10),
    resamples: resamplesField,
  }),
  checkpoint: evaluationFields.checkpoint,
  executor: evaluationFields.executor,
};

/** A resolved supervised experiment as far as it is not about single training stages. */
export type SupervisedBase = z.output<z.ZodObject<ReturnType<typeof problemFields> & typeof scoringFields>>;

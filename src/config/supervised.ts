/** @file The configuration of a supervised experiment (method 5.3): every setting with its unit, range and default. */

import { z } from 'zod';
import { POSITION_KINDS } from '../nn/index.ts';
import { count, seed, steps } from '../settings/fields.ts';
import { fields as shared } from './experiment.ts';

const fields = {
  name: shared.name,
  seed: seed('Root seed of the validation and test tasks').default(0),
  seeds: shared.seeds,
  problem: z
    .strictObject({
      id: z.string().describe('Problem, by its registered name'),
      options: z.record(z.string(), z.unknown()).describe("The problem's own options; it checks them").default({}),
    })
    .describe('The family of tasks'),
  context: z
    .strictObject({
      examples: count('Most examples in a context').default(16),
      fewest: count('Fewest examples; training draws how many uniformly between the two').default(1),
      positions: z
        .enum(['none', ...POSITION_KINDS])
        .describe('How examples are told apart by their places; without positions a context is a set')
        .default('none'),
    })
    .prefault({})
    .describe('The example pairs X'),
  queries: count('Test inputs for each context in training; they share Z and do not see each other', 'batch').default(8),
  model: z
    .strictObject({
      width: count('Width of every token and latent (d)', 'width').default(64),
      heads: count('Attention heads; must divide `width`', 'width').default(4),
      feedForward: count('Hidden width of the feed-forward layers, as a multiple of `width`', 'layers').default(4),
      encoderLayers: steps('Blocks of the compressor before it compresses', 'layers').default(3),
      poolHeads: count('Heads of the attention that pools the examples into latents; must divide `width`', 'width').default(4),
      decoderLayers: count('Blocks of the predictor', 'layers').default(3),
      latents: count('Latents that carry the context (m)', 'tokens').default(8),
    })
    .superRefine(({ width, heads, poolHeads }, context) => {
      for (const [name, value] of Object.entries({ heads, poolHeads })) {
        if (width % value === 0) continue;
        const message = `expected a multiple of model.${name}, which is ${value}`;
        context.addIssue({ code: 'custom', path: ['width'], input: width, message });
      }
    })
    .prefault({})
    .describe('Sizes of the compressor C_θ and of the predictor A_φ'),
  compressor: shared.compressor,
  optimiser: shared.optimiser,
  train: z
    .strictObject({ steps: count('Training steps', 'steps').default(4000) })
    .prefault({})
    .describe('Compressor and predictor, end to end on −log p(label)'),
  baselines: z
    .strictObject({
      steps: steps('Training steps of each; 0 trains none').default(4000),
      methods: z
        .array(z.enum(['full', 'truncated', 'mean-pool', 'none']))
        .refine(list => new Set(list).size === list.length, 'expected every baseline once')
        .describe('Every example reaches the predictor, the last m examples, mean pooling to m latents, no context')
        .default(['full', 'truncated', 'mean-pool']),
    })
    .prefault({})
    .describe('Models of the same size trained in the same way for comparison'),
  validation: z
    .strictObject({
      everySteps: count('Training steps between two measurements', 'steps').default(500),
      tasks: count('Validation tasks').default(256),
    })
    .prefault({})
    .describe('The training curve: errors on tasks that are neither trained on nor tested on'),
  evaluate: z
    .strictObject({
      tasks: count('Test tasks').default(1000),
      queries: count('Test inputs of each task').default(16),
      headline: count('Number of examples that the summary is about; at most context.examples').default(10),
      resamples: count('Bootstrap resamples behind the 95% intervals', 'resamples').default(2000),
    })
    .prefault({})
    .describe('Evaluation on the test tasks, with every number of examples'),
  checkpoint: shared.checkpoint,
  executor: shared.executor,
};

/** The whole file. Strict everywhere: an unknown key is an error. */
export const supervisedSchema = z.strictObject(fields).superRefine(({ context, evaluate }, check) => {
  const { examples, fewest } = context;
  const least = (path: string[], value: number, low: number, high: number, what: string) => {
    if (value >= low && value <= high) return;
    check.addIssue({ code: 'custom', path, input: value, message: `expected ${low} to ${high}, ${what}` });
  };
  least(['context', 'fewest'], fewest, 1, examples, 'because context.examples is the largest number');
  least(['evaluate', 'headline'], evaluate.headline, Math.min(fewest, examples), examples, 'a number of examples that is trained on');
});

/** A fully resolved supervised experiment. */
export type SupervisedConfig = z.output<typeof supervisedSchema>;

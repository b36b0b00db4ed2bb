/**
 * @file The settings of an experiment that do not belong to a training stage, in two lists: what comes before the stages in a file, and what
 * comes after them. Stages add theirs (training/stages).
 */

import { resolve } from 'node:path';
import { z } from 'zod';
import { POSITION_KINDS } from '../nn/index.ts';
import { SELECTIONS } from '../records/index.ts';
import { LABELS } from '../sources/index.ts';
import { IMAGE_ENCODER_KINDS, tokenizers } from '../tokenizers/index.ts';
import { expandHome } from '../util/files.ts';
import { compressionSection, latentsSection } from './compressor.ts';
import {
  checkWidth,
  count,
  distinct,
  folderName,
  fraction,
  optimizerFields,
  options,
  real,
  rising,
  section,
  seed,
  sizeFields,
  steps,
} from './fields.ts';
import { policySection } from './policy.ts';

const sizes = sizeFields({ encoderLayers: 2, poolHeads: 16 });

/** Modules of the user. */
export const importsField = z
  .array(z.string())
  .describe(
    'Modules in TypeScript or JavaScript that register kinds of their own, seen from this file; a run names them by their whole paths',
  )
  .default([]);

/** Data, model and optimizer, with the kinds that there are now. */
export const sharedFields = () => ({
  name: folderName('Name of the experiment and of its folder'),
  imports: importsField,
  seed: seed('Root seed of the data').default(0),
  seeds: distinct(seed('Seed of one training run'), 'training seed')
    .min(1)
    .describe('Seeds of the training runs; each trains and is evaluated from scratch')
    .default([0]),
  env: section('The family of tasks', {
    id: z.string().describe('Environment family, by its registered name').default('dark-room'),
    options: options("The family's own options; it checks them").optional(),
  }),
  split: section('Training and held-out tasks, separated by content', {
    tasks: count('Training tasks to draw, for families whose tasks are drawn and not listed; leave it out elsewhere', 'tasks').optional(),
    heldOut: count('Tasks never trained on', 'tasks').default(8),
    validation: steps('Further tasks kept from training, to choose settings on', 'tasks').default(0),
    seed: seed('Seed of the choice of held-out tasks').default(0),
  }),
  source: section('Where the learning histories come from', {
    id: z.string().describe('Learning algorithm whose histories are distilled, by its registered name').default('r-max'),
    dataset: z
      .string()
      .min(1)
      // The run's own config.yaml must mean the same folder from wherever it is opened.
      .overwrite(path => resolve(expandHome(path)))
      .describe(
        'Folder of histories that `cadenza import` wrote, seen from the working directory: they take the place of those of an algorithm. Beside it only maxTasks and stride are read',
      )
      .optional(),
    options: options("The algorithm's own options; it checks them").default({}),
    maxTasks: count('Training tasks that get histories, drawn by split.seed; all of them when left out').optional(),
    histories: count('Learning histories per training task').default(24),
    episodes: count('Episodes in one history').default(24),
    stride: count('Keep every so many-th episode: slow learners improve visibly within a short context then').default(1),
    labels: z
      .enum(LABELS)
      .describe(
        'Whose actions queries are taught: the learner as it was at that step (recorded, as in algorithm distillation; when left out), or as it is at the end of its history (final)',
      )
      .optional(),
    noise: section('Noise curriculum over the executed actions; labels stay clean', {
      fraction: fraction('Fraction of the histories that get random actions mixed in').default(0.5),
      max: fraction('Largest share of random actions in such a history; each draws its own, uniformly').default(0.4),
    }),
  }),
  tokenizer: z
    .enum(tokenizers.ids)
    .describe('Layout of a trajectory: one token a transition, or one each for state, action and reward')
    .default('packed'),
  context: section(
    'The raw context X',
    {
      episodes: count('Past episodes that the compressor sees; `segments` says it where `segment` is given').default(10),
      segment: count(
        'Transitions that are compressed at once, and that the query holds at most; no segment holds parts of two episodes. A whole episode when left out',
      ).optional(),
      segments: count('Past segments that the compressor sees; goes with `segment`').optional(),
    },
    ({ segment, segments }, context) => {
      if ((segment === undefined) === (segments === undefined)) return;
      const [missing, given] = segment === undefined ? ['segment', 'segments'] : ['segments', 'segment'];
      const message = `expected a number, because context.${given} is given; without both the context is counted in context.episodes`;
      context.addIssue({ code: 'custom', path: [missing], input: undefined, message });
    },
  ),
  queries: section('The running episodes Q that are trained on', {
    earlyEpisodeFraction: fraction(
      'Share of the query episodes that come from the first half of their history; the others come from all of it',
    )
      .meta({ formerly: 'early' })
      .default(0),
  }),
  model: section(
    'Sizes of the compressor C_θ and of the policy A_φ',
    {
      ...sizes.encoder,
      encoderSpan: z
        .enum(['context', 'horizon'])
        .describe(
          "Tokens among which the compressor's blocks attend: all of the context, or pieces as long as a segment (an episode's horizon)",
        )
        .default('context'),
      ...sizes.decoder,
      positions: z
        .enum(POSITION_KINDS)
        .describe(
          'How tokens are told apart by place: added to them (learned, sinusoidal), or in self-attention alone (rotary, relative-bias)',
        )
        .default('learned'),
      rewards: z
        .union([z.literal('scalar'), z.array(real()).min(1).refine(rising, 'expected edges that rise')])
        .describe('How rewards are embedded: as one number, or by buckets with these edges')
        .default('scalar'),
      image: section('How images are embedded, where the observation is one', {
        encoder: z
          .enum(IMAGE_ENCODER_KINDS)
          .describe('Encoder of images: square patches pooled with their places, or two strided 3 × 3 convolutions')
          .default('patches'),
        patch: count('Side of a patch in pixels; `conv` does not read it').default(6),
        features: count('Features of a patch or pixel inside the encoder', 'width').default(32),
      }),
    },
    (sizes, context) => {
      const { positions } = sizes;
      const width = sizes.width / sizes.heads;
      const message = `expected an even width of a head (model.width / model.heads) for rotary positions, which is ${width}`;
      if (positions === 'rotary' && width % 2 !== 0) context.addIssue({ code: 'custom', path: ['positions'], input: positions, message });
      checkWidth(sizes, context);
    },
  ),
  policy: policySection(),
  compressor: z.string().describe('Kind of compressor, by its registered name').default('bottleneck'),
  latents: latentsSection(),
  compression: compressionSection(),
  optimizer: section('AdamW settings shared by every stage; a stage may override any of them', {
    learningRate: optimizerFields.learningRate.default(2e-3),
    warmup: optimizerFields.warmup.default(100),
    weightDecay: optimizerFields.weightDecay.default(0.01),
    clip: optimizerFields.clip.default(1),
    batch: optimizerFields.batch.default(64),
    beta1: optimizerFields.beta1.default(0.9),
    beta2: optimizerFields.beta2.default(0.99),
    decayTo: optimizerFields.decayTo.default(0.05),
  }).meta({ formerly: 'optimiser' }),
});

/** The draws behind intervals. */
export const resamplesField = count('Bootstrap resamples behind the 95% intervals', 'resamples').default(2000);

const selections = Object.keys(SELECTIONS) as (keyof typeof SELECTIONS)[];

/** Evaluation and the machine. */
export const evaluationFields = {
  evaluate: section('Evaluation on the held-out tasks', {
    tasks: z
      .enum(['test', 'validation'])
      .describe('Held-out tasks, or the validation tasks while settings are being chosen')
      .default('test'),
    maxTasks: count('Tasks to evaluate at most, drawn by split.seed; all held-out ones when left out').optional(),
    episodes: count('In-context episodes').default(30),
    streams: count('Independent evaluation streams per goal and training seed').default(20),
    sampling: z.enum(['sample', 'greedy']).describe('Draw actions from the policy, or take the most likely one').default('sample'),
    resamples: resamplesField,
    // These three change no rollout, so no other stage depends on them.
    reference: z
      .union(
        [
          z.enum(['oracle', 'measured']),
          z
            .strictObject({ low: z.number().describe('Return that scores 0'), high: z.number().describe('Return that scores 1') })
            .refine(({ low, high }) => high > low, 'expected high above low'),
        ],
        { error: 'expected oracle, measured, or two returns as { low, high }' },
      )
      .describe(
        'What scores 0 and 1: nothing and the oracle; what random choice and the source are measured to earn; or two returns, low and high, the same for all tasks. The oracle where the environment declares one, else measured, when left out',
      )
      .optional(),
    imitationHistories: steps(
      'Fresh histories of the source on every evaluated task that trained models look on at, to compare their action probabilities with its own; 0 leaves this out',
      'items',
    )
      .meta({ formerly: 'imitation' })
      .default(4),
    timedActions: steps('Actions of one stream that are timed for every trained model, for the record of the run; 0 times none', 'items')
      .meta({ formerly: 'timed' })
      .default(200),
    envs: z
      .array(
        z.strictObject({
          name: folderName('Name of the result table'),
          options: options('Options of the family that differ from `env.options`'),
        }),
      )
      .refine(list => new Set(list.map(({ name }) => name)).size === list.length, 'expected every name once')
      .describe('The same trained models, and the source, also evaluated where the family has other options; one result table each')
      .default([]),
  }),
  // Nothing is trained by how the others were chosen (method 4.4), but results carry it and reports judge by it.
  selection: section('How the settings of this experiment were chosen', {
    by: z
      .enum(selections)
      .describe(
        `How the settings were chosen: ${selections.map(kind => `${kind} (${SELECTIONS[kind]})`).join(', ')}. Reports refuse rows that were selected on test tasks`,
      )
      .default('unstated'),
    settings: z
      .string()
      .regex(/^[0-9a-f]{12}$/, 'expected 12 hexadecimal digits, as `cadenza config print` shows them')
      .describe(
        'Fingerprint of the settings that were so chosen, as `cadenza config print` shows it. The statement does not count for others, such as those with a `--set`',
      )
      .optional(),
    note: z.string().describe('More about it, in words').optional(),
    study: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 in hexadecimal')
      .describe('SHA-256 of the tune.json that recommended the settings; `cadenza tune` writes it')
      .optional(),
    tasks: z
      .array(z.string())
      .describe('Keys of the tasks that the settings were chosen on; reports refuse the rows if one of them is evaluated as a test task')
      .optional(),
  }),
  checkpoint: section('What an interrupted run continues from', {
    everySteps: count('Training steps between two checkpoints', 'steps').default(200),
  }),
  executor: section('The machine', {
    provider: z.enum(['cpu', 'webgpu', 'cuda']).describe('What computes; `cadenza doctor` says which of them work here').default('cpu'),
    threads: count('Threads of the executor; results are equal bit for bit only at an equal number', 'threads').default(2),
  }),
};

/** A resolved experiment as far as it is not about single training stages. */
export type BaseConfig = z.output<z.ZodObject<ReturnType<typeof sharedFields> & typeof evaluationFields>>;

export type OptimizerConfig = BaseConfig['optimizer'];

/**
 * @file Settings of an experiment that belong to no training stage, in two groups: those before the stages in a file and those after
 * them. Each stage defines its own section (training/stages).
 */

import { resolve } from 'node:path';
import { z } from 'zod';
import { POSITION_KINDS } from '../nn/index.ts';
import { SELECTIONS } from '../records/index.ts';
import { LABELS } from '../sources/index.ts';
import { CURRICULUM_ORDERS, IMAGE_ENCODER_KINDS, tokenizers } from '../tokenizers/index.ts';
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

/** Modules that the user imports. */
export const importsField = z
  .array(z.string())
  .describe(
    'TypeScript or JavaScript modules that register your own environments, compressors and so on. Paths are relative to this file; runs record absolute paths',
  )
  .default([]);

/** Data, model and optimizer. Choices include everything registered at the time of the call. */
export const sharedFields = () => ({
  name: folderName('Name of the experiment. Without --out, results go to runs/<name>'),
  imports: importsField,
  seed: seed('Root seed of the data: task parameters and learning histories').default(0),
  seeds: distinct(seed('Seed of one training run'), 'training seed')
    .min(1)
    .describe('One training run per seed, trained and evaluated from scratch. Intervals cover the variation between seeds')
    .default([0]),
  env: section('Environment that tasks are drawn from', {
    id: z.string().describe('Environment, by its registered name').default('dark-room'),
    options: options('Options of the environment, which validates them. If omitted, its defaults').optional(),
  }),
  split: section('Split into training, validation and test tasks. No task occurs in two of them, compared by content', {
    tasks: count(
      'Number of training tasks, for environments that draw tasks from a distribution. Omit it for environments with a fixed list of tasks',
      'tasks',
    ).optional(),
    heldOut: count('Number of held-out test tasks, never used in training', 'tasks').default(8),
    validation: steps('Number of validation tasks, held out in addition to the test tasks, for choosing settings', 'tasks').default(0),
    seed: seed('Seed that selects the held-out tasks').default(0),
  }),
  source: section('Learning histories: the training data', {
    id: z.string().describe('Source algorithm whose learning histories are distilled, by its registered name').default('r-max'),
    dataset: z
      .string()
      .min(1)
      // The run's own config.yaml must mean the same folder from wherever it is opened.
      .overwrite(path => resolve(expandHome(path)))
      .describe(
        'Folder written by `cadenza import`, relative to the working directory. Its histories replace those of a source algorithm; of the other source settings, only maxTasks and stride apply. If omitted, the source algorithm generates the histories',
      )
      .optional(),
    options: options('Options of the source algorithm, which validates them').default({}),
    env: options(
      'Options of the environment in which the histories are made, where they differ from env.options. It must have the same tasks and spaces, so that the agents are evaluated elsewhere than they were trained',
    ).optional(),
    maxTasks: count('Maximum number of training tasks with histories, selected by split.seed. If omitted, all training tasks').optional(),
    histories: count('Number of learning histories per training task').default(24),
    episodes: count('Episodes per history').default(24),
    stride: count(
      'Keep every n-th episode of a history. With slow learners, a larger stride makes improvement visible within a short context',
    ).default(1),
    labels: z
      .enum(LABELS)
      .describe(
        'Actions that queries are trained on: those of the learner at that step (recorded, as in algorithm distillation), or, once the history contains a reward, those of the learner at the end of its history (final). If omitted, recorded',
      )
      .optional(),
    noise: section('Exploration noise in the executed actions. Action labels are not affected', {
      fraction: fraction('Fraction of histories in which some executed actions are random').default(0.5),
      max: fraction(
        'Maximum fraction of random actions in such a history. Each history draws its fraction uniformly from 0 to this value',
      ).default(0.4),
    }),
  }),
  tokenizer: z
    .enum(tokenizers.ids)
    .describe('How a trajectory becomes tokens: one token per transition, or separate tokens for state, action and reward')
    .default('packed'),
  context: section(
    'The context X: the past transitions that the compressor encodes',
    {
      episodes: count('Number of past episodes in the context. Not used if context.segment is set; then context.segments applies').default(
        10,
      ),
      segment: count(
        'Transitions per segment: the unit of compression and the maximum length of the query. A segment never spans two episodes. If omitted, a segment is a whole episode',
      ).optional(),
      segments: count('Number of past segments in the context. Required if context.segment is set, otherwise not allowed').optional(),
      layout: z
        .enum(['window', 'segments'])
        .describe(
          'How past transitions are arranged: window (the latest ones, contiguous) or segments (each segment in a slot of its own; shorter ones leave room). If omitted, what the compressor needs: segments for causal and recurrent compressors, otherwise window',
        )
        .optional(),
    },
    ({ segment, segments }, context) => {
      if ((segment === undefined) === (segments === undefined)) return;
      const [missing, given] = segment === undefined ? ['segment', 'segments'] : ['segments', 'segment'];
      const message = `expected a number, because context.${given} is set. Set both, or neither: then context.episodes sets the length of the context`;
      context.addIssue({ code: 'custom', path: [missing], input: undefined, message });
    },
  ),
  queries: section(
    'Queries Q: the running episodes on which the policy is trained',
    {
      earlyEpisodeFraction: fraction(
        'Fraction of query episodes drawn from the first half of a history. The rest are drawn uniformly from the whole history',
      )
        .meta({ formerly: 'early' })
        .default(0),
      perHistory: count(
        'Number of queries of a batch that come from the same history, near each other; optimizer.batch counts queries. With context.layout segments and model.encoderSpan horizon, each segment is encoded once for all of them',
        'batch',
      ).default(1),
      consecutive: z
        .boolean()
        .describe(
          'Whether these queries are consecutive segments, which the next batch continues. A recurrent compressor then carries Z from batch to batch, and gradients flow through perHistory segments (truncated backpropagation through time)',
        )
        .default(false),
      restart: fraction(
        'Probability that a history is left after a segment, so that another one begins. Otherwise a history is followed to its end',
      ).default(0),
      curriculum: z
        .strictObject({
          order: z
            .enum(CURRICULUM_ORDERS)
            .describe(
              'Which histories come first: those with the fewest transitions (length), or those whose task changes least often (changes)',
            ),
          from: fraction('Fraction of the histories that the first training step draws from').default(0.1),
          steps: steps('Training step of each stage from which on all histories are drawn. The fraction rises linearly until then'),
        })
        .optional()
        .describe('Curriculum: easy histories first, then more and more of them (Platanios et al. 2019). If omitted, all from the start'),
      reconstructed: count(
        'Number of these queries whose contexts a training step reconstructs, drawn at random from those of each history. If omitted, all',
        'batch',
      ).optional(),
    },
    ({ perHistory, reconstructed = 1, consecutive, restart, earlyEpisodeFraction }, context) => {
      const refuse = (key: string, input: number, message: string) => context.addIssue({ code: 'custom', path: [key], input, message });
      if (consecutive && earlyEpisodeFraction > 0)
        refuse(
          'earlyEpisodeFraction',
          earlyEpisodeFraction,
          'expected 0, because queries.consecutive follows every history from its start',
        );
      if (!consecutive && restart > 0) refuse('restart', restart, 'expected 0, because only consecutive queries follow a history');
      if (reconstructed > perHistory)
        refuse('reconstructed', reconstructed, `expected at most ${perHistory}, because queries.perHistory is ${perHistory}`);
    },
  ),
  model: section(
    'Size of the compressor C_θ and the policy A_φ',
    {
      ...sizes.encoder,
      encoderSpan: z
        .enum(['context', 'horizon'])
        .describe(
          "Range of self-attention in the compressor: context (the whole context) or horizon (only within one segment, by default an episode's horizon)",
        )
        .default('context'),
      ...sizes.decoder,
      positions: z
        .enum(POSITION_KINDS)
        .describe('Position encoding: added to the tokens (learned, sinusoidal) or applied in self-attention (rotary, relative-bias)')
        .default('learned'),
      rewards: z
        .union([z.literal('scalar'), z.array(real()).min(1).refine(rising, 'expected bucket edges in increasing order')])
        .describe(
          'Reward embedding: scalar (linear in the reward) or a list of bucket edges in increasing order (one embedding per bucket)',
        )
        .default('scalar'),
      image: section('Embedding of image observations. Not used for other observations', {
        encoder: z
          .enum(IMAGE_ENCODER_KINDS)
          .describe('Image encoder: patches (square patches with their positions, pooled) or conv (two strided 3 × 3 convolutions)')
          .default('patches'),
        patch: count('Side length of a patch in pixels. Only used by patches').default(6),
        features: count('Number of features per patch or pixel inside the image encoder', 'width').default(32),
      }),
    },
    (sizes, context) => {
      const { positions } = sizes;
      const width = sizes.width / sizes.heads;
      const message = `rotary positions need an even head width, but model.width / model.heads is ${width}`;
      if (positions === 'rotary' && width % 2 !== 0) context.addIssue({ code: 'custom', path: ['positions'], input: positions, message });
      checkWidth(sizes, context);
    },
  ),
  policy: policySection(),
  compressor: z.string().describe('Compressor, by its registered name').default('bottleneck'),
  latents: latentsSection(),
  compression: compressionSection(),
  optimizer: section('AdamW settings, shared by all training stages. Any stage can override them in its own section', {
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

/** Number of bootstrap resamples. */
export const resamplesField = count('Number of bootstrap resamples for each 95% interval', 'resamples').default(2000);

const selections = Object.keys(SELECTIONS) as (keyof typeof SELECTIONS)[];

/** Evaluation, provenance, checkpoints and executor. */
export const evaluationFields = {
  evaluate: section('Evaluation on held-out tasks, with all weights frozen', {
    tasks: z
      .enum(['test', 'validation'])
      .describe('Tasks to evaluate on: the test tasks, or the validation tasks while you choose settings')
      .default('test'),
    maxTasks: count('Maximum number of tasks to evaluate, selected by split.seed. If omitted, all of them').optional(),
    episodes: count('In-context episodes per evaluation stream').default(30),
    streams: count('Number of independent evaluation streams per task and training seed').default(20),
    sampling: z
      .enum(['sample', 'greedy'])
      .describe('Action selection: sample from the policy, or always take the most likely action (greedy)')
      .default('sample'),
    window: count(
      "Number of calls per window. If given, a stream is one life of evaluate.episodes times the environment's horizon calls, and is scored by windows instead of episodes: the sum of what the environment counts (its outcome, or the reward) over the calls of each window. Must divide the calls of a stream",
    ).optional(),
    recoveryBin: count(
      'Number of calls per bin of recovery curves: the mean outcome of a call by the time since the last change of the task, in environments whose tasks change. Needs evaluate.window. If omitted, 25',
    ).optional(),
    interventions: distinct(
      z.union(
        [
          z.enum(['clear-at-change', 'clear-at-attempt']),
          z.strictObject({ 'clear-once': count('Call before which the memory is cleared, counted from 0') }),
          z.strictObject({ donor: count('Call from which each stream continues with the memory of a stream of the next task') }),
        ],
        { error: 'expected clear-at-change, clear-at-attempt, { clear-once: call } or { donor: call }' },
      ),
      'intervention',
    )
      .describe(
        'Further evaluations of the same trained agents, each with an intervention on the memory: clear-at-change (cleared whenever the task changes), clear-at-attempt (cleared at every attempt), { clear-once: call } (cleared once), or { donor: call } (from this call on, each stream continues with the memory of a stream of the next task). Needs evaluate.window. If omitted, none',
      )
      .optional(),
    every: count(
      'Steps of fine-tuning between two evaluations of the agent on the validation tasks, which add its returns to the metrics. They do not change the training. Needs split.validation above 0. If omitted, none',
      'steps',
    ).optional(),
    resamples: resamplesField,
    // The next settings do not change any rollout, so no other stage depends on them.
    reference: z
      .union(
        [
          z.enum(['oracle', 'measured', 'raw']),
          z
            .strictObject({ low: z.number().describe('Return with the score 0'), high: z.number().describe('Return with the score 1') })
            .refine(({ low, high }) => high > low, 'expected high to be greater than low'),
        ],
        { error: 'expected oracle, measured, raw, or two returns { low, high }' },
      )
      .describe(
        "How returns are normalized, that is, which returns score 0 and 1. oracle: 0 and the environment's optimal return. measured: the measured returns of a random policy and of the source. { low, high }: two fixed returns for all tasks. raw: not normalized. With evaluate.window, these are returns per window. If omitted, raw if windows count an outcome of the environment, oracle if the environment declares an optimal return, otherwise measured",
      )
      .optional(),
    imitationHistories: steps(
      'Number of new source histories per evaluated task on which the action probabilities of each model are compared with those of the source. 0 skips this comparison',
      'items',
    )
      .meta({ formerly: 'imitation' })
      .default(4),
    timedActions: steps('Number of actions to time for each trained model, to report latency. 0 skips the measurement', 'items')
      .meta({ formerly: 'timed' })
      .default(200),
    envs: z
      .array(
        z.strictObject({
          name: folderName('Name of the results table'),
          options: options('Environment options that override env.options'),
        }),
      )
      .refine(list => new Set(list.map(({ name }) => name)).size === list.length, 'expected unique names')
      .describe('Additional evaluations of the same trained models in variants of the environment, with one results table each')
      .default([]),
  }),
  // Training does not depend on how settings were chosen (method 4.4). Results record it, and reports check it.
  selection: section('Statement of how the settings of this experiment were chosen, recorded in the results', {
    by: z
      .enum(selections)
      .describe(
        `How the settings were chosen: ${selections.map(kind => `${kind} (${SELECTIONS[kind]})`).join(', ')}. Reports reject methods whose settings were selected on test tasks`,
      )
      .default('unstated'),
    settings: z
      .string()
      .regex(/^[0-9a-f]{12}$/, 'expected 12 hexadecimal digits, as printed by `cadenza config print`')
      .describe(
        'Fingerprint of the settings to which this statement applies, as printed by `cadenza config print`. If settings differ from it, for example after --set, the statement is ignored',
      )
      .optional(),
    note: z.string().describe('Free-text note about the selection').optional(),
    study: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 in hexadecimal')
      .describe('SHA-256 of the tune.json that recommended these settings. Written by `cadenza tune`')
      .optional(),
    tasks: z
      .array(z.string())
      .describe('Keys of the tasks on which the settings were chosen. Reports reject methods that were tested on any of them')
      .optional(),
  }),
  checkpoint: section('Checkpoints, from which an interrupted run resumes', {
    everySteps: count('Training steps between checkpoints', 'steps').default(200),
  }),
  executor: section('Hardware that runs the computation', {
    provider: z
      .enum(['cpu', 'webgpu', 'cuda'])
      .describe('ONNX Runtime execution provider. `cadenza doctor` lists those that work on this machine')
      .default('cpu'),
    threads: count(
      'Number of threads of the executor. Results are bit-for-bit reproducible only with the same number of threads',
      'threads',
    ).default(2),
    workers: count(
      'Number of threads that divide every batch of training among themselves, each with executor.threads threads of its own. `cadenza doctor` measures which division is fastest. Results are bit-for-bit reproducible only with the same number of workers',
      'threads',
    ).default(1),
    recompute: z
      .boolean()
      .describe(
        'Whether transformer blocks are computed again for their gradients, instead of being kept in memory until then. It saves memory, mostly with long gradients (queries.perHistory), and a step takes up to a third longer. Results are the same',
      )
      .default(false),
  }),
};

/** A resolved experiment without the sections of training stages. */
export type BaseConfig = z.output<z.ZodObject<ReturnType<typeof sharedFields> & typeof evaluationFields>>;

export type OptimizerConfig = BaseConfig['optimizer'];

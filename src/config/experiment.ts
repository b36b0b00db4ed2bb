/** @file The configuration of an experiment: every setting with its unit, range and default, and what stages derive from it. */

import { resolve } from 'node:path';
import { z } from 'zod';
import { POSITION_KINDS } from '../nn/index.ts';
import {
  count,
  folderName,
  fraction,
  optimiserFields,
  optimiserOverrides,
  options,
  real,
  rising,
  seed,
  steps,
  trainingStage,
  weight,
} from '../settings/fields.ts';
import { formConflicts, formFields } from '../settings/form.ts';
import { headSchema } from '../settings/head.ts';
import { latentsSchema } from '../settings/latents.ts';
import { measureFields } from '../settings/measures.ts';
import { promptConflicts, promptSchema } from '../settings/prompt.ts';
import { retrievalSchema, retrieveStage } from '../settings/retrieval.ts';
import { returnsSchema } from '../settings/returns.ts';
import { selectionSchema } from '../settings/selection.ts';
import { IMAGE_ENCODER_KINDS, tokenizers } from '../tokenizers/index.ts';
import { baselineSteps, baselinesStage } from '../training/baselines-settings.ts';
import { loadConfig } from '../util/config.ts';
import { expandHome } from '../util/files.ts';

/** The settings of an experiment in reinforcement learning, before they are checked against each other. */
export const fields = {
  name: folderName('Name of the experiment and of its folder'),
  seed: seed('Root seed of the data').default(0),
  seeds: z
    .array(seed('Seed of one training run'))
    .min(1)
    .refine(list => new Set(list).size === list.length, 'expected every training seed once')
    .describe('Seeds of the training runs; each trains and is evaluated from scratch')
    .default([0]),
  env: z
    .strictObject({
      id: z.string().describe('Environment family, by its registered name').default('dark-room'),
      options: options("The family's own options; it checks them").optional(),
    })
    .prefault({})
    .describe('The family of tasks'),
  split: z
    .strictObject({
      tasks: count('Training tasks to draw, for families whose tasks are drawn and not listed; leave it out elsewhere', 'tasks').optional(),
      heldOut: count('Tasks never trained on', 'tasks').default(8),
      validation: steps('Further tasks kept from training, to choose settings on', 'tasks').default(0),
      seed: seed('Seed of the choice of held-out tasks').default(0),
    })
    .prefault({})
    .describe('Training and held-out tasks, separated by content'),
  source: z
    .strictObject({
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
      noise: z
        .strictObject({
          fraction: fraction('Fraction of the histories that get random actions mixed in').default(0.5),
          max: fraction('Largest share of random actions in such a history; each draws its own, uniformly').default(0.4),
        })
        .prefault({})
        .describe('Noise curriculum over the executed actions; labels stay clean'),
    })
    .prefault({})
    .describe('Where the learning histories come from'),
  tokenizer: z
    .enum(tokenizers.ids)
    .describe('Layout of a trajectory: one token a transition, or one each for state, action and reward')
    .default('packed'),
  context: z
    .strictObject({
      episodes: count('Past episodes that the compressor sees; `segments` says it where `segment` is given').default(10),
      segment: count(
        'Transitions that are compressed at once, and that the query holds at most; no segment holds parts of two episodes. A whole episode when left out',
      ).optional(),
      segments: count('Past segments that the compressor sees; goes with `segment`').optional(),
    })
    .superRefine(({ segment, segments }, context) => {
      if ((segment === undefined) === (segments === undefined)) return;
      const [missing, given] = segment === undefined ? ['segment', 'segments'] : ['segments', 'segment'];
      const message = `expected a number, because context.${given} is given; without both the context is counted in context.episodes`;
      context.addIssue({ code: 'custom', path: [missing], input: undefined, message });
    })
    .prefault({})
    .describe('The raw context X'),
  queries: z
    .strictObject({
      early: fraction('Share of the query episodes that come from the first half of their history; the others come from all of it').default(
        0,
      ),
    })
    .prefault({})
    .describe('The running episodes Q that are trained on'),
  model: z
    .strictObject({
      width: count('Width of every token and latent (d)', 'width').default(64),
      heads: count('Attention heads; must divide `width`', 'width').default(4),
      feedForward: count('Hidden width of the feed-forward layers, as a multiple of `width`', 'layers').default(4),
      encoderLayers: steps('Blocks of the compressor before it compresses', 'layers').default(2),
      encoderSpan: z
        .enum(['context', 'horizon'])
        .describe(
          "Tokens among which the compressor's blocks attend: all of the context, or pieces as long as a segment (an episode's horizon)",
        )
        .default('context'),
      poolHeads: count('Heads of the attention that pools the context into latents; must divide `width`', 'width').default(16),
      decoderLayers: count('Blocks of the policy', 'layers').default(3),
      latents: count('Latents that carry the context (m)', 'tokens').default(8),
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
      image: z
        .strictObject({
          encoder: z
            .enum(IMAGE_ENCODER_KINDS)
            .describe('Encoder of images: square patches pooled with their places, or two strided 3 × 3 convolutions')
            .default('patches'),
          patch: count('Side of a patch in pixels; `conv` does not read it').default(6),
          features: count('Features of a patch or pixel inside the encoder', 'width').default(32),
        })
        .prefault({})
        .describe('How images are embedded, where the observation is one'),
    })
    .superRefine(({ width, heads, poolHeads, positions }, context) => {
      if (positions === 'rotary' && (width / heads) % 2 !== 0)
        context.addIssue({
          code: 'custom',
          path: ['positions'],
          input: positions,
          message: `expected an even width of a head (model.width / model.heads) for rotary positions, which is ${width / heads}`,
        });
      for (const [name, count] of Object.entries({ heads, poolHeads })) {
        if (width % count === 0) continue;
        context.addIssue({
          code: 'custom',
          path: ['width'],
          input: width,
          message: `expected a multiple of model.${name}, which is ${count}`,
        });
      }
    })
    .prefault({})
    .describe('Sizes of the compressor C_θ and of the policy A_φ'),
  policy: z
    .strictObject({
      ...formFields,
      retrieval: retrievalSchema,
      prompt: promptSchema,
      returns: returnsSchema,
      head: headSchema,
    })
    .prefault({})
    .describe('Form of the policy A_φ'),
  compressor: z.string().describe('Kind of compressor, by its registered name').default('bottleneck'),
  latents: latentsSchema,
  compression: z
    .strictObject({
      latentLayers: steps('linear-projection, causal: blocks over the latents', 'layers').default(1),
      perSegment: count('causal: latents that one segment becomes', 'tokens').default(1),
      update: z
        .enum(['gru', 'residual', 'replace'])
        .describe(
          'recurrent: how Z and what a segment made of it are joined: a GRU gate as in GTrXL, their normalised sum, or the latter alone',
        )
        .default('gru'),
      gradientRounds: count(
        'recurrent: rounds, counted from the last, through which gradients flow; all of the context when left out',
      ).optional(),
      workingMemory: steps(
        'recurrent: last transitions of the latest segment that the policy sees beside Z. With segments of n this is the memory of RAD: K = n + this',
        'items',
      ).default(0),
    })
    .prefault({})
    .describe('What single compressors read; each says which of it, and no stage of another depends on it'),
  optimiser: z
    .strictObject({
      learningRate: optimiserFields.learningRate.default(2e-3),
      warmup: optimiserFields.warmup.default(100),
      weightDecay: optimiserFields.weightDecay.default(0.01),
      clip: optimiserFields.clip.default(1),
      batch: optimiserFields.batch.default(64),
      beta1: optimiserFields.beta1.default(0.9),
      beta2: optimiserFields.beta2.default(0.99),
      decayTo: optimiserFields.decayTo.default(0.05),
    })
    .prefault({})
    .describe('AdamW settings shared by every stage; a stage may override any of them'),
  teacher: trainingStage('The teacher p_T that distillation may follow', {
    kind: z
      .enum(['context', 'monte-carlo'])
      .describe('A transformer over the full raw context, or Monte-Carlo estimates of optimal actions')
      .default('context'),
    steps: steps('Training steps of the full-context transformer').default(1000),
  }),
  pretrain: trainingStage('Reconstruction pretraining of the compressor, L_rec + λ_cap · R(Z)', {
    steps: steps('Training steps; 0 skips the stage').default(500),
    lambdaCap: weight('λ_cap, the weight of R(Z): of the L2 penalty, the KL divergence or the commitment loss of the latents').default(
      1e-3,
    ),
  }),
  distil: trainingStage('Distillation into the policy with the compressor frozen, α · task + β · KL', {
    steps: steps('Training steps; 0 skips the stage').default(500),
    alpha: weight("α, the weight of the cross-entropy with the source's actions").default(1),
    beta: weight('β, the weight of the KL divergence from the teacher').default(0),
  }),
  finetune: trainingStage('Joint fine-tuning of compressor and policy, L_AD + γ · L_rec + λ_cap · R(Z)', {
    steps: steps('Training steps; 0 skips the stage').default(1000),
    beta: weight('β here; the same as in distil when left out').optional(),
    gamma: weight('γ, the weight of the reconstruction loss').default(0.1),
    lambdaCap: weight('λ_cap here').default(0),
    compressorRate: fraction("Learning rate of the compressor, as a fraction of the policy's").default(0.5),
    compressorWeightDecay: weight('Weight decay of the compressor').default(0.01),
  }),
  reinforce: z
    .strictObject({
      ...optimiserOverrides,
      learningRate: optimiserFields.learningRate.default(2e-4),
      steps: steps('Iterations, each of rollouts on training tasks and of updates on them; 0 skips the stage').default(0),
      streams: count('Streams of one iteration, each on a training task, from an empty memory').default(64),
      episodes: count('In-context episodes of a stream').default(10),
      epochs: count('Times that the episodes of an iteration are gone through, `batch` of them a step').default(3),
      discount: fraction('γ, the worth of a reward one step later').default(0.99),
      across: fraction('Share of γ that is left between two episodes: 1 counts later episodes for earlier actions, 0 does not').default(1),
      lambda: fraction('λ of the generalised advantages: 0 trusts the values, 1 the rewards').default(0.95),
      clipRatio: real()
        .positive()
        .describe("ε, by how much an action's probability may change before the change stops counting")
        .default(0.2),
      policyWeight: weight('Weight of the clipped surrogate of the negative expected return').default(1),
      valueWeight: weight('Weight of the squared error of the values').default(0.5),
      valueRate: weight("Learning rate of the values, as a multiple of the policy's").default(5),
      valueSteps: steps('Iterations at the beginning in which the values alone learn').default(2),
      entropyWeight: weight("Weight of the policy's entropy, which is rewarded").default(0.003),
      klWeight: weight('Weight of the KL divergence from the policy that the stage starts with').default(0),
      imitationWeight: weight('Weight of the cross-entropy with the labels of the own rollouts (on-policy distillation)').default(0),
      labels: z
        .enum(['source', 'monte-carlo'])
        .describe("Who labels them: the source's learner, looking on, or Monte-Carlo estimates of optimal actions")
        .default('source'),
      compressorRate: fraction("Learning rate of the compressor, as a fraction of the policy's; 0 freezes it").default(0.5),
    })
    .prefault({})
    .describe('Training on the returns of in-context rollouts (PPO), after fine-tuning'),
  retrieve: retrieveStage,
  baselines: baselinesStage,
  evaluate: z
    .strictObject({
      tasks: z
        .enum(['test', 'validation'])
        .describe('Held-out tasks, or the validation tasks while settings are being chosen')
        .default('test'),
      maxTasks: count('Tasks to evaluate at most, drawn by split.seed; all held-out ones when left out').optional(),
      episodes: count('In-context episodes').default(30),
      streams: count('Independent evaluation streams per goal and training seed').default(20),
      sampling: z.enum(['sample', 'greedy']).describe('Draw actions from the policy, or take the most likely one').default('sample'),
      resamples: count('Bootstrap resamples behind the 95% intervals', 'resamples').default(2000),
      ...measureFields,
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
    })
    .prefault({})
    .describe('Evaluation on the held-out tasks'),
  selection: selectionSchema,
  checkpoint: z
    .strictObject({ everySteps: count('Training steps between two checkpoints', 'steps').default(200) })
    .prefault({})
    .describe('What an interrupted run continues from'),
  executor: z
    .strictObject({
      provider: z.enum(['cpu', 'webgpu', 'cuda']).describe('What computes; `cadenza doctor` says which of them work here').default('cpu'),
      threads: count('Threads of the executor; results are equal bit for bit only at an equal number', 'threads').default(2),
    })
    .prefault({})
    .describe('The machine'),
};

const { name: _name, ...settableFields } = fields;

/** The experiment without its further tables. */
const coreSchema = z.strictObject(fields).superRefine(checkAcross);

type Core = z.output<typeof coreSchema>;

type DeepPartial<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: DeepPartial<T[K]> } : T;

/** What one further table changes. */
export type TableSettings = DeepPartial<Omit<Core, 'name'>>;

/** Settings that differ from those of an experiment, checked key by key. */
export const settingsSchema = deepPartial(z.strictObject(settableFields)) as z.ZodType<TableSettings>;

const tableSchema = z.strictObject({
  name: fields.name.describe('Name of the table'),
  set: settingsSchema.describe('Settings that differ from the main experiment'),
});

/** The whole file. Strict everywhere: an unknown key is an error. */
export const experimentSchema = z
  .strictObject({
    ...fields,
    tables: z.array(tableSchema).describe('Further result tables: the same experiment with some settings changed').default([]),
  })
  .superRefine(checkAcross)
  .superRefine(checkTables);

/** A fully resolved experiment. */
export type ExperimentConfig = z.output<typeof experimentSchema>;
export type ExperimentTable = ExperimentConfig['tables'][number];
export type EvaluationEnv = ExperimentConfig['evaluate']['envs'][number];

/** AdamW settings of one stage. */
export type OptimiserConfig = ExperimentConfig['optimiser'];
export type TrainingStage = 'teacher' | 'pretrain' | 'distil' | 'finetune' | 'reinforce' | 'retrieve' | 'baselines';

/** Reads an experiment from its YAML file. Throws `E_CONFIG` as `loadConfig` does. */
export function loadExperiment(file: string, overrides: readonly string[] = []): ExperimentConfig {
  return loadConfig(experimentSchema, { file, overrides });
}

/** The optimiser of a stage: the shared settings with the stage's own on top. */
export function stageOptimiser(config: Pick<ExperimentConfig, 'optimiser' | TrainingStage>, stage: TrainingStage): OptimiserConfig {
  const own: Partial<OptimiserConfig> = config[stage];
  const resolved = Object.entries(config.optimiser).map(([key, shared]) => [key, own[key as keyof OptimiserConfig] ?? shared]);
  return Object.fromEntries(resolved) as OptimiserConfig;
}

/** Training steps of a stage; what counts as a step of `reinforce` is an iteration. */
export const stageSteps = (config: ExperimentConfig, stage: TrainingStage): number =>
  stage === 'baselines' ? baselineSteps(config) : config[stage].steps;

/** The experiment as it is evaluated at the options of `evaluate.envs[…]`. */
export function evaluatedAt<T extends Pick<ExperimentConfig, 'env' | 'evaluate'>>(config: T, { options }: EvaluationEnv): T {
  return { ...config, env: { ...config.env, options: { ...config.env.options, ...options } } };
}

/** The experiment behind a further table, named `<experiment>-<table>`, with no further tables of its own. */
export function tableConfig(config: ExperimentConfig, table: ExperimentTable): ExperimentConfig {
  return withSettings(config, [table.set], `${config.name}-${table.name}`);
}

// ---- checks across fields ----------------------------------------------------------------------------------------------------

function checkAcross(config: z.output<z.ZodObject<typeof fields>>, context: z.RefinementCtx): void {
  const { teacher, distil, finetune, reinforce, retrieve, split, evaluate, policy } = config;
  if (distil.steps === 0 && finetune.steps === 0) {
    const message = 'expected distil.steps or finetune.steps above 0; otherwise nothing trains the policy';
    context.addIssue({ code: 'custom', path: ['finetune', 'steps'], input: 0, message });
  }
  if (evaluate.tasks === 'validation' && split.validation === 0) {
    const message = 'expected at least 1, because evaluate.tasks is validation';
    context.addIssue({ code: 'custom', path: ['split', 'validation'], input: 0, message });
  }
  // With returns to predict there is something to learn without actions.
  if (distil.alpha === 0 && distil.beta === 0 && !policy.returns) {
    context.addIssue({ code: 'custom', path: ['distil', 'alpha'], input: 0, message: 'expected distil.alpha or distil.beta above 0' });
  }
  if (distil.alpha === 0 && finetune.beta === 0 && !policy.returns) {
    context.addIssue({ code: 'custom', path: ['finetune', 'beta'], input: 0, message: 'expected distil.alpha or finetune.beta above 0' });
  }
  const { dataset, episodes: lived, stride } = config.source;
  if (dataset === undefined && stride > lived) {
    const message = `expected at most source.episodes, which is ${lived}; of every ${stride} episodes one is kept, and a history has fewer`;
    context.addIssue({ code: 'custom', path: ['source', 'stride'], input: stride, message });
  }
  for (const conflict of [...formConflicts(config), ...promptConflicts(config)]) context.addIssue({ code: 'custom', ...conflict });
  const { streams, episodes, batch = config.optimiser.batch } = reinforce;
  if (reinforce.steps > 0 && streams * episodes < batch) {
    const message = `expected at most ${streams * episodes}, the episodes of one iteration (reinforce.streams × reinforce.episodes)`;
    context.addIssue({ code: 'custom', path: ['reinforce', 'batch'], input: batch, message });
  }
  if (policy.retrieval.contexts > 0 && retrieve.steps === 0) {
    const message = 'expected at least 1, because policy.retrieval.contexts is above 0 and nothing else trains the policy on what is found';
    context.addIssue({ code: 'custom', path: ['retrieve', 'steps'], input: 0, message });
  }
  if (reinforce.policyWeight === 0 && reinforce.imitationWeight === 0) {
    const message = 'expected reinforce.policyWeight or reinforce.imitationWeight above 0';
    context.addIssue({ code: 'custom', path: ['reinforce', 'policyWeight'], input: 0, message });
  }
  for (const [stage, beta = 0] of Object.entries({ distil: distil.beta, finetune: finetune.beta })) {
    if (beta === 0 || teacher.kind !== 'context' || teacher.steps > 0) continue;
    const message = 'expected 0 without a trained teacher (teacher.steps is 0); train one, or set teacher.kind: monte-carlo';
    context.addIssue({ code: 'custom', path: [stage, 'beta'], input: beta, message });
  }
}

/**
 * The experiment with settings laid over it one after the other, under another name and with no further tables. Only the outcome has to fit
 * together. Throws the issues of `coreSchema`.
 */
export function withSettings({ tables: _, ...config }: ExperimentConfig, sets: readonly TableSettings[], name: string): ExperimentConfig {
  const merged = sets.reduce<Core>((below, set) => mergeTable(below, set) as Core, config);
  return { ...coreSchema.parse(merged), name, tables: [] };
}

function checkTables({ tables, ...config }: ExperimentConfig, context: z.RefinementCtx): void {
  // One result table each. Hashes of data go by the same names, those of the experiment itself under "main".
  const taken = new Map([
    [config.name, 'the experiment'],
    ['main', 'the data of the experiment'],
  ]);
  const take = (path: (string | number)[], name: string, what: string) => {
    const other = taken.get(name);
    if (other) context.addIssue({ code: 'custom', path, input: name, message: `expected another name, because ${other} has this one` });
    else taken.set(name, what);
  };
  for (const [i, { name }] of config.evaluate.envs.entries()) take(['evaluate', 'envs', i, 'name'], name, `evaluate.envs.${i}`);
  for (const [i, { name, set }] of tables.entries()) {
    take(['tables', i, 'name'], name, `tables.${i}`);
    for (const env of set.evaluate?.envs ?? config.evaluate.envs)
      take(['tables', i, 'name'], `${name}-${env.name}`, `tables.${i} at ${env.name}`);
    const result = coreSchema.safeParse(mergeTable(config, set), { reportInput: true });
    for (const issue of result.error?.issues ?? []) context.addIssue({ ...issue, path: ['tables', i, 'set', ...issue.path] });
  }
}

/** The settings of a table over those of the experiment. Another source or environment starts from its own options, not from the first one's. */
function mergeTable(config: Core, set: TableSettings): unknown {
  const other = (section: 'source' | 'env') => set[section]?.id !== undefined && set[section].id !== config[section].id;
  const base = {
    ...config,
    ...(other('source') ? { source: { ...config.source, options: {} } } : {}),
    ...(other('env') ? { env: { id: config.env.id } } : {}),
  };
  return merge(base, set);
}

/** Maps are merged key by key; lists and values are replaced. */
function merge(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (!isMap(base) || !isMap(over)) return over;
  return { ...base, ...Object.fromEntries(Object.entries(over).map(([key, value]) => [key, merge(base[key], value)])) };
}

const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The schema with every key optional at every depth and no defaults; checks across fields wait until it is merged. */
function deepPartial(schema: z.core.$ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional)
    return deepPartial(schema.unwrap());
  if (!(schema instanceof z.ZodObject)) return schema as z.ZodType;
  const optional = Object.entries(schema.shape).map(([key, field]) => {
    // Sections are described outside their default, which goes; single fields inside, which stays.
    const description = z.globalRegistry.get(field)?.description;
    const bare = deepPartial(field).optional();
    return [key, description ? bare.describe(description) : bare];
  });
  return z.strictObject(Object.fromEntries(optional));
}

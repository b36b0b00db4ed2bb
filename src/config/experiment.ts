/** @file The configuration of a reinforcement learning experiment: all settings, and the checks across them. */

import { z } from 'zod';
import { environments } from '../envs/index.ts';
import { evaluationFields, sharedFields } from '../settings/base.ts';
import { checkOptions } from '../settings/fields.ts';
import { sources } from '../sources/index.ts';
import { stageFields } from '../training/stages/index.ts';
import { loadConfig, topLevelKeys } from '../util/config.ts';
import { CadenzaError } from '../util/errors.ts';
import { layOver } from '../util/layers.ts';
import { fromRegistries } from '../util/registry.ts';
import { readLayers } from './bases.ts';
import { importNamed } from './imports.ts';

/** The settings of a reinforcement learning experiment, without the checks across them. */
const fields = fromRegistries(() => ({ ...sharedFields(), ...stageFields(), ...evaluationFields }));

type Fields = ReturnType<typeof fields>;

/** The experiment without its additional tables. */
const coreSchema = fromRegistries(() => z.strictObject(fields()).superRefine(checkAcross));

type Core = z.output<z.ZodObject<Fields>>;

type DeepPartial<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: DeepPartial<T[K]> } : T;

/** The settings that one additional table changes. */
export type TableSettings = DeepPartial<Omit<Core, 'name' | 'imports'>>;

/** A part of an experiment's settings, checked key by key. */
export const settingsSchema = fromRegistries(() => {
  const { name: _, imports: __, ...settable } = fields();
  return deepPartial(z.strictObject(settable)) as z.ZodType<TableSettings>;
});

const tableSchema = fromRegistries(() =>
  z.strictObject({
    name: fields().name.describe('Name of the results table'),
    set: settingsSchema().describe('Settings that differ from those of the main experiment'),
  }),
);

/** The schema of the whole file, including everything registered at the time of the call. Unknown keys are errors. */
export const experimentSchema = fromRegistries(() =>
  z
    .strictObject({
      ...fields(),
      tables: z
        .array(tableSchema())
        .describe('Additional results tables, each trained and evaluated with some settings changed')
        .default([]),
    })
    .superRefine(checkAcross)
    .superRefine(checkTables),
);

/** A validated experiment with every default filled in. */
export type ExperimentConfig = z.output<ReturnType<typeof experimentSchema>>;
export type ExperimentTable = ExperimentConfig['tables'][number];
export type EvaluationEnv = ExperimentConfig['evaluate']['envs'][number];

/** Reads an experiment from its YAML file and its bases. Throws `E_CONFIG` like `loadConfig`. */
export function loadExperiment(file: string, overrides: readonly string[] = []): ExperimentConfig {
  return loadConfig(experimentSchema(), { ...readLayers(file), overrides });
}

/** Imports the modules of an experiment, then reads it. Throws `E_CONFIG` also for a supervised experiment. */
export async function importExperiment(file: string, overrides: readonly string[] = []): Promise<ExperimentConfig> {
  const input = readLayers(file);
  if (topLevelKeys(input).includes('problem'))
    throw new CadenzaError(
      'E_CONFIG',
      `${file} is a supervised experiment: it has "problem". Ablations and searches need a reinforcement learning experiment, with "env" and "source". Run this one with cadenza run ${file}.`,
    );
  const imports = await importNamed(input);
  return loadConfig(experimentSchema(), { ...input, overrides: [...overrides, ...imports] });
}

/** The experiment with the environment options of an entry of `evaluate.envs`, and as `trained` the one that its agents are trained in. */
export function evaluatedAt<T extends Pick<ExperimentConfig, 'env' | 'evaluate'>>(
  config: T,
  { options }: EvaluationEnv,
): T & { trained: T } {
  return { ...config, env: { ...config.env, options: { ...config.env.options, ...options } }, trained: config };
}

/** The experiment of an additional table, named `<experiment>-<table>`, without tables of its own. */
export function tableConfig(config: ExperimentConfig, table: ExperimentTable): ExperimentConfig {
  return withSettings(config, [table.set], `${config.name}-${table.name}`);
}

// ---- checks across fields ----------------------------------------------------------------------------------------------------

function checkAcross(config: Core, context: z.RefinementCtx): void {
  const { env, teacher, distill, finetune, reinforce, retrieve, split, source, model, evaluate, policy } = config;
  const { crossLayers, retrieval } = policy;
  /** Reports an error at this path. */
  const refuse = (
    path: (string | number)[],
    message: string,
    input = path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], config),
  ) => context.addIssue({ code: 'custom', path, input, message });
  // A data set may bring the options of its environment.
  if (env.options) checkOptions(['environment', environments], env, context, { path: ['env'] });
  checkOptions(['source', sources], source, context, { path: ['source'] });
  if (source.env)
    checkOptions(['environment', environments], { id: env.id, options: source.env }, context, {
      path: ['source', 'env'],
      below: env.options,
    });
  for (const [i, { options }] of evaluate.envs.entries())
    checkOptions(['environment', environments], { id: env.id, options }, context, {
      path: ['evaluate', 'envs', i],
      below: env.options,
    });
  if (distill.steps === 0 && finetune.steps === 0)
    refuse(['finetune', 'steps'], 'expected distill.steps or finetune.steps above 0; otherwise nothing trains the policy');
  if (evaluate.tasks === 'validation' && split.validation === 0)
    refuse(['split', 'validation'], 'expected at least 1, because evaluate.tasks is validation');
  if (evaluate.every !== undefined && split.validation === 0)
    refuse(['split', 'validation'], 'expected at least 1, because evaluate.every evaluates on validation tasks');
  if (evaluate.every !== undefined && finetune.steps === 0)
    refuse(['evaluate', 'every'], 'expected no value, because finetune.steps is 0 and only fine-tuning evaluates the agent');
  // With return prediction, there is a target even without actions.
  if (distill.alpha === 0 && distill.beta === 0 && !policy.returns)
    refuse(['distill', 'alpha'], 'expected distill.alpha or distill.beta above 0');
  if (distill.alpha === 0 && finetune.beta === 0 && !policy.returns)
    refuse(['finetune', 'beta'], 'expected distill.alpha or finetune.beta above 0');
  if (source.dataset === undefined && source.stride > source.episodes) {
    const reason = `only every ${source.stride}th episode is kept, and a history has fewer`;
    refuse(['source', 'stride'], `expected at most source.episodes (${source.episodes}), because ${reason}`);
  }
  const { perHistory, consecutive } = config.queries;
  if (consecutive && config.compression.gradientRounds !== undefined)
    refuse(
      ['compression', 'gradientRounds'],
      'expected no value, because queries.consecutive lets gradients flow through queries.perHistory segments',
    );
  if (consecutive && config.latents.kind === 'vq')
    refuse(
      ['latents', 'kind'],
      'expected fsq for codes, because queries.consecutive carries them, and the codebook of vq moves once a step',
    );
  for (const section of ['optimizer', 'teacher', 'pretrain', 'distill', 'finetune', 'consolidate', 'baselines'] as const) {
    const { batch } = config[section];
    if (batch !== undefined && batch % perHistory !== 0)
      refuse([section, 'batch'], `expected a multiple of queries.perHistory (${perHistory}), the queries of each history`);
  }
  const missing = crossLayers === 'every' ? -1 : crossLayers.findIndex(layer => layer >= model.decoderLayers);
  if (missing >= 0) {
    const message = `expected layer numbers below model.decoderLayers (${model.decoderLayers}); layers are numbered from 0`;
    refuse(['policy', 'crossLayers', missing], message);
  }
  const prefix = policy.architecture === 'prefix';
  if (prefix && policy.query !== 'episode')
    refuse(
      ['policy', 'query'],
      'expected episode with policy.architecture prefix, because a state query does not attend to the tokens before it',
    );
  if (prefix && crossLayers !== 'every')
    refuse(['policy', 'crossLayers'], 'expected every with policy.architecture prefix, which has no cross-attention');
  if (prefix && retrieval.contexts > 0)
    refuse(
      ['policy', 'retrieval', 'contexts'],
      'expected 0 with policy.architecture prefix, because retrieved contexts are read by cross-attention',
    );
  if (policy.prompt) {
    if (policy.query === 'state' && policy.architecture !== 'encoder-decoder') {
      const reason = 'because with policy.query state, tokens do not attend to each other, so a decoder could not see the prompt';
      refuse(['policy', 'architecture'], `expected encoder-decoder, ${reason}`);
    }
    if (source.dataset !== undefined) {
      const reason = 'because training on prompts needs histories of learners that saw them';
      refuse(['source', 'dataset'], `expected none with policy.prompt, ${reason}`);
    }
    if (retrieval.contexts > 0) {
      const reason = 'because the stage retrieve trains without prompts';
      refuse(['policy', 'retrieval', 'contexts'], `expected 0 with policy.prompt, ${reason}`);
    }
    if (reinforce.steps > 0)
      refuse(['reinforce', 'steps'], 'expected 0 with policy.prompt, because rollouts of this stage have no prompts');
  }
  const { streams, episodes, batch = config.optimizer.batch } = reinforce;
  if (reinforce.steps > 0 && streams * episodes < batch) {
    const message = `expected at most ${streams * episodes}, the episodes of one iteration (reinforce.streams × reinforce.episodes)`;
    refuse(['reinforce', 'batch'], message, batch);
  }
  if (retrieval.contexts > 0 && retrieve.steps === 0) {
    const reason = 'because policy.retrieval.contexts is above 0 and only this stage trains the policy to use retrieved contexts';
    refuse(['retrieve', 'steps'], `expected at least 1, ${reason}`);
  }
  if (reinforce.policyWeight === 0 && reinforce.imitationWeight === 0)
    refuse(['reinforce', 'policyWeight'], 'expected reinforce.policyWeight or reinforce.imitationWeight above 0');
  for (const [stage, beta = 0] of Object.entries({ distill: distill.beta, finetune: finetune.beta }))
    if (beta !== 0 && teacher.kind === 'context' && teacher.steps === 0)
      refuse(
        [stage, 'beta'],
        'expected 0, because no teacher is trained (teacher.steps is 0). Train one, or set teacher.kind to monte-carlo',
      );
}

/**
 * The experiment with overrides applied in order, under another name and without additional tables. Only the final settings have to be
 * consistent. Throws the issues of `coreSchema`.
 */
export function withSettings({ tables: _, ...config }: ExperimentConfig, sets: readonly TableSettings[], name: string): ExperimentConfig {
  const merged = sets.reduce<Core>((below, set) => layOver(below, set) as Core, config);
  return { ...coreSchema().parse(merged), name, tables: [] };
}

function checkTables(
  { tables, ...config }: Core & { readonly tables: readonly z.output<ReturnType<typeof tableSchema>>[] },
  context: z.RefinementCtx,
): void {
  // Each becomes a results table. Data hashes use the same names, with "main" for the experiment itself.
  const taken = new Map([
    [config.name, 'the experiment'],
    ['main', 'the data of the experiment'],
  ]);
  const take = (path: (string | number)[], name: string, what: string) => {
    const other = taken.get(name);
    if (other) context.addIssue({ code: 'custom', path, input: name, message: `expected a unique name; ${other} already has this one` });
    else taken.set(name, what);
  };
  for (const [i, { name }] of config.evaluate.envs.entries()) take(['evaluate', 'envs', i, 'name'], name, `evaluate.envs.${i}`);
  for (const [i, { name, set }] of tables.entries()) {
    take(['tables', i, 'name'], name, `tables.${i}`);
    for (const env of set.evaluate?.envs ?? config.evaluate.envs)
      take(['tables', i, 'name'], `${name}-${env.name}`, `tables.${i} at ${env.name}`);
    const result = coreSchema().safeParse(layOver(config, set), { reportInput: true });
    for (const issue of result.error?.issues ?? []) context.addIssue({ ...issue, path: ['tables', i, 'set', ...issue.path] });
  }
}

/** The schema with every key optional and without defaults. Checks across fields run after merging. */
function deepPartial(schema: z.core.$ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional)
    return deepPartial(schema.unwrap());
  if (!(schema instanceof z.ZodObject)) return schema as z.ZodType;
  const optional = Object.entries(schema.shape).map(([key, field]) => {
    // The description of a section is outside its default, which is removed here; that of a field is inside.
    const about = z.globalRegistry.get(field);
    const bare = deepPartial(field).optional();
    return [key, about ? bare.meta(about) : bare];
  });
  return z.strictObject(Object.fromEntries(optional));
}

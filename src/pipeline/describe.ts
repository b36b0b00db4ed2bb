/** @file Derives a description of an experiment from its configuration, for results and reports. Runs nothing. */

import { baseline } from '../agent/baselines/index.ts';
import { Model, PARTS, partOf } from '../agent/model.ts';
import { lossOf, lossTerms, Pass } from '../agent/terms.ts';
import { compressor, latentKind } from '../compressor/index.ts';
import { type ExperimentConfig, tableConfig } from '../config/experiment.ts';
import { input, sizeOf } from '../engine/index.ts';
import { environments } from '../envs/index.ts';
import { periodsOf } from '../histories/life.ts';
import { openTasks, type Tasks } from '../histories/tasks.ts';
import { Scope } from '../nn/index.ts';
import { ADAM_EPSILON } from '../optim/index.ts';
import { chooseHead } from '../policy/index.ts';
import type { Description, Kind, Kinds, Setting, StageDescription } from '../records/index.ts';
import { type EnvFamily, spaceSize } from '../rl/index.ts';
import { MONTE_CARLO_OPTIONS, source, withEpisodes } from '../sources/index.ts';
import { FINAL_EPISODES } from '../statistics/index.ts';
import { type BaselineModel, baselineModels, baselineSteps } from '../training/stages/baselines.ts';
import { followsTeacher } from '../training/stages/finetune.ts';
import { helpOf, stageSteps, trainingStages } from '../training/stages/index.ts';
import { type OptionValues, resolveOptions } from '../util/options.ts';

/** Describes an experiment and its additional tables. Throws the same errors as `split` and `Model` if it cannot be built. */
export function describeExperiment(config: ExperimentConfig): Description {
  const division = openTasks(config);
  const model = new Model(config, division.family);
  const tables = config.tables.map(table => [table.name, describeExperiment(tableConfig(config, table))] as const);
  return {
    setting: {
      ...settingOf(config, division, model),
      ...(tables.length > 0 ? { tables: Object.fromEntries(tables.map(([name, { setting }]) => [name, setting])) } : {}),
    },
    kinds: { ...kindsOf(config, division.family, model), tables: Object.fromEntries(tables.map(([name, { kinds }]) => [name, kinds])) },
    stages: stagesOf(config),
  };
}

/** The training stages of an experiment, with their losses. */
function stagesOf(config: ExperimentConfig): StageDescription[] {
  return trainingStages
    .filter(stage => stage.steps(config) > 0)
    .map(({ name, help, terms, methods: rows }) => {
      const used = terms?.(config).filter(({ weight }) => weight > 0);
      const loss = used?.map(weighted => {
        const { symbol, name, description } = lossTerms.get(weighted.term);
        return { ...weighted, symbol, name, description };
      });
      return { name, help: helpOf({ name, help }), methods: rows(config).map(({ method }) => method), ...(loss && { loss }) };
    });
}

function settingOf(config: ExperimentConfig, { family, taught }: Tasks, model: Model): Setting {
  const { env, source: learner } = config;
  const { observationSpace, actionSpace, horizon } = family;
  const made = learner.dataset === undefined;
  const { tokenizer, contextTransitions, contextTokens, options } = model;
  const { contextLayout, settings = {} } = compressor(config.compressor);
  const [tokens, width] = model.latentShape(config.compressor)!;
  const baselines = baselineModels(config, model);
  const workingMemory = 'workingMemory' in settings ? Number(options.compression?.workingMemory) : 0;
  return {
    environment: {
      ...(environments.has(env.id) ? { options: environmentOptions(env) } : {}),
      horizon,
      ...(family.tasks ? { tasks: family.tasks().length } : {}),
      observation: observationSpace.kind,
      action: actionSpace.kind,
    },
    ...(made ? { source: { options: sourceOptions(learner) } } : {}),
    ...(made ? { histories: learner.histories * taught.length } : {}),
    context: {
      transitions: contextTransitions,
      tokens: contextTokens,
      span: contextLayout === 'segments' ? options.segment : options.span,
      numbers: tokenizer.context.width,
    },
    query: { tokens: tokenizer.queryTokens(model.segment), promptTokens: tokenizer.prompt?.tokens ?? 0, numbers: tokenizer.query.width },
    latents: {
      count: tokens - workingMemory,
      width,
      leastCapacity: model.latentKind(config.compressor).leastCapacity?.(config.latents) ?? 0,
      workingMemory,
    },
    retrieved: config.policy.retrieval.contexts,
    distribution: model.head.distribution.size,
    parameters: parametersOf(config, model, baselines),
    baselines: {
      steps: baselineSteps(config),
      tokens: Object.fromEntries(baselines.map(({ baseline: { id, compressor }, model }) => [id, model.latentShape(compressor)?.[0] ?? 0])),
    },
    optimizer: { epsilon: ADAM_EPSILON },
    ...(simulates(config) ? { monteCarlo: { options: resolveOptions('Monte-Carlo control', MONTE_CARLO_OPTIONS) } } : {}),
    finalEpisodes: Math.min(FINAL_EPISODES, periodsOf(config)),
  };
}

/** Whether Monte-Carlo control estimates optimal actions anywhere. */
const simulates = (config: ExperimentConfig): boolean =>
  (config.teacher.kind === 'monte-carlo' && followsTeacher(config)) ||
  (config.reinforce.steps > 0 && config.reinforce.imitationWeight > 0 && config.reinforce.labels === 'monte-carlo');

/** All options of an environment that is installed. */
const environmentOptions = ({ id, options }: ExperimentConfig['env']): OptionValues =>
  resolveOptions(`environment ${id}`, environments.get(id).options, options);

/** All options of the source, including the history length if the source needs it. */
function sourceOptions({ id, options, episodes }: ExperimentConfig['source']): OptionValues {
  const own = source(id);
  return resolveOptions(`source ${id}`, own.options, withEpisodes(own, episodes, options));
}

/** Numbers of trained parameters: of each part of CAD, of the teacher and of every baseline. */
function parametersOf(config: ExperimentConfig, model: Model, baselines: readonly BaselineModel[]): Record<string, number> {
  const parts = (kind: string, { model, reconstructs = false }: { model: Model; reconstructs?: boolean }): Record<string, number> => {
    const scope = new Scope();
    const { context, query } = model.inputs(1);
    const z = model.latents(scope, kind, { context })?.trained;
    const shape = model.latentShape(kind);
    const retrieved = shape && kind === config.compressor ? model.retrievedInputs(1, config.policy.retrieval.contexts, shape) : undefined;
    model.logits(scope, query, z, retrieved);
    if (model.returns) lossOf(new Pass(model, scope, kind, model.perHistory), [{ term: 'returns', weight: 1 }]);
    if (reconstructs) model.reconstruction(scope, z!, { context });
    const counts: Record<string, number> = {};
    for (const [name, { shape }] of scope.table) counts[partOf(name)] = (counts[partOf(name)] ?? 0) + sizeOf(shape);
    return counts;
  };
  const whole = (kind: string, model: Model) => {
    const { [PARTS.compressor]: first = 0, [PARTS.policy]: second } = parts(kind, { model });
    return first + second;
  };
  const { pretrain, finetune } = config;
  const reconstructs = pretrain.steps > 0 || (finetune.steps > 0 && finetune.gamma > 0);
  const agent = parts(config.compressor, { model, reconstructs });
  const { compressor: first, policy, decoder } = { ...agent } as Record<'compressor' | 'policy' | 'decoder', number>;
  return {
    compressor: first,
    policy,
    ...(decoder === undefined ? {} : { decoder }),
    ...(stageSteps(config, 'teacher') > 0 ? { teacher: whole('full', model) } : {}),
    ...Object.fromEntries(baselines.map(({ baseline: { id, compressor }, model }) => [id, whole(compressor, model)])),
  };
}

function kindsOf(config: ExperimentConfig, family: EnvFamily, model: Model): Omit<Kinds, 'tables'> {
  const { env, source: learner, policy, baselines } = config;
  const latents = latentKind(config.latents.kind);
  const z = input('latents', [1, ...model.latentShape(config.compressor)!]);
  return {
    ...(environments.has(env.id) ? { environment: { ...kindOf(environments.get(env.id)), options: environmentOptions(env) } } : {}),
    ...(learner.dataset === undefined ? { source: { ...kindOf(source(learner.id)), options: sourceOptions(learner) } } : {}),
    compressor: kindOf(compressor(config.compressor)),
    latents: { ...kindOf(latents), capacity: latents.apply(new Scope(), z, config.latents).capacity !== undefined },
    head: { ...kindOf(chooseHead(family.actionSpace, policy.head).kind), dimensions: spaceSize(family.actionSpace) },
    baselines: Object.fromEntries(baselines.methods.map(id => [id, kindOf(baseline(id))])),
  };
}

const kindOf = ({ id, description }: Kind): Kind => ({ id, description });

/**
 * @file Estimates memory, parameters and operations of every stage of a reinforcement learning experiment before it starts. First from sizes
 * alone, because graphs of extreme sizes could not be built, then from the graphs for a batch of one.
 */

import { availableParallelism } from 'node:os';
import { actingFlops } from '../agent/cost.ts';
import { Model } from '../agent/model.ts';
import { type AgentGraphs, agentGraphs } from '../agent/steps.ts';
import { compressor } from '../compressor/index.ts';
import { type ExperimentConfig, evaluatedAt } from '../config/experiment.ts';
import { storedBytes } from '../data/index.ts';
import { familyOf } from '../histories/imported.ts';
import { AHEAD } from '../histories/rolling.ts';
import { actionDistribution, type EnvFamily, spaceSize } from '../rl/index.ts';
import { COHORT, source } from '../sources/index.ts';
import { baselineModels } from '../training/stages/baselines.ts';
import { type StageSections, stageOptimizer, stageSteps, trainingStages } from '../training/stages/index.ts';
import { expectDivisible } from '../training/workers.ts';
import { CadenzaError } from '../util/errors.ts';
import {
  type Estimate,
  expectFits,
  expectTables,
  expectThreads,
  fitting,
  grownSizes,
  leastResults,
  leastWeights,
  machineMemory,
  type Need,
  type StageEstimate,
  trainingCost,
} from './needs.ts';

/**
 * Estimates an experiment.
 *
 * @throws {CadenzaError} `E_CONFIG` if it does not fit into `memory` bytes, with the estimate and the setting with the largest effect; also
 * if its graphs would be too large, or if there are far more threads than cores.
 */
export function estimate(config: ExperimentConfig, memory = machineMemory()): Estimate {
  expectThreads(config);
  const family = familyOf(config);
  const model = new Model(config, family);
  expectGraphs(config, model);
  const elsewhere = config.evaluate.envs.map(env => evaluatedAt(config, env));
  const places = [{ config, model }, ...elsewhere.map(there => ({ config: there, model: model.in(familyOf(there)) }))];
  const data = dataNeeds(config, family);
  const evaluations = places.map(place => evaluationNeeds(place.config, place.model));
  for (const need of [...data, ...evaluations.flat(), ...trainingNeeds(config, model)]) expectFits(need, memory);

  const total = (needs: readonly Need[]) => needs.reduce((sum, { bytes }) => sum + bytes, 0);
  const rows = modelsOf(config, model).map(row => ({ ...row, graphs: agentGraphs(row.model, row.compressorId, ONE) }));
  const trained = trainedStages(config, model, rows).map(stage => ({ ...stage, bytes: stage.bytes + total(data) }));
  const evaluation = Math.max(...evaluations.map(total));
  const flops = places.reduce((sum, place) => sum + evaluationFlops(place.config, place.model, rows), 0);
  const stages: StageEstimate[] = [
    { stage: 'generate', bytes: total(data) },
    ...trained,
    { stage: 'evaluate', bytes: evaluation, flops: flops * config.seeds.length },
  ];
  // Every method is evaluated in a stage of its own.
  const parts = [...trained.map(({ bytes }) => bytes), ...rows.map(() => Math.max(total(data), evaluation))];
  const grows = { ...grown(config), 'optimizer.batch': config.optimizer.batch / 64 };
  return fitting({ name: config.name, stages, parts: config.seeds.flatMap(() => parts) }, grows, memory);
}

/** The settings that determine the size of the networks, as multiples of typical values. */
const grown = ({ model, context, policy }: ExperimentConfig): Record<string, number> => ({
  ...grownSizes(model),
  ...(context.segments === undefined ? { 'context.episodes': context.episodes / 10 } : { 'context.segments': context.segments / 10 }),
  ...(policy.returns ? { 'policy.returns.episodes': policy.returns.episodes / 2 } : {}),
});

/** Throws `E_CONFIG` if a graph would have too many nodes, or a constant that is too large. */
function expectGraphs(config: ExperimentConfig, model: Model): void {
  const { segments, episodes } = config.context;
  const rounds = model.contextTransitions / model.segment;
  const setting = segments === undefined ? 'context.episodes' : 'context.segments';
  const refuse = (what: string, most: number, at: string): never => {
    throw new CadenzaError(
      'E_CONFIG',
      `${at}: ${what}; expected at most ${most}, because the graph contains each one separately. Lower it.`,
    );
  };
  if (compressor(config.compressor).recurrence && rounds > 1024)
    refuse(`the compressor ${config.compressor} processes each of ${segments ?? episodes} segments separately`, 1024, setting);
  expectTables(config.compressor, model.contextTokens, model.options, setting);
}

/** Bytes of one transition in columns that grow: up to twice what the numbers take. */
function transitionBytes(family: EnvFamily): number {
  const action = actionDistribution(family.actionSpace);
  return 8 * (2 * spaceSize(family.observationSpace) + action.width + action.size + 3);
}

const taskCount = ({ split, source }: ExperimentConfig, family: EnvFamily) => {
  const all = family.tasks ? family.tasks().length - split.heldOut - split.validation : (split.tasks ?? 0);
  return Math.max(1, Math.min(all, source.maxTasks ?? Number.POSITIVE_INFINITY));
};

function dataNeeds(config: ExperimentConfig, family: EnvFamily): Need[] {
  const { source: settings, policy, split, retrieve } = config;
  const tasks = taskCount(config, family);
  const transition = transitionBytes(family);
  const sizes = { 'split.tasks': tasks / 81, 'env.options.horizon': family.horizon / 20 };
  const historyLength = { ...sizes, 'source.episodes': settings.episodes / 24 };
  const drawn = (split.tasks ?? 0) + split.heldOut + split.validation;
  const needs: Need[] = [
    { what: 'the list of tasks', bytes: 500 * drawn, grows: { 'split.tasks': split.tasks ?? 0, 'split.heldOut': split.heldOut } },
  ];
  if (settings.dataset === undefined) {
    const episode = family.horizon * transition;
    // Histories are generated with all episodes, those of a cohort with the kept ones; then they are on the disk.
    const episodes = Math.ceil(settings.episodes / settings.stride);
    const all = tasks * settings.histories;
    const learners = cohortNeed(config, family, Math.min(COHORT, all));
    const [atOnce, length] = learners.length > 0 ? [COHORT, episodes] : [1 + AHEAD * availableParallelism(), settings.episodes];
    needs.push(...learners, {
      what: 'the learning histories',
      bytes: Math.min(all, atOnce) * length * episode + storedBytes(all, (all * episodes * episode) / 2, episodes),
      grows: { ...historyLength, 'source.histories': settings.histories / 24 },
    });
  }
  if (policy.prompt)
    needs.push({
      what: 'the demonstrations',
      bytes: policy.prompt.styles.length * tasks * policy.prompt.demonstrations * settings.episodes * family.horizon * transition,
      grows: { ...historyLength, 'policy.prompt.demonstrations': policy.prompt.demonstrations / 8 },
    });
  if (policy.retrieval.contexts > 0)
    needs.push({
      what: 'the stored contexts',
      bytes: 4 * tasks * retrieve.histories * settings.episodes * config.model.latents * config.model.width,
      grows: { ...historyLength, ...grown(config), 'retrieve.histories': retrieve.histories / 8 },
    });
  return needs;
}

/** Memory of the learners of a source that trains them together; nothing for other sources. */
function cohortNeed({ source: { id, options } }: ExperimentConfig, family: EnvFamily, learners: number): Need[] {
  const own = source(id);
  if ('learner' in own) return [];
  const episodes = own.environments(options) * family.horizon * transitionBytes(family);
  const what = `the learners that ${id} trains at once`;
  return [{ what, bytes: learners * (own.bytes(family, options) + episodes), grows: { 'source.options': learners / COHORT } }];
}

const evaluatedStreams = ({ split, evaluate }: ExperimentConfig, { family }: Model) => {
  const wanted = evaluate.tasks === 'validation' ? split.validation : split.heldOut;
  const tasks = Math.min(wanted, evaluate.maxTasks ?? Number.POSITIVE_INFINITY, family.tasks?.().length ?? Number.POSITIVE_INFINITY);
  return { tasks, streams: tasks * evaluate.streams };
};

function evaluationNeeds(config: ExperimentConfig, model: Model): Need[] {
  const { evaluate, source: settings, seeds, policy, reinforce } = config;
  const { family, tokenizer, segment, contextTransitions } = model;
  const { tasks, streams } = evaluatedStreams(config, model);
  const counts = { 'evaluate.streams': evaluate.streams / 20, 'split.heldOut': tasks / 8 };
  const transition = transitionBytes(family);
  const query = tokenizer.queryTokens(segment);
  const retrieved = 1 + policy.retrieval.contexts;
  const acting =
    4 * (query * (tokenizer.query.width + 8 * config.model.width) + retrieved * config.model.latents * config.model.width) +
    transition * contextTransitions;
  const needs: Need[] = [
    {
      what: 'the evaluation',
      bytes: streams * (acting + 16 * evaluate.episodes),
      grows: { ...grown(config), ...counts, 'evaluate.episodes': evaluate.episodes / 30, 'env.options.horizon': family.horizon / 20 },
    },
    {
      what: 'the bootstrap',
      bytes: evaluate.resamples * (2 * streams * seeds.length + 16 * evaluate.episodes),
      grows: { ...counts, 'evaluate.resamples': evaluate.resamples / 2000, seeds: seeds.length / 3 },
    },
    {
      what: 'the histories that models observe',
      bytes: tasks * evaluate.imitationHistories * settings.episodes * family.horizon * transition,
      grows: { ...counts, 'evaluate.imitationHistories': evaluate.imitationHistories / 4, 'source.episodes': settings.episodes / 24 },
    },
    // One learner per stream.
    ...(settings.dataset === undefined
      ? cohortNeed(config, family, streams).map(need => ({ ...need, grows: { ...need.grows, ...counts } }))
      : []),
  ];
  if (reinforce.steps > 0)
    needs.push({
      what: 'the rollouts of an iteration',
      bytes: reinforce.streams * (acting + reinforce.episodes * family.horizon * transition),
      grows: { ...grown(config), 'reinforce.streams': reinforce.streams / 64, 'reinforce.episodes': reinforce.episodes / 10 },
    });
  return needs;
}

const trains = (config: ExperimentConfig, stage: string): boolean => stageSteps(config, stage) > 0;

/** Minimum memory of training, without graphs: batches, weights, and one result of every block. */
function trainingNeeds(config: ExperimentConfig, model: Model): Need[] {
  const { tokenizer, segment, contextTokens, head } = model;
  const query = tokenizer.queryTokens(segment);
  const codes = config.latents.kind === 'vq' ? config.latents.groups * config.latents.codes * config.latents.codeWidth : 0;
  return trainingStages
    .filter(({ name }) => trains(config, name))
    .flatMap(({ name: stage }) => {
      const { batch } = stageOptimizer(config, stage);
      const own = config[stage as keyof StageSections].batch === undefined ? 'optimizer.batch' : `${stage}.batch`;
      const grows = { ...grown(config), [own]: batch / 64, 'env.options.horizon': model.family.horizon / 20 };
      const row = contextTokens * tokenizer.context.width + query * tokenizer.query.width + segment * head.distribution.size;
      const weights = leastWeights(config.model, config.model.width * contextTokens + codes);
      return [
        { what: `the weights of ${stage}`, bytes: weights, grows: grown(config) },
        { what: `a batch of ${stage}`, bytes: 4 * batch * (row + leastResults(config.model, contextTokens, query)), grows },
      ];
    });
}

/** A trained model and the id of its compressor. */
export type NamedModel = { readonly id: string; readonly compressorId: string; readonly model: Model };

/** A model with its graphs for one sequence. */
type Row = NamedModel & { readonly graphs: AgentGraphs };

const ONE = { compress: 1, act: 1 };

/** The agent, the teacher if it is trained, and the baselines. */
export const modelsOf = (config: ExperimentConfig, model: Model): NamedModel[] => [
  { id: 'agent', compressorId: config.compressor, model },
  ...(trains(config, 'teacher') ? [{ id: 'teacher', compressorId: 'full', model }] : []),
  ...baselineModels(config, model).map(({ baseline: { id, compressor }, model }) => ({ id, compressorId: compressor, model })),
];

function trainedStages(config: ExperimentConfig, model: Model, rows: readonly Row[]): StageEstimate[] {
  // Such a compressor is rejected later, with a message that names it.
  if (!rows[0].graphs.compress) return [];
  return trainingStages
    .filter(({ name }) => trains(config, name))
    .flatMap(stage => {
      const { batch } = stageOptimizer(config, stage.name);
      const { updates, episodes } = stage.iteration?.(config) ?? { updates: 1, episodes: 0 };
      const steps = stage.steps(config);
      return stage.objectives(config, model).map(objective => {
        expectDivisible(objective, batch, config.executor.workers);
        const { flops, ...cost } = trainingCost(objective, {
          steps: steps * updates,
          batch,
          each: config.queries.perHistory,
          recompute: config.executor.recompute,
        });
        const played = steps * episodes * episodeFlops(rows[0]);
        return { ...cost, stage: objective.name, steps, flops: config.seeds.length * (flops + played) };
      });
    });
}

/** Operations of one episode: a model acts at every step and compresses after every segment. */
function episodeFlops({ model, graphs }: Pick<Row, 'model' | 'graphs'>): number {
  const { action, segment } = actingFlops(graphs);
  return model.family.horizon * (action + segment / model.segment);
}

/** Operations of the evaluation rollouts of all models for one seed, with the options of `config` and `here`. */
function evaluationFlops(config: ExperimentConfig, here: Model, rows: readonly Row[]): number {
  const { evaluate, source } = config;
  const { tasks, streams } = evaluatedStreams(config, here);
  const episodes = streams * evaluate.episodes + tasks * evaluate.imitationHistories * source.episodes;
  const { horizon } = here.family;
  const flops = ({ model, compressorId: kind, graphs }: Row) => {
    if (horizon === model.family.horizon) return episodeFlops({ model, graphs });
    const there = model.in(here.family);
    return episodeFlops({ model: there, graphs: agentGraphs(there, kind, ONE) });
  };
  // The agent comes first, and also plays with every intervention.
  const again = streams * evaluate.episodes * (evaluate.interventions?.length ?? 0);
  return rows.reduce((sum, row, r) => sum + (episodes + (r === 0 ? again : 0)) * flops(row), 0);
}

/** @file Stage `evaluate`: every method learns in context on the held-out tasks (method 6). Only Z and the running episode reach A_φ. */

import { join } from 'node:path';
import { baseline, baselines, isTrained } from '../agent/baselines/index.ts';
import { costOf } from '../agent/cost.ts';
import { inferenceGraphs, openPolicy, ownModel } from '../agent/inference.ts';
import type { Model } from '../agent/model.ts';
import type { StageStore } from '../cache/store.ts';
import type { ExperimentConfig } from '../config/experiment.ts';
import { statedSelection } from '../config/selection.ts';
import { type Executor, type Graph, toOnnx } from '../engine/index.ts';
import type { Demonstrations } from '../histories/demonstrate.ts';
import { loadHistories } from '../histories/generate.ts';
import { datasetKey } from '../histories/imported.ts';
import { auditTasks, openTasks, tasksHash } from '../histories/tasks.ts';
import { rollout } from '../play/index.ts';
import { type InContextPolicy, type ModelDescription, sealDescription, tokenColumns } from '../policy/index.ts';
import {
  type MethodCost,
  type MethodReturns,
  type MethodTable,
  type Protocol,
  RETURNS_FILE,
  type ReturnsTable,
  type Rows,
  type SeedReturns,
  type StageBudget,
  scoreMethodPieces,
} from '../records/index.ts';
import { openMemory, retrievalOf, type TrainedMethod } from '../retrieval/memory.ts';
import type { History, Policy, Task } from '../rl/index.ts';
import { DEMONSTRATION_STYLES, source, sourcePolicy } from '../sources/index.ts';
import { CodeCounter, type Resampled } from '../statistics/index.ts';
import { breathing } from '../util/breathe.ts';
import { formatConfig } from '../util/config.ts';
import { readJson, sha256, writeFileAtomic, writeJson } from '../util/files.ts';
import { Random } from '../util/random.ts';

export interface Evaluation {
  readonly store: StageStore;
  readonly config: ExperimentConfig;
  readonly model: Model;
  readonly executor: Executor;
  /** Demonstrations of the evaluated tasks, one for every stream: each trained model is evaluated with each style as its prompt, too. */
  readonly shown?: readonly Demonstrations[];
  /** Name of the entry of `evaluate.envs` that `config` and `model` are at; absent at the options that were trained on. */
  readonly at?: string;
}

/** The evaluation with the model that a method has, in the family that is played. */
export const evaluationOf = (evaluation: Evaluation, method: TrainedMethod): Evaluation => ({
  ...evaluation,
  model: ownModel(evaluation.model, method),
});

/** The evaluated tasks, each once for every evaluation stream. */
function streamsOf({ config, model: { family } }: Evaluation): { tasks: Task[]; keys: string[] } {
  const tasks = openTasks(config).evaluated.flatMap(task => new Array<Task>(config.evaluate.streams).fill(task));
  return { tasks, keys: tasks.map(family.taskKey) };
}

interface Rollouts {
  readonly returns: SeedReturns;
  readonly cost: MethodCost;
}

/** What acts, what that costs, and the seconds that looking up took, for one that looks contexts up. */
interface Player {
  readonly policy: Policy;
  readonly cost: () => MethodCost;
  readonly lookUpSeconds?: () => number;
}

/** Settings of an evaluation that its rollouts depend on; what else is measured changes none of them. */
export function rolloutSettings({ evaluate }: Pick<ExperimentConfig, 'evaluate'>) {
  const { resamples: _, envs: __, imitation: ___, timed: ____, ...protocol } = evaluate;
  return protocol;
}

/** Rolls one method of one seed, or reads what was rolled before. */
async function rollouts(
  evaluation: Evaluation,
  name: string,
  seed: number,
  inputs: Record<string, string>,
  prepare: (tasks: Task[], random: Random) => Promise<Player>,
  settings: unknown = {},
  sampling = evaluation.config.evaluate.sampling,
): Promise<Rollouts> {
  const { store, config, model, at } = evaluation;
  const protocol = { ...rolloutSettings(config), sampling };
  const { keys, tasks } = streamsOf(evaluation);
  const output = await store.run({
    stage: `evaluate-${name}${at ? `-${at}` : ''}-seed${seed}`,
    settings: { env: config.env, split: config.split, protocol, seed, executor: config.executor, settings, ...datasetKey(config) },
    inputs,
    async run({ folder, progress, signal }) {
      const random = Random.seeded(seed).split('evaluate', name);
      const { policy, cost, lookUpSeconds } = await prepare(tasks, random);
      const title = `evaluate ${name}${at ? ` at ${at}` : ''} (seed ${seed})`;
      progress.start(title, tasks.length * protocol.episodes);
      const began = performance.now();
      const { returns, regret } = await rollout({
        family: model.family,
        tasks,
        policy,
        episodes: protocol.episodes,
        random,
        greedy: protocol.sampling === 'greedy',
        onProgress: ({ done }) => progress.update(done),
        signal,
      });
      const lookUpShare = lookUpSeconds && (1000 * lookUpSeconds()) / (performance.now() - began);
      progress.finish(lookUpShare === undefined ? undefined : `looking up took ${(100 * lookUpShare).toFixed(1)}% of the time`);
      writeJson(join(folder, RETURNS_FILE), {
        tasks: keys,
        returns: Array.from(returns),
        ...(regret ? { regret: Array.from(regret) } : {}),
      });
      return { ...cost(), ...(lookUpShare === undefined ? {} : { lookUpShare: Number(lookUpShare.toFixed(4)) }) };
    },
  });
  // Times are for the record of the stage: equal runs have equal results.
  const { lookUpShare: _time, ...cost } = output.report;
  const { returns, regret } = readJson(join(output.folder, RETURNS_FILE)) as { returns: number[]; regret?: number[] };
  return { returns: { returns, tasks: keys, regret }, cost: cost as unknown as MethodCost };
}

/** Name of the row of a method that was given a prompt. */
const prompted = (method: string, { style }: Demonstrations) => `${method}-${style}`;

/** A trained model on its own, or with demonstrations as its prompts: told before its first step, and in its query until its last. */
async function rollModel(whole: Evaluation, method: TrainedMethod, shown?: Demonstrations): Promise<Rollouts> {
  const evaluation = evaluationOf(whole, method);
  const { model, executor, config } = evaluation;
  const request = { ...evaluation, seed: method.seed, tasks: openTasks(config).evaluated };
  const memory = method.memory && (await openMemory(request, method.memory));
  const play = async (tasks: Task[]): Promise<Player> => {
    const single = inferenceGraphs(model, method, { compress: 1, act: 1 });
    const { codes } = single;
    const counter = codes && new CodeCounter({ groups: codes.shape[1], size: codes.size });
    const onCodes = counter && ((made: ArrayLike<number>) => counter.count(made));
    const retrieve = memory?.retriever(tasks.map(model.family.taskKey));
    const alone = await openPolicy({ model, executor, size: tasks.length, retrieve, onCodes }, method);
    const policy = shown ? promptedPolicy(alone, loadHistories(shown.output, model.family).histories) : alone;
    const cost = () => ({
      ...costOf(model, method.kind, single),
      ...(counter ? { codes: counter.use() } : {}),
      ...(retrieve ? { retrieval: retrieve.use } : {}),
    });
    return { policy, cost, lookUpSeconds: retrieve?.seconds };
  };
  const name = shown ? prompted(method.method, shown) : method.method;
  const inputs = { model: method.trained.key, ...memory?.inputs, ...(shown ? { prompt: shown.output.key } : {}) };
  return rollouts(evaluation, name, method.seed, inputs, play, memory?.settings);
}

/** The policy with these prompts, one an environment, from every reset on. */
const promptedPolicy = (policy: InContextPolicy, prompts: readonly History[]): Policy => ({
  ...policy,
  reset(size) {
    policy.reset(size);
    policy.prompt(prompts);
  },
});

/** The raw returns of one trained model in every stream, and of nothing beside it: what a study scores a trial by. */
export const modelReturns = async (evaluation: Evaluation, method: TrainedMethod): Promise<SeedReturns> =>
  (await rollModel(evaluation, method)).returns;

/** A learning algorithm, random choice or the oracle in the same environments. */
function rollSource(evaluation: Evaluation, name: string, id: string, options: Record<string, unknown>, seed: number): Promise<Rollouts> {
  const { family } = evaluation.model;
  const settings = { id, options };
  // The likeliest of equal chances would be the first action, always.
  const sampling = id === 'random' ? 'sample' : evaluation.config.evaluate.sampling;
  const prepare = async (tasks: Task[], random: Random) => ({
    policy: sourcePolicy({ family, tasks, source: source(id), random: random.split('source'), options }),
    cost: () => ({ flopsPerAction: 0, stateBytes: 0, historyBytes: 0 }),
  });
  return rollouts(evaluation, name, seed, {}, prepare, settings, sampling);
}

/** What a prompt of this style is, for whoever compares its row with others. */
function promptOf({ policy }: Pick<ExperimentConfig, 'policy'>, { style }: Demonstrations): string {
  const { episodes, length } = policy.prompt!;
  const what = `${episodes === 1 ? 'one episode' : `${episodes} episodes`} of the task${length ? `, the first ${length} steps of each` : ''}`;
  return `a prompt of ${what} before the first step (${style}: ${DEMONSTRATION_STYLES[style]})`;
}

/**
 * Tasks are resampled where they are a sample: drawn from a distribution, or some of those held out. And where a network plays each of them once,
 * since nothing else would vary then.
 *
 * @param streams of a task and training seed.
 */
export function resampledOf(config: ExperimentConfig, streams = config.evaluate.streams): Resampled {
  const { family, side, evaluated } = openTasks(config);
  return family.drawTask || evaluated.length < side.length || streams === 1 ? 'tasks' : 'runs';
}

/** What an evaluation found: the table of all methods over all seeds, and what it was computed from. */
export interface Evaluated {
  readonly methods: MethodTable;
  readonly raw: ReturnsTable;
  /** How all of it was evaluated, and how its settings were chosen. */
  readonly protocol: Protocol;
}

/** Lets every method of every seed learn on the evaluated tasks; every return is divided by its own task's oracle. */
export async function evaluate(evaluation: Evaluation, trained: readonly TrainedMethod[]): Promise<Evaluated> {
  const { config, shown = [] } = evaluation;
  const { signal } = evaluation.store;
  const bySource = [
    // Who recorded a data set is not known here.
    ...(config.source.dataset === undefined ? [{ method: 'source', id: config.source.id, options: config.source.options }] : []),
    { method: 'random', id: 'random', options: {} },
    ...config.baselines.methods.map(baseline).flatMap(row => (isTrained(row) ? [] : [{ method: row.id, id: row.plays, options: {} }])),
  ];
  const collected: Record<string, MethodReturns> = {};
  const costs: Record<string, MethodCost> = {};
  const budgets: Record<string, readonly StageBudget[] | undefined> = {};
  const keep = (method: string, seed: number, { returns: { returns, regret }, cost }: Rollouts) => {
    // Costs are those of the first seed: the graphs are the same.
    costs[method] ??= cost;
    collected[method] ??= { seeds: [], returns: [], ...(regret ? { regret: [] } : {}) };
    collected[method].seeds.push(seed);
    collected[method].returns.push(Array.from(returns));
    if (regret) collected[method].regret!.push(Array.from(regret));
  };
  for (const method of trained) {
    for (const each of [undefined, ...shown]) {
      const name = each ? prompted(method.method, each) : method.method;
      keep(name, method.seed, await rollModel(evaluation, method, each));
      budgets[name] = method.trained.budget;
    }
  }
  for (const { method, id, options } of bySource)
    for (const seed of config.seeds) keep(method, seed, await rollSource(evaluation, method, id, options, seed));

  const givenTo = new Map(shown.flatMap(each => trained.map(({ method }) => [prompted(method, each), promptOf(config, each)] as const)));
  const raw = { ...playedTasks(evaluation), methods: collected };
  const methods: Record<string, MethodTable[string]> = {};
  for (const method of Object.keys(collected)) {
    const cost = costs[method];
    const given =
      givenTo.get(method) ?? (cost.retrieval ? retrievalOf(cost.retrieval) : baselines.all.find(({ id }) => id === method)?.given);
    const budget = budgets[method];
    const scored = await breathing(scoreMethodPieces(raw, method, cost), signal);
    methods[method] = { ...scored, ...(given ? { given } : {}), ...(budget ? { budget: [...budget] } : {}) };
  }
  return { methods, raw, protocol: protocolOf(config) };
}

/** The rows that an evaluation of this experiment will have, as far as it matters who they are compared with. */
export function plannedRows(name: string, config: ExperimentConfig): Rows {
  const { family, evaluated } = openTasks(config);
  const tasks = evaluated.map(task => ({ task: family.taskKey(task), oracle: family.oracleReturn(task) }));
  return { name, protocol: protocolOf(config), tasks };
}

/** How an experiment evaluates, and what of its split and its settings a reader has to know. */
export function protocolOf(config: ExperimentConfig): Protocol {
  const { family } = openTasks(config);
  const { tasks: side, episodes, streams, sampling } = config.evaluate;
  const { id, options } = family;
  const { train, test, overlap } = auditTasks(config);
  return {
    env: { id, ...(options ? { options: { ...options } } : {}) },
    side,
    episodes,
    streams,
    sampling,
    split: { train, test, overlap },
    selection: statedSelection(config),
  };
}

/** What all rows of a table have in common. */
function playedTasks({ config, model: { family } }: Evaluation): Omit<ReturnsTable, 'methods'> {
  const tasks = openTasks(config).evaluated;
  const { episodes, streams, resamples } = config.evaluate;
  return {
    tasks: tasks.map(family.taskKey),
    oracle: tasks.map(family.oracleReturn),
    streams,
    episodes,
    ...(family.regret ? { regretParts: [...family.regret.parts] } : {}),
    bootstrap: { seed: config.seed, resamples, resampled: resampledOf(config) },
  };
}

/** Writes the student as plain ai.onnx graphs for one stream, with the description that `loadPolicy` drives them by. */
export async function exportModel(evaluation: Pick<Evaluation, 'model' | 'config'>, method: TrainedMethod, folder: string): Promise<void> {
  const { model, config } = evaluation;
  const streams = 1;
  const graphs = inferenceGraphs(model, method, { compress: 1, act: streams }, { returns: method.foresees });
  const bytes = (graph: Graph) => toOnnx(graph, { standard: true });
  const files = {
    'act.onnx': bytes(graphs.act),
    'compress.onnx': graphs.compress && bytes(graphs.compress),
    'decode.onnx': graphs.decode && bytes(graphs.decode),
  };
  const { observationSpace, actionSpace, actionNames, horizon } = model.family;
  const description: Omit<ModelDescription, 'format' | 'files' | 'hash'> = {
    env: config.env,
    observationSpace,
    actionSpace,
    ...(actionNames ? { actionNames } : {}),
    ...(model.head.choice ? { head: model.head.choice } : {}),
    horizon,
    tokenizer: config.tokenizer,
    tokens: tokenColumns(model.tokenizer),
    query: config.policy.query,
    ...(model.prompt ? { prompt: model.prompt } : {}),
    contextTransitions: graphs.context.contextTransitions,
    ...(model.segment < horizon ? { segment: model.segment } : {}),
    ...(model.form === 'window' ? {} : { form: model.form }),
    ...(graphs.carries ? { carries: true } : {}),
    latentShape: graphs.latentShape ?? null,
    ...(graphs.codes ? { codes: graphs.codes } : {}),
    ...(method.foresees ? { returns: { episodes: model.returns!.count } } : {}),
    streams,
    trained: method.trained.key,
    experiment: { config: sha256(formatConfig(config)), tasks: tasksHash(config) },
  };
  for (const [name, content] of Object.entries(files)) if (content) writeFileAtomic(join(folder, name), content);
  writeJson(join(folder, 'model.json'), sealDescription(description, files));
}

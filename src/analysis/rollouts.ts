/** @file Stages `evaluate-…`: one method of one seed learns in context on the evaluated tasks (method 6). A_φ sees only Z and the running episode. */

import { join } from 'node:path';
import { z } from 'zod';
import { costOf } from '../agent/cost.ts';
import { inferenceGraphs, openPolicy, ownModel } from '../agent/inference.ts';
import type { Model } from '../agent/model.ts';
import { readStageFile, reportOf, type StageCache } from '../cache/store.ts';
import type { ExperimentConfig } from '../config/experiment.ts';
import type { Executor } from '../engine/index.ts';
import type { Demonstrations } from '../histories/demonstrate.ts';
import { loadHistories } from '../histories/generate.ts';
import { datasetKey } from '../histories/imported.ts';
import { lifeOf, periodsOf } from '../histories/life.ts';
import { openTasks } from '../histories/tasks.ts';
import {
  type Intervention,
  intervened,
  type Life,
  type LifeSettings,
  lifeTally,
  outcomeOf,
  playLife,
  regretTally,
  rollout,
} from '../play/index.ts';
import type { InContextPolicy } from '../policy/index.ts';
import { type MethodCost, RETURNS_FILE, type SeedReturns } from '../records/index.ts';
import { METHOD_COST } from '../records/results-format.ts';
import { openRetrieval, type TrainedMethod } from '../retrieval/memory.ts';
import { type EnvFamily, episodeReturns, type History, type Policy, type Task } from '../rl/index.ts';
import { generateHistories, openSource, source } from '../sources/index.ts';
import { CodeCounter } from '../statistics/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { writeJson } from '../util/files.ts';
import { fields } from '../util/formats.ts';
import { stageTitle } from '../util/progress.ts';
import { Random } from '../util/random.ts';
import { intervenedName } from './life.ts';
import { rolloutSettings } from './protocol.ts';

export interface Evaluation {
  readonly store: StageCache;
  readonly config: ExperimentConfig;
  readonly model: Model;
  readonly executor: Executor;
  /** Demonstrations of the evaluated tasks, one per stream. Trained models are also evaluated with each style as a prompt. */
  readonly shown?: readonly Demonstrations[];
  /** Name of the entry of `evaluate.envs` of `config` and `model`. Absent for the training environment. */
  readonly at?: string;
}

/** The evaluation with the model of a method in the evaluated environment. */
export const evaluationOf = (evaluation: Evaluation, method: TrainedMethod): Evaluation => ({
  ...evaluation,
  model: ownModel(evaluation.model, method),
});

/** The context database of a trained model, if it retrieves. */
export const retrievalOf = async (evaluation: Evaluation, { memory, seed }: TrainedMethod) =>
  memory && (await openRetrieval({ ...evaluation, seed, tasks: openTasks(evaluation.config).evaluated }, memory));

/** Returns of one method of one seed, and its cost per action. */
export type MethodRollouts = { readonly returns: SeedReturns; readonly cost: MethodCost };

const numbers = z.array(z.number());
const RETURNS = {
  name: RETURNS_FILE,
  schema: z.strictObject({
    tasks: z.array(z.string()),
    returns: numbers,
    regret: numbers.optional(),
    recovery: z.strictObject({ first: numbers, later: numbers }).optional(),
  }),
};
const reported = fields<MethodCost & { lookUpShare?: number }>({ ...METHOD_COST, lookUpShare: z.number().optional() });

/** A policy, its cost, and, if it retrieves, the seconds that retrieval took. */
type Player = {
  readonly policy: Policy;
  readonly cost: () => MethodCost;
  readonly lookUpSeconds?: () => number;
  readonly dispose?: () => Promise<void>;
};

interface RolloutRequest {
  readonly name: string;
  readonly seed: number;
  /** Stages that the policy reads, and other settings that it depends on. */
  readonly inputs?: Readonly<Record<string, string>>;
  readonly settings?: unknown;
  /** Default: as in the experiment. */
  readonly sampling?: ExperimentConfig['evaluate']['sampling'];
  /** Name of the random streams. Default: that of the method. */
  readonly draws?: string;
  readonly play: Play;
}

/** Rollouts to play: one stream in each of these tasks. */
interface PlayRequest {
  readonly tasks: readonly Task[];
  readonly random: Random;
  readonly greedy: boolean;
  readonly signal: AbortSignal;
  /** Receives the number of finished episodes, or windows, of all streams. */
  readonly onProgress: (done: number) => void;
}

type Play = (request: PlayRequest) => Promise<Life & { readonly cost: MethodCost; readonly lookUpSeconds?: number }>;

/** Plays the policy that `open` creates for the tasks, one environment per task. */
const playing =
  ({ config, model }: Evaluation, open: (tasks: readonly Task[], random: Random) => Promise<Player>): Play =>
  async ({ tasks, random, onProgress, ...request }) => {
    const { policy, cost, lookUpSeconds, dispose } = await open(tasks, random);
    const { episodes } = config.evaluate;
    const life = lifeOf(config);
    const report = ({ done }: { done: number }) => onProgress(done);
    const played = { family: model.family, tasks, policy, random, onProgress: report, ...request };
    const found = await (life ? playLife({ ...played, ...life }) : rollout({ ...played, episodes }));
    await dispose?.();
    return { ...found, cost: cost(), lookUpSeconds: lookUpSeconds?.() };
  };

/** Plays one method of one seed, or returns the cached rollouts. */
async function rollMethod({ store, config, model, at }: Evaluation, request: RolloutRequest): Promise<MethodRollouts> {
  const { name, seed, inputs = {}, settings = {}, sampling = config.evaluate.sampling, draws = name, play } = request;
  const protocol = { ...rolloutSettings(config), sampling };
  const tasks = openTasks(config).evaluated.flatMap(task => new Array<Task>(config.evaluate.streams).fill(task));
  const output = await store.run({
    stage: `evaluate-${name}${at ? `-${at}` : ''}-seed${seed}`,
    settings: { env: config.env, split: config.split, protocol, seed, executor: config.executor, settings, ...datasetKey(config) },
    inputs,
    async run({ folder, progress, signal }) {
      const random = Random.seeded(seed).split('evaluate', draws);
      const title = stageTitle(`evaluate ${name}${at ? ` at ${at}` : ''}`, seed);
      progress.start(title, tasks.length * periodsOf(config));
      const began = performance.now();
      const greedy = protocol.sampling === 'greedy';
      const found = await play({ tasks, random, greedy, signal, onProgress: done => progress.update(done) });
      const { returns, regret, recovery, cost, lookUpSeconds } = found;
      const lookUpShare = lookUpSeconds === undefined ? undefined : (1000 * lookUpSeconds) / (performance.now() - began);
      progress.finish(lookUpShare === undefined ? undefined : `retrieval took ${(100 * lookUpShare).toFixed(1)}% of the time`);
      writeJson(join(folder, RETURNS.name), {
        tasks: tasks.map(model.family.taskKey),
        returns: Array.from(returns),
        regret: regret && Array.from(regret),
        recovery: recovery && { first: Array.from(recovery.first), later: Array.from(recovery.later) },
      });
      return { ...cost, lookUpShare: lookUpShare && Number(lookUpShare.toFixed(4)) };
    },
  });
  store.expectFinished();
  // Times go only into the stage's record, so that equal runs have equal results.
  const { lookUpShare: _time, ...cost } = reportOf(output, reported);
  return { returns: readStageFile(output.folder, RETURNS), cost };
}

/** Name of a method with a prompt. */
export const prompted = (method: string, { style }: Demonstrations) => `${method}-${style}`;

/** What changes the evaluation of a trained model. */
export interface Variation {
  /** Demonstrations as prompts, which stay in its query for the whole stream. */
  readonly shown?: Demonstrations;
  /** Intervention on its memory. Everything else is drawn as without it. */
  readonly intervention?: Intervention;
}

/** The name of a method with a variation. */
export function variedName(method: string, { shown, intervention }: Variation): string {
  if (intervention) return intervenedName(method, intervention);
  return shown ? prompted(method, shown) : method;
}

/** Plays a trained model, optionally with a variation. */
export async function rollModel(whole: Evaluation, method: TrainedMethod, variation: Variation = {}): Promise<MethodRollouts> {
  const { shown, intervention } = variation;
  const evaluation = evaluationOf(whole, method);
  const { model, executor } = evaluation;
  const memory = await retrievalOf(evaluation, method);
  return rollMethod(evaluation, {
    name: variedName(method.method, variation),
    draws: intervention && method.method,
    seed: method.seed,
    inputs: { model: method.trained.key, ...memory?.inputs, ...(shown ? { prompt: shown.output.key } : {}) },
    settings: intervention ? { memory: memory?.settings, intervention } : memory?.settings,
    play: playing(evaluation, async tasks => {
      const single = inferenceGraphs(model, method, { compress: 1, act: 1 });
      const { codes } = single;
      const counter = codes && new CodeCounter({ groups: codes.shape[1], size: codes.size });
      const onCodes = counter && ((made: ArrayLike<number>) => counter.count(made));
      const retrieve = memory?.retriever(tasks.map(model.family.taskKey));
      const alone = await openPolicy({ model, executor, size: tasks.length, retrieve, onCodes }, method);
      const acting = () => {
        if (intervention)
          return intervened(alone, intervention, { family: model.family, tasks, streams: evaluation.config.evaluate.streams });
        return shown ? promptedPolicy(alone, loadHistories(shown.output, model.family).histories) : alone;
      };
      return {
        policy: acting(),
        cost: () => ({ ...costOf(model, method.compressorId, single), codes: counter?.use(), retrieval: retrieve?.use }),
        lookUpSeconds: retrieve?.seconds,
      };
    }),
  });
}

/** The policy with these prompts, one per environment, from every reset on. */
const promptedPolicy = (policy: InContextPolicy, prompts: readonly History[]): Policy => ({
  ...policy,
  reset(size) {
    policy.reset(size);
    policy.prompt(prompts);
  },
});

/** A method that is played by a source: a learning algorithm, a random policy or the oracle. */
export interface SourceMethod {
  readonly method: string;
  readonly id: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Every n-th episode counts, as in the training histories. Default: 1. */
  readonly stride?: number;
}

/** The method of the experiment's source. */
export const sourceMethod = ({ source: { id, options, stride } }: Pick<ExperimentConfig, 'source'>): SourceMethod => ({
  method: 'source',
  id,
  options,
  stride,
});

/**
 * Plays the source in the same environments as the trained models. A source with a stride, or one that learns in several environments at
 * once, learns as in the histories until it has as many kept episodes as the evaluation.
 */
export function rollSource(
  evaluation: Evaluation,
  { method, id, options, stride = 1 }: SourceMethod,
  seed: number,
): Promise<MethodRollouts> {
  const { executor, model, config } = evaluation;
  const { family } = model;
  const learner = source(id);
  if (stride > 1 || 'cohort' in learner)
    return rollMethod(evaluation, {
      name: method,
      seed,
      settings: { id, options, stride },
      async play({ tasks, random, signal, onProgress }) {
        const { episodes } = config.evaluate;
        const wanted = tasks.map((task, i) => ({ task, random: random.split('history', i) }));
        const request = { family, source: learner, episodes: stride * episodes, options, stride, executor, signal };
        const histories = await generateHistories({ ...request, wanted, onProgress: done => onProgress(done * periodsOf(config)) });
        return { ...earned(family, histories, lifeOf(config)), cost: NO_COST };
      },
    });
  return rollMethod(evaluation, {
    name: method,
    seed,
    settings: { id, options },
    // With greedy actions, a uniform policy would always take the first one.
    sampling: id === 'random' ? 'sample' : undefined,
    play: playing(evaluation, async (tasks, random) => {
      const policy = await openSource({ family, tasks, source: learner, random: random.split('source'), options, executor });
      return { policy, cost: () => NO_COST, dispose: policy.dispose };
    }),
  });
}

const NO_COST: MethodCost = { flopsPerAction: 0, stateBytes: 0, historyBytes: 0 };

/** Outcomes and regret of histories, computed as in `rollout` or `playLife`. Throws `E_CONFIG` for a history with fewer calls than a life. */
function earned(family: EnvFamily, histories: readonly History[], life?: LifeSettings): Life {
  const tasks = histories.map(({ task }) => task);
  const { add, ...regret } = regretTally(family.regret, tasks);
  for (const [i, { action, terminated, truncated }] of histories.entries())
    for (let t = 0; t < terminated.length; t++) add(i, action[t], Boolean(terminated[t] || truncated[t]));
  if (!life) return { returns: Float64Array.from(histories.flatMap(history => [...episodeReturns(history)])), ...regret };
  const tally = lifeTally(family, tasks, life);
  for (const [i, history] of histories.entries()) {
    if (history.reward.length < life.calls)
      throw new CadenzaError(
        'E_CONFIG',
        `evaluate.window needs ${life.calls} calls of every stream, but a history of the source has ${history.reward.length}, because its episodes end early. Use another source, or evaluate without windows.`,
      );
    for (let call = 0; call < life.calls; call++) tally.add(i, call, outcomeOf(family, history, call));
  }
  return { ...tally.life(), ...regret };
}

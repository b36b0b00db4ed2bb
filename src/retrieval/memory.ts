/**
 * @file What a policy with retrieval looks up in an evaluation: the table of its training histories, or that of earlier streams on the
 * evaluated tasks, which the agent without retrieval played as a deployed agent would have (method 7.1).
 */

import { openPolicy, type TrainedModel } from '../agent/inference.ts';
import type { Model } from '../agent/model.ts';
import type { StageCache, StageOutput } from '../cache/store.ts';
import type { Executor } from '../engine/index.ts';
import { datasetKey } from '../histories/imported.ts';
import { recordRollout } from '../play/index.ts';
import type { Retriever } from '../policy/index.ts';
import type { RetrievalUse } from '../records/index.ts';
import { Recording, type Task } from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { STORES, type StoreId, type StoreKind } from '../settings/stores.ts';
import { stageTitle } from '../util/progress.ts';
import { Random } from '../util/random.ts';
import { encodeStreams, joinTables, loadTable, type StreamTable, saveTable, shownTo } from './table.ts';

/** What a method looks contexts up in. */
export interface MethodRetrieval {
  readonly store: StoreId;
  /** The table of training contexts. */
  readonly contexts: StageOutput;
  /** The agent without retrieval, whose C_θ compressed them. */
  readonly agent: TrainedModel;
}

export interface RetrievalRequest {
  readonly store: StageCache;
  readonly config: BaseConfig & { readonly retrieve: { readonly histories: number } };
  readonly model: Model;
  readonly executor: Executor;
  readonly seed: number;
  /** Name of the entry of `evaluate.envs`, as in an evaluation. */
  readonly at?: string;
  /** The evaluated tasks, each once. */
  readonly tasks: readonly Task[];
}

/** A trained model to evaluate, with its retrieval if it has one. */
export type TrainedMethod = TrainedModel & {
  readonly method: string;
  readonly seed: number;
  readonly memory?: MethodRetrieval;
  /** Whether it is a version of the agent: the last of them is exported. */
  readonly agent?: boolean;
};

export interface MeasuredRetriever extends Retriever {
  /** What it was given, for the results. */
  readonly use: RetrievalUse;
  /** Seconds spent on look-ups so far. */
  seconds(): number;
}

/** Plays the earlier streams of a deployed agent on the evaluated tasks, and compresses their contexts. */
function evaluatedContexts(
  { store, config, model, executor, seed, at, tasks }: RetrievalRequest,
  agent: TrainedModel,
): Promise<StageOutput> {
  const { env, split, source, retrieve } = config;
  const [{ histories }, { episodes }] = [retrieve, source];
  const { tasks: side, maxTasks } = config.evaluate;
  return store.run({
    stage: `contexts-${side}${at ? `-${at}` : ''}-seed${seed}`,
    settings: { env, split, side, maxTasks, histories, episodes, seed, executor: config.executor, ...datasetKey(config) },
    inputs: { agent: agent.trained.key },
    async run({ folder, progress, signal }) {
      const { family } = model;
      const played = tasks.flatMap(task => new Array<Task>(histories).fill(task));
      const policy = await openPolicy({ model, executor, size: played.length }, agent);
      const random = Random.seeded(seed).split('memory');
      const streams = played.map(task => new Recording(task, family, policy.actions));
      await recordRollout(streams, { family, policy, episodes, random, signal });
      const recorded = streams.map((past, i) => {
        const task = family.taskKey(past.task);
        return { past, task, stream: `memory ${task}#${i % histories}` };
      });
      const title = stageTitle(`contexts of ${side} tasks${at ? ` at ${at}` : ''}`, seed);
      const table = await encodeStreams({ model, executor, agent, title, progress, signal }, recorded);
      saveTable(folder, table);
      return { contexts: table.rows.length, streams: recorded.length };
    },
  });
}

/** Opens what the method looks up in this evaluation: the keys of the stages that it depends on, and the retriever. */
export async function openRetrieval(request: RetrievalRequest, { store, contexts, agent }: MethodRetrieval) {
  const kind: StoreKind = STORES[store];
  const lookUp = request.config.policy.retrieval;
  const outputs: Record<string, StageOutput> = {};
  if (kind.holds.training) outputs.contexts = contexts;
  if (kind.holds.evaluated) outputs.evaluated = await evaluatedContexts(request, agent);
  return {
    inputs: Object.fromEntries(Object.entries(outputs).map(([role, { key }]) => [role, key])),
    settings: { store, retrieval: lookUp },
    /** The retriever for environments with these tasks. */
    retriever(taskKeys: readonly string[]) {
      const tables = Object.values(outputs).map(({ folder }) => loadTable(folder).table);
      return retrieverOf(joinTables(tables), kind, lookUp, taskKeys);
    },
  };
}

/** What a method with retrieval was given, as a note for comparisons. */
export const retrievalOf = ({ contexts, stored, of, shows }: RetrievalUse): string =>
  `${shows === 'end' ? 'the final contexts of the streams that contain' : ''} the ${contexts} nearest of ${stored} ${of}`.trimStart();

/** The retriever for environments with these tasks, each of them a stream of its own that is not in the table. */
export function retrieverOf(
  table: StreamTable,
  kind: StoreKind,
  lookUp: BaseConfig['policy']['retrieval'],
  taskKeys: readonly string[],
): MeasuredRetriever {
  const N = table.rows.length;
  const width = N > 0 ? table.latents.length / N : 0;
  const origin = (i: number) => ({ task: taskKeys[i], stream: `evaluation #${i}` });
  const accepted = (i: number) => table.rows.filter(row => row.segments > 0 && kind.accepts(origin(i), row)).length;
  let spent = 0;
  return {
    contexts: lookUp.contexts,
    codes: table.codes && table.codes.length / N,
    use: { contexts: lookUp.contexts, stored: N > 0 ? accepted(0) : 0, of: kind.of, shows: lookUp.shows },
    seconds: () => spent / 1000,
    lookUp(i, own, { latents, present }) {
      if (N === 0) return;
      const began = performance.now();
      for (const [k, row] of shownTo(table, { ...origin(i), ...own, index: 0 }, lookUp, kind).entries()) {
        latents.set(table.latents.subarray(row * width, (row + 1) * width), k * width);
        present[k] = 1;
      }
      spent += performance.now() - began;
    },
  };
}

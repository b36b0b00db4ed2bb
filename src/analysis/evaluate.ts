/** @file The table of an evaluation: every method of every seed learns in context on the evaluated tasks (method 6), and its returns are scored. */

import { baseline, baselines, isTrained } from '../agent/baselines/index.ts';
import type { ExperimentConfig } from '../config/experiment.ts';
import type { Demonstrations } from '../histories/demonstrate.ts';
import { openTasks } from '../histories/tasks.ts';
import {
  type MethodCost,
  type MethodReturns,
  type MethodTable,
  type Protocol,
  type ReturnsTable,
  type StageBudget,
  scoreMethodPieces,
} from '../records/index.ts';
import { retrievalOf, type TrainedMethod } from '../retrieval/memory.ts';
import { DEMONSTRATION_STYLES } from '../sources/index.ts';
import { breathing } from '../util/breathe.ts';
import { protocolOf, resampledOf } from './protocol.ts';
import { type Evaluation, type MethodRollouts, prompted, rollModel, rollSource, type SourceRow } from './rollouts.ts';

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
  const bySource: SourceRow[] = [
    // Who recorded a data set is not known here.
    ...(config.source.dataset === undefined ? [{ method: 'source', id: config.source.id, options: config.source.options }] : []),
    { method: 'random', id: 'random', options: {} },
    ...config.baselines.methods.map(baseline).flatMap(row => (isTrained(row) ? [] : [{ method: row.id, id: row.plays, options: {} }])),
  ];
  const collected: Record<string, MethodReturns> = {};
  const costs: Record<string, MethodCost> = {};
  const budgets: Record<string, readonly StageBudget[] | undefined> = {};
  const keep = (method: string, seed: number, { returns: { returns, regret }, cost }: MethodRollouts) => {
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
  for (const row of bySource) for (const seed of config.seeds) keep(row.method, seed, await rollSource(evaluation, row, seed));

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

/** What a prompt of this style is, for whoever compares its row with others. */
function promptOf({ policy }: Pick<ExperimentConfig, 'policy'>, { style }: Demonstrations): string {
  const { episodes, length } = policy.prompt!;
  const what = `${episodes === 1 ? 'one episode' : `${episodes} episodes`} of the task${length ? `, the first ${length} steps of each` : ''}`;
  return `a prompt of ${what} before the first step (${style}: ${DEMONSTRATION_STYLES[style]})`;
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

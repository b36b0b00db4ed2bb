/** @file Evaluates every method of every seed in context on the evaluated tasks (method 6) and builds the results table. */

import { baseline, baselines, isTrained } from '../agent/baselines/index.ts';
import type { ExperimentConfig } from '../config/experiment.ts';
import type { Demonstrations } from '../histories/demonstrate.ts';
import { periodsOf } from '../histories/life.ts';
import { openTasks } from '../histories/tasks.ts';
import {
  type MethodReturns,
  type MethodTable,
  measuredReference,
  type Protocol,
  type Reference,
  type ReturnsTable,
  recordedReference,
  type StageBudget,
  scoreMethodPieces,
} from '../records/index.ts';
import { retrievalOf, type TrainedMethod } from '../retrieval/memory.ts';
import { DEMONSTRATION_STYLES } from '../sources/index.ts';
import { breathing } from '../util/breathe.ts';
import { groupBy } from '../util/groups.ts';
import { interventionsOn, recoveryOf, windowOf } from './life.ts';
import { protocolOf, resampledOf } from './protocol.ts';
import { knownReference } from './reference.ts';
import {
  type Evaluation,
  type MethodRollouts,
  rollModel,
  rollSource,
  type SourceMethod,
  sourceMethod,
  type Variation,
  variedName,
} from './rollouts.ts';

/** The result of an evaluation: the table of all methods over all seeds, and the raw data behind it. */
export interface Evaluated {
  readonly methods: MethodTable;
  readonly raw: ReturnsTable;
  /** How the methods were evaluated and how their settings were chosen. */
  readonly protocol: Protocol;
}

/** Evaluates every method of every seed. Returns are normalized by the reference of their task. */
export async function evaluate(evaluation: Evaluation, trained: readonly TrainedMethod[]): Promise<Evaluated> {
  const { config, shown = [] } = evaluation;
  const { store } = evaluation;
  const bySource: SourceMethod[] = [
    // The learner that recorded a data set is not available.
    ...(config.source.dataset === undefined ? [sourceMethod(config)] : []),
    { method: 'random', id: 'random', options: {} },
    ...config.baselines.methods.map(baseline).flatMap(row => (isTrained(row) ? [] : [{ method: row.id, id: row.plays, options: {} }])),
  ];
  const rollTrained = async (method: TrainedMethod, varied: Variation): Promise<Found> => {
    const given = varied.shown && promptOf(config, varied.shown);
    const name = variedName(method.method, varied);
    return { name, seed: method.seed, ...(await rollModel(evaluation, method, varied)), given, budget: method.trained.budget };
  };
  const found: readonly Found[] = await store.each([
    ...trained.flatMap(method =>
      [{}, ...shown.map(shown => ({ shown })), ...interventionsOn(config, method).map(intervention => ({ intervention }))].map(
        varied => () => rollTrained(method, varied),
      ),
    ),
    ...bySource.flatMap(row =>
      config.seeds.map(seed => async () => ({ name: row.method, seed, ...(await rollSource(evaluation, row, seed)) })),
    ),
  ]);

  const rows = groupBy(found, ({ name }) => name);
  const played = (name: string) => rows.get(name)!.map(({ returns }) => returns);
  const measure = () =>
    measuredReference({ random: played('random'), source: played('source'), episodes: periodsOf(config), table: evaluation.at });
  const raw = {
    ...playedTasks(evaluation, measure),
    methods: Object.fromEntries(Array.from(rows, ([name, seeds]) => [name, returnsOf(seeds)])),
  };
  const methods: Record<string, MethodTable[string]> = {};
  // Costs and budgets of the first seed apply to all seeds, which have the same graphs.
  for (const [name, [{ cost, budget, given: note }]] of rows) {
    const given = note ?? (cost.retrieval ? retrievalOf(cost.retrieval) : baselines.all.find(({ id }) => id === name)?.given);
    const scored = await breathing(scoreMethodPieces(raw, name, cost), store.signal);
    methods[name] = { ...scored, ...(given ? { given } : {}), ...(budget ? { budget: [...budget] } : {}) };
  }
  return { methods, raw, protocol: protocolOf(config) };
}

/** The returns of one method of one seed, with notes for its method in the table. */
interface Found extends MethodRollouts {
  readonly name: string;
  readonly seed: number;
  readonly given?: string;
  readonly budget?: readonly StageBudget[];
}

/** The raw returns of one method over its seeds. */
const returnsOf = (seeds: readonly Found[]): MethodReturns => ({
  seeds: seeds.map(({ seed }) => seed),
  returns: seeds.map(({ returns }) => Array.from(returns.returns)),
  ...(seeds[0].returns.regret ? { regret: seeds.map(({ returns }) => Array.from(returns.regret!)) } : {}),
  ...(seeds[0].returns.recovery ? { recovery: { first: curvesOf(seeds, 'first'), later: curvesOf(seeds, 'later') } } : {}),
});

const curvesOf = (seeds: readonly Found[], part: 'first' | 'later'): number[][] =>
  seeds.map(({ returns }) => Array.from(returns.recovery![part]));

/** Description of a prompt of this style, for readers who compare methods. */
function promptOf({ policy }: Pick<ExperimentConfig, 'policy'>, { style }: Demonstrations): string {
  const { episodes, length } = policy.prompt!;
  const what = `${episodes === 1 ? 'one episode' : `${episodes} episodes`} of the task${length ? `, the first ${length} steps of each` : ''}`;
  return `a prompt of ${what} before the first step (${style}: ${DEMONSTRATION_STYLES[style]})`;
}

/** What all methods of a table share. `measure` returns the reference if neither the environment nor the configuration defines it. */
function playedTasks({ config, model: { family } }: Evaluation, measure: () => Reference): Omit<ReturnsTable, 'methods'> {
  const tasks = openTasks(config).evaluated;
  const keys = tasks.map(family.taskKey);
  const { streams, resamples } = config.evaluate;
  const [window, recovery] = [windowOf(config), recoveryOf(config)];
  return {
    tasks: keys,
    ...recordedReference(keys, knownReference(config, family, tasks) ?? measure()),
    streams,
    episodes: periodsOf(config),
    ...(window ? { window } : {}),
    ...(recovery ? { recovery } : {}),
    ...(family.regret ? { regretParts: [...family.regret.parts] } : {}),
    bootstrap: { seed: config.seed, resamples, resampled: resampledOf(config) },
  };
}

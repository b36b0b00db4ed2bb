/**
 * @file The run loop of all kinds of experiment: data, training stages for every seed, evaluation, results. Also the plan of the stages that a
 * command will request from the cache, for progress; a test compares the plan with the actual requests.
 */

import { openOutputs } from '../cache/outputs.ts';
import { recorded } from '../cache/run-record.ts';
import { diskTime, reportReused, StageCache, type StagePlan, stageFolder } from '../cache/store.ts';
import { readyExecutor } from '../engine/executors/registry.ts';
import type { Executor } from '../engine/index.ts';
import type { AnyResults } from '../records/index.ts';
import { hashJson } from '../util/files.ts';
import { leavesOf } from '../util/leaves.ts';
import { type Progress, silentProgress } from '../util/progress.ts';
import {
  type CommonConfig,
  type EvaluatedVariant,
  type ExperimentKind,
  type PlannedMethod,
  type RunOptions,
  runsUntil,
  type SharedData,
  type Variant,
} from './kind.ts';
import { runInParallel } from './launchers/local.ts';
import { combined, threadsOf } from './needs.ts';
import { writeResults } from './results.ts';
import { type CollectedVariant, collectStages, jobsOf, schedule } from './schedule.ts';
import { runVariant } from './variant.ts';

/** Runs an experiment. Returns its results, or undefined if it was asked to stop before the evaluation. */
export function runExperiment<C extends CommonConfig, D extends SharedData<C>, E, R extends AnyResults>(
  kind: ExperimentKind<C, D, E, R>,
  config: C,
  options: RunOptions,
): Promise<R | undefined> {
  const { out, command, signal } = options;
  return runVariants(kind, variantsOf(kind, config), options, found => {
    // Stages of a table have the same names as those of the experiment.
    const named = found.flatMap(({ name, seconds }, i) =>
      Object.entries(seconds).map(([stage, spent]) => [i === 0 ? stage : `${name}: ${stage}`, spent]),
    );
    return kind.results(config, found, { out, command, seconds: Object.fromEntries(named), signal });
  });
}

/** What a command runs: variants under one name, with outputs that belong to the configuration `describes`. */
export interface Variants<C> {
  readonly name: string;
  /** Kind of experiment, or `ablation`. */
  readonly kind: string;
  readonly describes: unknown;
  readonly variants: readonly Variant<C>[];
}

/** An experiment with its additional tables. */
export const variantsOf = <C extends CommonConfig>(kind: Pick<ExperimentKind<C, never>, 'name' | 'variants'>, config: C): Variants<C> => ({
  name: config.name,
  kind: kind.name,
  describes: config,
  variants: kind.variants(config),
});

/** Runs all variants of a command in one folder and writes their results. */
export async function runVariants<C extends CommonConfig, D extends SharedData<C>, E, R extends AnyResults>(
  kind: ExperimentKind<C, D, E>,
  { name, kind: called, describes, variants }: Variants<C>,
  options: RunOptions,
  collect: (found: readonly EvaluatedVariant<C, E>[]) => Promise<R>,
): Promise<R | undefined> {
  const { out, until = 'evaluate', progress, signal, fresh, jobs, tensorboard, shared } = options;
  // Check before anything runs, so that errors appear at once.
  const needs = variants.map(each => kind.expectBuildable(each.config, until));
  const { processes } = combined(name, needs, { jobs, threads: threadsOf(variants) });
  const executors = new Map<string, Executor>();
  for (const { executor } of variants.map(({ config }) => config)) {
    const key = hashJson(executor);
    if (!executors.has(key)) executors.set(key, await readyExecutor(executor, progress.say));
  }
  const since = diskTime(out);
  const outputs = openOutputs(out, describes, until === 'evaluate' ? progress : silentProgress);
  const settings = variants.map(({ name, config }) => ({ name, settings: leavesOf(config) }));
  return recorded({ out, name, kind: called, command: options.command, variants: settings }, progress, async ({ progress, stage }) => {
    if (processes > 1) {
      const collected: CollectedVariant[] = [];
      for (const [i, variant] of variants.entries()) {
        const stages = await collectStages(kind, variant.config, { out, fresh, since, until, shared });
        for (const each of stages) stage(stageFolder(each), i);
        collected.push({ ...variant, estimate: needs[i], stages });
      }
      await runInParallel(name, schedule(jobsOf(collected)), { ...options, progress, until, since, processes });
    }
    const plan = new Plan(variants.flatMap(({ config }) => plannedStages(kind, config, until)));
    const stores: StageCache[] = [];
    const found: EvaluatedVariant<C, E>[] = [];
    for (const [i, variant] of variants.entries()) {
      const heading = variants.length > 1 ? `${i + 1}/${variants.length} ${variant.name}: ` : '';
      const start: Progress['start'] = (stage, ...rest) => progress.start(`${heading}${stage}`, ...rest);
      const placed: StagePlan = {
        begin(progress, folder) {
          stage(folder, i);
          plan.begin(progress);
        },
        made: seconds => plan.made(seconds),
      };
      const store = new StageCache(out, { fresh, since, plan: placed, progress: { ...progress, start }, signal, tensorboard, shared });
      stores.push(store);
      const executor = executors.get(hashJson(variant.config.executor))!;
      const evaluated = await runVariant(kind, variant.config, { store, executor, until, alone: true });
      if (evaluated !== undefined) found.push({ ...variant, evaluated, seconds: store.seconds });
    }
    reportReused(stores, progress);
    return until === 'evaluate' ? outputs.replace(async () => writeResults(out, await collect(found))) : undefined;
  });
}

interface PlannedStage {
  readonly stage: string;
  /** Training steps, if it trains. */
  readonly steps?: number;
}

/** The stages of an experiment, without its additional tables. */
export function plannedStages<C extends CommonConfig>(
  kind: Pick<ExperimentKind<C, never>, 'dataStage' | 'training' | 'planned'>,
  config: C,
  until: string,
): PlannedStage[] {
  const { data, evaluation } = kind.planned(config, until);
  const training: PlannedStage[] = [];
  const trained: PlannedMethod[] = [];
  for (const seed of config.seeds)
    for (const stage of kind.training) {
      const steps = stage.steps(config);
      if (!runsUntil(kind, until, stage.name) || steps === 0) continue;
      for (const { name, ...trains } of stage.parts?.(config) ?? [{ name: stage.name, steps }])
        training.push({ stage: `${name}-seed${seed}`, ...trains });
      trained.push(...stage.methods(config).map(row => ({ ...row, seed })));
    }
  const named = (stages: readonly string[]) => stages.map(stage => ({ stage }));
  return [...named(data), ...training, ...(until === 'evaluate' ? named(evaluation(trained)) : [])];
}

/**
 * The position of a command in its planned stages, with an estimate of the remaining time. A stage is expected to take as long as finished
 * stages of its kind; without any, training takes as long per step as other training, and other stages as long as similar ones.
 */
export class Plan {
  readonly #stages: readonly PlannedStage[];
  readonly #seconds = new Map<string, number[]>();
  #at = 0;

  constructor(stages: readonly PlannedStage[]) {
    this.#stages = stages;
  }

  /** Advances to the next stage and shows its position in `progress`. */
  begin(progress: Progress): void {
    this.#at++;
    const rest = this.#stages.slice(this.#at).map(each => this.#expected(each));
    const seconds = rest.reduce<number>((sum, each = 0) => sum + each, 0);
    progress.place?.({ at: this.#at, of: this.#stages.length, seconds, more: rest.includes(undefined) });
  }

  /** Records the total time of the current stage in seconds. */
  made(seconds: number): void {
    const stage = this.#stages[this.#at - 1];
    if (stage)
      for (const kind of kindsOf(stage)) this.#seconds.set(kind, [...(this.#seconds.get(kind) ?? []), seconds / (stage.steps ?? 1)]);
  }

  #expected(stage: PlannedStage): number | undefined {
    const like = kindsOf(stage)
      .map(kind => this.#seconds.get(kind))
      .find(Boolean);
    return like && ((stage.steps ?? 1) * like.reduce((a, b) => a + b, 0)) / like.length;
  }
}

/** Groups for time estimates: the same stage with another seed, then any training stage or stages with the same prefix. */
const kindsOf = ({ stage, steps }: PlannedStage) => [
  stage.replace(/-seed\d+$/, ''),
  steps ? ' training' : ` ${/^[a-z]+/.exec(stage)?.[0]}`,
];

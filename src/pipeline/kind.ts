/**
 * @file The interface of a kind of experiment, used by the run loop, the plan, parallel processes, the estimate and the command line. A kind has
 * a data stage, an ordered list of training stages, and the stage `evaluate`.
 */

import type { z } from 'zod';
import type { SharedStages } from '../cache/store.ts';
import type { AnyResults } from '../records/index.ts';
import type { TrainedMethod } from '../retrieval/memory.ts';
import type { BaseConfig } from '../settings/base.ts';
import type { EvaluatedMethod, StageRun, TrainingConfig, TrainingStage } from '../training/define.ts';
import { CadenzaError } from '../util/errors.ts';
import { nearest } from '../util/nearest.ts';
import type { Progress } from '../util/progress.ts';
import type { Estimate } from './needs.ts';

/** Settings of every kind of experiment. */
export type CommonConfig = TrainingConfig & Pick<BaseConfig, 'name' | 'imports' | 'seeds'>;

/** What the stages of an experiment share across seeds. */
export type SharedData<C> = Omit<StageRun<C>, 'seed'>;

/** A method that an experiment will train and evaluate. */
export type PlannedMethod = EvaluatedMethod & { readonly seed: number };

/** An experiment, one of its additional tables, or a combination of an ablation. */
export interface Variant<C> {
  readonly name: string;
  readonly config: C;
}

/** Options of a run. */
export interface RunOptions {
  out: string;
  /** The last stage to run. Default: all stages. */
  until?: string;
  /** Rerun all stages, finished or not, instead of resuming. */
  fresh?: boolean;
  /** Number of stages to run in parallel processes. `auto`: as many as cores and memory allow, if that is worthwhile. Default: 1. */
  jobs?: number | 'auto';
  /** Also write training metrics as event files of TensorBoard, next to each metrics.jsonl. Default: false. */
  tensorboard?: boolean;
  /** Where stages are also kept, for other machines. */
  shared?: SharedStages;
  progress: Progress;
  /** When aborted, the running stage saves its state and throws `E_INTERRUPTED`. */
  signal: AbortSignal;
  /** The command line, to record in results. */
  command: string;
}

/** A variant with its evaluation. */
export interface EvaluatedVariant<C, E> extends Variant<C> {
  /** Of every stage. */
  readonly seconds: Readonly<Record<string, number>>;
  readonly evaluated: E;
}

/**
 * A kind of experiment.
 *
 * @typeParam C its configuration.
 * @typeParam D what its stages share: models and the location of the data.
 * @typeParam E the result of an evaluation.
 * @typeParam R its results.
 */
export interface ExperimentKind<
  C extends CommonConfig = CommonConfig,
  D extends SharedData<C> = SharedData<C>,
  E = unknown,
  R extends AnyResults = AnyResults,
> {
  readonly name: string;
  /** The top-level key that identifies this kind. The kind without a key is the default. */
  readonly key?: string;
  /** Schema of its file, including everything registered at the time of the call. */
  schema(): z.ZodType<C>;
  /** Whether its runs export an agent that can act in an installed environment. */
  readonly acts: boolean;
  /** The fingerprint of settings, for statements of how they were chosen. */
  fingerprint?(config: C): string;
  /** The data stage, which runs before training. */
  readonly dataStage: string;
  readonly training: readonly TrainingStage<string, z.ZodType, C, D & { readonly seed: number }>[];
  /** The experiment and its additional tables. */
  variants(config: C): readonly Variant<C>[];
  /** Estimates a variant up to a stage. Throws `E_CONFIG` if something cannot be built or does not fit into memory. */
  expectBuildable(config: C, until: string): Estimate;
  /** Generates the data and builds the models. */
  open(config: C, tools: Pick<StageRun, 'store' | 'executor'>, until: string): Promise<D>;
  /** Evaluates trained models. `alone`: no other stage of the run is active, so that times can be measured. */
  evaluate(opened: D, trained: readonly TrainedMethod[], options: { readonly alone: boolean }): Promise<E>;
  /** Returns the results of all variants, and writes other outputs of the run. */
  results(
    config: C,
    variants: readonly EvaluatedVariant<C, E>[],
    about: { readonly out: string; readonly command: string; readonly seconds: Record<string, number>; readonly signal: AbortSignal },
  ): Promise<R>;
  /** Names of the cached stages that `open` and `evaluate` request, in order. */
  planned(config: C, until: string): { readonly data: readonly string[]; evaluation(trained: readonly PlannedMethod[]): readonly string[] };
}

type AnyKind<C extends CommonConfig> = Pick<ExperimentKind<C, never>, 'dataStage' | 'training'>;

/** The stages of a kind in order. */
export const stagesOf = ({ dataStage, training }: AnyKind<never>): string[] => [dataStage, ...training.map(({ name }) => name), 'evaluate'];

/** Throws `E_USAGE` with the most similar stage, unless this kind has the stage. `where` names the experiment. */
export function expectStage(kind: AnyKind<never> & Pick<ExperimentKind, 'name'>, stage: string, where: string): void {
  const stages = stagesOf(kind);
  if (stages.includes(stage)) return;
  const advice = `Did you mean "${nearest(stage, stages)}"? Choose one of: ${stages.join(', ')}.`;
  throw new CadenzaError('E_USAGE', `${where} is a ${kind.name} experiment, which has no stage "${stage}". ${advice}`);
}

/** What a training stage requires, such as `consolidate.steps above 0`, if no variant runs it; otherwise undefined. */
export function missingFor<C extends CommonConfig>(
  { training, variants }: Pick<ExperimentKind<C, never>, 'training' | 'variants'>,
  config: C,
  stage: string,
): string | undefined {
  const found = training.find(({ name }) => name === stage);
  if (!found || variants(config).some(each => found.steps(each.config) > 0)) return undefined;
  const { steps } = (config as unknown as Record<string, { readonly steps: number | string }>)[stage];
  return steps === 0 || !found.needs ? `${stage}.steps above 0` : found.needs;
}

/** Whether a stage runs if `until` is the last one to run. */
export function runsUntil(kind: AnyKind<never>, until: string, stage: string): boolean {
  const stages = stagesOf(kind);
  return stages.indexOf(stage) <= stages.indexOf(until);
}

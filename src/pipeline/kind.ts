/**
 * @file What a kind of experiment is: one record, which the run loop, the plan, the parallel parts, the estimate and the command line read. Its
 * stages are three: what the data come from, training in an order of its own, and `evaluate`.
 */

import type { z } from 'zod';
import type { AnyResults } from '../records/index.ts';
import type { TrainedMethod } from '../retrieval/memory.ts';
import type { BaseConfig } from '../settings/base.ts';
import type { EvaluatedMethod, StageRun, TrainingConfig, TrainingStage } from '../training/define.ts';
import { CadenzaError } from '../util/errors.ts';
import { nearest } from '../util/nearest.ts';
import type { Progress } from '../util/progress.ts';
import type { Estimate } from './needs.ts';

/** Settings that every experiment has. */
export type CommonConfig = TrainingConfig & Pick<BaseConfig, 'name' | 'imports' | 'seeds'>;

/** What the stages of an experiment share, for all of its seeds. */
export type SharedData<C> = Omit<StageRun<C>, 'seed'>;

/** A method that is trained, as far as the configuration tells. */
export type PlannedMethod = EvaluatedMethod & { readonly seed: number };

/** An experiment, or what one of its further tables or a combination of an ablation makes of it. */
export interface Variant<C> {
  readonly name: string;
  readonly config: C;
}

/** How a command runs. */
export interface RunOptions {
  out: string;
  /** The last stage to run, with whatever it needs; all of them when left out. */
  until?: string;
  /** Make every stage again that the command needs, finished or not, instead of continuing. */
  fresh?: boolean;
  /** Parts (seeds, tables, combinations) that are made at once, each in a process of its own; 1 when left out. */
  jobs?: number;
  progress: Progress;
  /** Aborted on SIGINT and SIGTERM: the running stage saves and throws `E_INTERRUPTED`. */
  signal: AbortSignal;
  /** The command line, for the record. */
  command: string;
}

/** A variant that ran to its end. */
export interface EvaluatedVariant<C, E> extends Variant<C> {
  /** Of every stage. */
  readonly seconds: Readonly<Record<string, number>>;
  readonly evaluated: E;
}

/**
 * A kind of experiment.
 *
 * @typeParam C its configuration.
 * @typeParam D what its stages share: models, and where the data are.
 * @typeParam E what an evaluation found.
 * @typeParam R its results.
 */
export interface ExperimentKind<
  C extends CommonConfig = CommonConfig,
  D extends SharedData<C> = SharedData<C>,
  E = unknown,
  R extends AnyResults = AnyResults,
> {
  readonly name: string;
  /** The key at the top of a file that only this kind has; the kind without one is what every other file is. */
  readonly key?: string;
  /** Of its file, with the kinds that there are now. */
  schema(): z.ZodType<C>;
  /** Whether its runs leave an agent that acts in an environment that is here. */
  readonly acts: boolean;
  /** The fingerprint of the settings, by which they are told apart when they are chosen. */
  fingerprint?(config: C): string;
  /** The stage before all training. */
  readonly dataStage: string;
  readonly training: readonly TrainingStage<string, z.ZodType, C, D & { readonly seed: number }>[];
  /** The experiment itself, and its further tables. */
  variants(config: C): readonly Variant<C>[];
  /** Gives the estimate of what a variant needs up to a stage. Throws `E_CONFIG` where something cannot be built or does not fit. */
  expectBuildable(config: C, until: string): Estimate;
  /** Makes the data, and the models. */
  open(config: C, tools: Pick<StageRun, 'store' | 'executor'>, until: string): Promise<D>;
  /** Evaluates what was trained. `alone` says that nothing else of the run is at work, so that times can be taken. */
  evaluate(opened: D, trained: readonly TrainedMethod[], options: { readonly alone: boolean }): Promise<E>;
  /** Gives the results of all variants, and writes what else the run leaves in its folder. */
  results(
    config: C,
    variants: readonly EvaluatedVariant<C, E>[],
    about: { readonly out: string; readonly command: string; readonly seconds: Record<string, number>; readonly signal: AbortSignal },
  ): Promise<R>;
  /** Stages in the cache that `open` and `evaluate` ask for, in that order. */
  planned(config: C, until: string): { readonly data: readonly string[]; evaluation(trained: readonly PlannedMethod[]): readonly string[] };
}

type AnyKind<C extends CommonConfig> = Pick<ExperimentKind<C, never>, 'dataStage' | 'training'>;

/** What a command may stop after, in order. */
export const stagesOf = ({ dataStage, training }: AnyKind<never>): string[] => [dataStage, ...training.map(({ name }) => name), 'evaluate'];

/** Throws `E_USAGE`, with the nearest, unless an experiment of this kind has the stage; `where` names the experiment. */
export function expectStage(kind: AnyKind<never> & Pick<ExperimentKind, 'name'>, stage: string, where: string): void {
  const stages = stagesOf(kind);
  if (stages.includes(stage)) return;
  const near = `the nearest is "${nearest(stage, stages)}". Choose one of: ${stages.join(', ')}.`;
  throw new CadenzaError('E_USAGE', `${where} is a ${kind.name} experiment, which has no stage "${stage}"; ${near}`);
}

/** The settings without which no variant runs a training stage, where that is so, such as `consolidate.steps above 0`. */
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

/** Whether a stage runs when `until` is the last one to run. */
export function wantedBy(kind: AnyKind<never>, until: string, stage: string): boolean {
  const stages = stagesOf(kind);
  return stages.indexOf(stage) <= stages.indexOf(until);
}

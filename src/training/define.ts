/** @file What a training stage is: a record with its settings and what it trains, and what it hands to the loop. */

import type { z } from 'zod';
import type { Model } from '../agent/model.ts';
import type { Weights } from '../cache/checkpoint.ts';
import type { StageOutput, StageStore } from '../cache/store.ts';
import type { Executor, Tensor } from '../engine/index.ts';
import type { Demonstrations } from '../histories/demonstrate.ts';
import type { BufferSpec, ParameterSpec, Scope } from '../nn/index.ts';
import type { WeightedTerm } from '../records/index.ts';
import type { TrainedMethod } from '../retrieval/memory.ts';
import type { History } from '../rl/index.ts';
import type { BaseConfig, OptimiserConfig } from '../settings/base.ts';
import type { Random } from '../util/random.ts';
import type { BatchSource, TrainRequest } from './trainer.ts';

/** What the training stages of one seed share. */
export interface TrainingRun<C = unknown> {
  readonly store: StageStore;
  readonly config: BaseConfig & C;
  readonly seed: number;
  readonly model: Model;
  /** Opened when the first stage really trains. */
  readonly histories: () => readonly History[];
  readonly generated: StageOutput;
  /** Of the training tasks, for prompts; left out without them. */
  readonly demonstrations?: readonly Demonstrations[];
  readonly executor: Executor;
}

/** What tells two training stages apart. */
export interface StageSpec {
  /** Name of the stage, and of its folder. */
  readonly name: string;
  /** Its section of the configuration: steps, and what it overrides of the optimizer. */
  readonly own: StageSettings;
  /** Kind of the compressor in what it trains. */
  readonly compressor: string;
  /** Settings besides the ones that every training stage depends on. */
  readonly settings: Record<string, unknown>;
  /** Earlier stages whose weights it starts from or reads. */
  readonly from: Readonly<Record<string, StageOutput | undefined>>;
  readonly build: (scope: Scope, batch: number) => { loss: Tensor; metrics?: Record<string, Tensor> };
  /** Parts that are trained; the other parameters of the loss are frozen. */
  readonly trains: readonly string[];
  readonly group?: TrainRequest['group'];
  /** What is to be imitated of a history, in the place of what it recorded. */
  readonly labels?: (history: History) => History;
  /** Fills the further input `teacher` from a table. */
  readonly table?: boolean;
  /** Steps, where they are not those of `own`. */
  readonly steps?: number;
  /** Steps of the optimizer, where they are others still. */
  readonly updates?: (batch: number) => number;
  /** Where the batches come from, if not from the histories. */
  readonly batches?: (request: BatchRequest) => Promise<StageBatches>;
}

/** What batches may depend on besides the run. */
export interface BatchRequest {
  readonly optimiser: OptimiserConfig;
  readonly trainable: readonly ParameterSpec[];
  readonly frozen: readonly ParameterSpec[];
  /** State that the steps replace. */
  readonly buffers: readonly BufferSpec[];
  /** The first value of every parameter and buffer. */
  readonly given: Weights;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** The batches of a stage. */
export interface StageBatches extends BatchSource {
  /** Parameters that follow from the data: those that the model has begin with these values. */
  readonly given?: Weights;
  readonly dispose?: () => Promise<void>;
}

/** What every section of a training stage has: its steps, and what it overrides of the optimizer. */
export interface StageSettings extends Partial<OptimiserConfig> {
  readonly steps: number | string;
}

/** The optimizer of a stage: the shared settings with the stage's own on top. */
export function optimiserOf({ optimiser }: Pick<BaseConfig, 'optimiser'>, own: StageSettings): OptimiserConfig {
  const resolved = Object.entries(optimiser).map(([key, shared]) => [key, own[key as keyof OptimiserConfig] ?? shared]);
  return Object.fromEntries(resolved) as OptimiserConfig;
}

/** Outputs of the stages before, by their names. */
export type Earlier = Readonly<Record<string, StageOutput | undefined>>;

/** One stage in the cache that a training stage makes for each seed. */
export interface PlannedPart {
  /** Its name there, without the seed. */
  readonly name: string;
  /** Absent where it trains nothing. */
  readonly steps?: number;
}

/** A row of the evaluation that a stage adds. */
export interface PlannedRow {
  readonly method: string;
  readonly foresees?: boolean;
  /** Whether evaluations look contexts of their own tasks up, which are made first. */
  readonly remembers?: boolean;
}

/** What a stage left: weights that later ones go on from, and rows of the evaluation. */
export interface Trained {
  readonly output?: StageOutput;
  readonly rows: readonly Omit<TrainedMethod, 'seed'>[];
}

/**
 * One training stage.
 *
 * @typeParam C the sections of the configuration that it reads besides those that all experiments share, its own among them.
 */
export interface TrainingStage<N extends string = string, S extends z.ZodType = z.ZodType, C = never> {
  /** Its section of the configuration, its command, and what its folder is called. */
  readonly name: N;
  readonly settings: S;
  /** Steps of every model that it trains; 0 where the configuration leaves it out. */
  steps(config: BaseConfig & C): number;
  /** What it makes in the cache for each seed; one part of its own name when left out. */
  parts?(config: BaseConfig & C): readonly PlannedPart[];
  /** Its loss, where that is a sum of terms. */
  terms?(config: BaseConfig & C): readonly WeightedTerm[];
  /** Rows that it adds to the evaluation, as far as the configuration tells. */
  rows(config: BaseConfig & C): readonly PlannedRow[];
  /** Trains on what earlier stages left. `only` is the one part that is asked for. */
  train(run: TrainingRun<C>, earlier: Earlier, only?: string): Promise<Trained>;
}

export const defineStage = <N extends string, S extends z.ZodType, C>(stage: TrainingStage<N, S, C>): TrainingStage<N, S, C> => stage;

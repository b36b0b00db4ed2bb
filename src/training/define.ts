/** @file What a training stage is: a record with its settings and what it trains, and what it hands to the loop. */

import type { z } from 'zod';
import type { Model } from '../agent/model.ts';
import type { Weights } from '../cache/checkpoint.ts';
import type { StageCache, StageOutput } from '../cache/store.ts';
import type { Executor, Tensor } from '../engine/index.ts';
import type { Demonstrations } from '../histories/demonstrate.ts';
import type { Scope } from '../nn/index.ts';
import type { WeightedTerm } from '../records/index.ts';
import type { TrainedMethod } from '../retrieval/memory.ts';
import type { History } from '../rl/index.ts';
import type { BaseConfig, OptimizerConfig } from '../settings/base.ts';
import { predictsReturns } from '../settings/policy.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import type { BatchSource, TrainRequest } from './trainer.ts';

/** What the training of every experiment reads of its configuration. */
export type TrainingConfig = Pick<BaseConfig, 'optimizer' | 'checkpoint' | 'executor'>;

/** What the training stages of one seed share, whatever they train on. */
export interface StageRun<C = unknown> {
  readonly store: StageCache;
  readonly config: TrainingConfig & C;
  readonly seed: number;
  readonly executor: Executor;
}

/** The same where they train on learning histories. */
export interface TrainingRun<C = unknown> extends StageRun<BaseConfig & C> {
  /** The agent's model. */
  readonly model: Model;
  /** Opened when the first stage really trains. */
  readonly histories: () => readonly History[];
  /** The stage that generated the histories. */
  readonly generated: StageOutput;
  /** Of the training tasks, for prompts; left out without them. */
  readonly demonstrations?: readonly Demonstrations[];
}

/** What a stage minimizes over one model. */
export interface Objective {
  /** Name of the stage in the cache, without the seed. */
  readonly name: string;
  /** Kind of the compressor in the model. */
  readonly compressor: string;
  /** Parts that are trained; the other parameters of the loss are frozen. */
  readonly trains: readonly string[];
  /** Builds the loss, a scalar, and metrics for the log. */
  readonly build: (scope: Scope, batch: number) => { loss: Tensor; metrics?: Record<string, Tensor> };
}

/** What tells two training stages apart. */
export interface StageSpec extends Objective {
  /** Label of its random stream; its name when left out. */
  readonly stream?: string;
  /** Its section of the configuration: steps, and what it overrides of the optimizer. */
  readonly own: StageSettings;
  /** Settings besides the ones that every training stage depends on. */
  readonly settings: Record<string, unknown>;
  /** Keys of the data that it trains on, by what they are. */
  readonly data: Readonly<Record<string, string>>;
  /** Earlier stages whose weights it starts from or reads. */
  readonly from: Readonly<Record<string, StageOutput | undefined>>;
  readonly group?: TrainRequest['group'];
  /** Steps, where they are not those of `own`. */
  readonly steps?: number;
  /** Steps of the optimizer, where they are others still. */
  readonly updates?: (batch: number) => number;
  /** Its random stream, where that is not the one of its name. */
  readonly random?: Random;
  readonly batches: (request: BatchRequest) => StageBatches | Promise<StageBatches>;
}

/** What tells two training stages on learning histories apart. */
export interface HistoryStageSpec extends Omit<StageSpec, 'data' | 'batches'> {
  /** What is to be imitated of a history, in the place of what it recorded. */
  readonly labels?: (history: History) => History;
  /** Fills the further input `teacher` from a table. */
  readonly table?: boolean;
  /** Where the batches come from, if not from the histories. */
  readonly batches?: StageSpec['batches'];
}

/** What batches may depend on besides the run. */
export interface BatchRequest extends Required<Pick<TrainRequest, 'optimizer' | 'trainable' | 'frozen' | 'buffers' | 'given'>> {
  readonly random: Random;
  readonly signal: AbortSignal;
}

export interface StageBatches extends BatchSource {
  /** Parameters that follow from the data: those that the model has begin with these values. */
  readonly given?: Weights;
  /** Measures what is trained on validation tasks, for a curve in the report of the stage. */
  readonly probe?: TrainRequest['probe'];
  readonly dispose?: () => Promise<void>;
}

/** What every section of a training stage has: its steps, and what it overrides of the optimizer. */
export type StageSettings = Partial<OptimizerConfig> & { readonly steps: number | string };

/** The optimizer of a stage: the shared settings with the stage's own on top. */
export function optimizerOf({ optimizer }: Pick<BaseConfig, 'optimizer'>, own: StageSettings): OptimizerConfig {
  const resolved = Object.entries(optimizer).map(([key, shared]) => [key, own[key as keyof OptimizerConfig] ?? shared]);
  return Object.fromEntries(resolved) as OptimizerConfig;
}

/** Outputs of the stages before, by their names, and that of the latest version of the agent as `agent`. */
export type Earlier = Readonly<Record<string, StageOutput | undefined>>;

/** One stage in the cache that a training stage makes for each seed. */
export interface PlannedPart {
  /** Its name there, without the seed. */
  readonly name: string;
  /** Absent where it trains nothing. */
  readonly steps?: number;
}

type ModelOf<R> = R extends { readonly model: infer M } ? M : never;

/** A row of the evaluation that a stage adds. */
export interface EvaluatedMethod {
  readonly method: string;
  readonly predictsReturns?: boolean;
  /** Whether evaluations look contexts of their own tasks up, which are made first. */
  readonly retrieves?: boolean;
  readonly agent?: TrainedMethod['agent'];
}

/** What a stage left: weights that later ones go on from, and rows of the evaluation. */
export type Trained = { readonly output?: StageOutput; readonly methods: readonly Omit<TrainedMethod, 'seed'>[] };

/** What a stage left that trained one model with the compressor `kind`: the rows that it planned. */
export const trainedAs = (planned: readonly EvaluatedMethod[], kind: string, trained: StageOutput): Trained => ({
  output: trained,
  methods: planned.map(({ retrieves: _, ...row }) => ({ ...row, compressorId: kind, trained })),
});

/** The row of the agent that the stages train one after the other, as the latest of them left it. */
export const cadRow = (config: Pick<BaseConfig, 'policy'>): EvaluatedMethod => ({
  method: 'cad',
  agent: true,
  predictsReturns: predictsReturns(config),
});

/**
 * The agent that later stages go on from: of the latest stage that trained a version of it.
 *
 * @throws {CadenzaError} `E_SHAPE` if no earlier stage trained the agent.
 */
export function agentOf({ agent }: Earlier): StageOutput {
  invariant(agent !== undefined, 'no stage before this one trained the agent.');
  return agent;
}

/**
 * One training stage.
 *
 * @typeParam C the sections of the configuration that it reads, its own among them.
 * @typeParam R what it trains with: the configuration, the data, the model.
 */
export interface TrainingStage<N extends string = string, S extends z.ZodType = z.ZodType, C = never, R = never> {
  /** Its section of the configuration, its command, and what its folder is called. */
  readonly name: N;
  /** The stage that it follows; the last one when left out. For stages of imported modules. */
  readonly after?: string;
  /** What it does, as a command says it: "train …". Those that are built in have it in `stages/names.ts`. */
  readonly help?: string;
  readonly settings: S;
  /** Steps of every model that it trains; 0 where the configuration leaves it out. */
  steps(config: C): number;
  /** The setting that leaves it out however many steps it has, with the value that does not. */
  readonly needs?: string;
  /** What it makes in the cache for each seed; one part of its own name when left out. */
  parts?(config: C): readonly PlannedPart[];
  /** Its loss, where that is a sum of terms. */
  terms?(config: C): readonly WeightedTerm[];
  /** The same as a graph, for every model that it trains. */
  objectives(config: C, model: ModelOf<R>): readonly Objective[];
  /** What one of its steps consists of, where that is more than a step of the optimizer. */
  iteration?(config: C): { readonly updates: number; readonly episodes: number };
  /** Rows that it adds to the evaluation, as far as the configuration tells. */
  methods(config: C): readonly EvaluatedMethod[];
  /** Trains on what earlier stages left. `only` is the one part that is asked for. */
  train(run: R, earlier: Earlier, only?: string): Promise<Trained>;
}

/** Declares a training stage: types its parts by its settings. Register it with `stages.register`. */
export const defineStage = <N extends string, S extends z.ZodType, C, R>(stage: TrainingStage<N, S, C, R>): TrainingStage<N, S, C, R> =>
  stage;

/** @file The types of a training stage: its record, its objectives, and its request to the training loop. */

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
import type { BatchSource } from './step.ts';
import type { TrainRequest } from './trainer.ts';

/** The configuration that every kind of training needs. */
export type TrainingConfig = Pick<BaseConfig, 'optimizer' | 'checkpoint' | 'executor'>;

/** What all training stages of one seed share. */
export interface StageRun<C = unknown> {
  readonly store: StageCache;
  readonly config: TrainingConfig & C;
  readonly seed: number;
  readonly executor: Executor;
}

/** The same for training on learning histories. */
export interface TrainingRun<C = unknown> extends StageRun<BaseConfig & C> {
  /** The agent's model. */
  readonly model: Model;
  /** Loaded on the first call, that is, when a stage actually trains. */
  readonly histories: () => readonly History[];
  /** The stage that generated the histories. */
  readonly generated: StageOutput;
  /** Demonstrations of the training tasks. Absent if the policy takes no prompt. */
  readonly demonstrations?: readonly Demonstrations[];
}

/** The loss of one model in a stage. */
export interface Objective {
  /** Name in the stage cache, without the seed. */
  readonly name: string;
  /** Id of the model's compressor. */
  readonly compressor: string;
  /** Parts of the model to train. All other parameters in the loss are frozen. */
  readonly trains: readonly string[];
  /** Builds the loss, a scalar, and metrics for the log. */
  readonly build: (scope: Scope, batch: number) => { loss: Tensor; metrics?: Record<string, Tensor> };
}

/** Everything that defines one training stage. */
export interface StageSpec extends Objective {
  /** Label of the random stream. Default: the name. */
  readonly stream?: string;
  /** Section of the configuration: steps and optimizer overrides. */
  readonly own: StageSettings;
  /** Settings that the stage depends on, besides those that all training stages depend on. */
  readonly settings: Record<string, unknown>;
  /** Cache keys of the training data, by name. */
  readonly data: Readonly<Record<string, string>>;
  /** Earlier stages whose weights it loads. */
  readonly from: Readonly<Record<string, StageOutput | undefined>>;
  readonly group?: TrainRequest['group'];
  /** Number of steps. Default: `own.steps`. */
  readonly steps?: number;
  /** Number of optimizer steps for a batch size. Default: the number of steps. */
  readonly updates?: (batch: number) => number;
  /** Random stream. Default: the one labeled `stream`. */
  readonly random?: Random;
  readonly batches: (request: BatchRequest) => StageBatches | Promise<StageBatches>;
}

/** Everything that defines one training stage on learning histories. */
export interface HistoryStageSpec extends Omit<StageSpec, 'data' | 'batches'> {
  /** Replaces the action labels of a history, such as by optimal actions. */
  readonly labels?: (history: History) => History;
  /** Whether to fill the graph input `teacher` from the oracle table. */
  readonly table?: boolean;
  /** Cache keys of the data that it reads besides histories and demonstrations, by name. */
  readonly data?: StageSpec['data'];
  /** Whether it evaluates the agent on validation tasks while it trains, where `evaluate.every` asks for it. */
  readonly validates?: boolean;
  /** Source of the batches. Default: the histories. */
  readonly batches?: StageSpec['batches'];
}

/** What a source of batches receives. */
export interface BatchRequest extends Required<Pick<TrainRequest, 'optimizer' | 'trainable' | 'frozen' | 'buffers' | 'given'>> {
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Names of the inputs, parameters included, that a training step reads. */
  readonly reads: ReadonlySet<string>;
}

export interface StageBatches extends BatchSource {
  /** Initial values of parameters that are computed from the data, such as normalization statistics. */
  readonly given?: Weights;
  /** Measures the model on validation tasks during training, for a curve in the report. */
  readonly probe?: TrainRequest['probe'];
  readonly dispose?: () => Promise<void>;
}

/** The settings that all training stages have: steps and optimizer overrides. */
export type StageSettings = Partial<OptimizerConfig> & { readonly steps: number | string };

/** The optimizer settings of a stage: the shared settings with the stage's overrides. */
export function optimizerOf({ optimizer }: Pick<BaseConfig, 'optimizer'>, own: StageSettings): OptimizerConfig {
  const resolved = Object.entries(optimizer).map(([key, shared]) => [key, own[key as keyof OptimizerConfig] ?? shared]);
  return Object.fromEntries(resolved) as OptimizerConfig;
}

/** Outputs of earlier stages by name, and the latest version of the agent as `agent`. */
export type Earlier = Readonly<Record<string, StageOutput | undefined>>;

/** One entry of the stage cache that a training stage produces for each seed. */
export interface PlannedPart {
  /** Name in the stage cache, without the seed. */
  readonly name: string;
  /** Training steps. Absent if it trains nothing. */
  readonly steps?: number;
}

type ModelOf<R> = R extends { readonly model: infer M } ? M : never;

/** A method that a stage adds to the evaluation. */
export interface EvaluatedMethod {
  readonly method: string;
  readonly predictsReturns?: boolean;
  /** Whether the evaluation retrieves contexts of the evaluated tasks, which it must generate first. */
  readonly retrieves?: boolean;
  readonly agent?: TrainedMethod['agent'];
}

/** The result of a stage: weights for later stages, and methods for the evaluation. */
export type Trained = { readonly output?: StageOutput; readonly methods: readonly Omit<TrainedMethod, 'seed'>[] };

/** The result of a stage that trained one model with the compressor `compressorId`: its planned methods with these weights. */
export const trainedAs = (planned: readonly EvaluatedMethod[], compressorId: string, trained: StageOutput): Trained => ({
  output: trained,
  methods: planned.map(({ retrieves: _, ...method }) => ({ ...method, compressorId, trained })),
});

/** The method `cad`: the agent that the stages train in sequence, in its latest version. */
export const cadMethod = (config: Pick<BaseConfig, 'policy'>): EvaluatedMethod => ({
  method: 'cad',
  agent: true,
  predictsReturns: predictsReturns(config),
});

/**
 * The latest version of the agent, with which a stage starts.
 *
 * @throws {CadenzaError} `E_SHAPE` if no earlier stage trained one.
 */
export function agentOf({ agent }: Earlier): StageOutput {
  invariant(agent !== undefined, 'no earlier stage trained the agent.');
  return agent;
}

/**
 * One training stage.
 *
 * @typeParam C the sections of the configuration that it reads, including its own.
 * @typeParam R what it trains with: configuration, data and model.
 */
export interface TrainingStage<N extends string = string, S extends z.ZodType = z.ZodType, C = never, R = never> {
  /** Name of its section of the configuration, of its command and of its folder. */
  readonly name: N;
  /** The stage after which it runs. Default: the last one. For stages of imported modules. */
  readonly after?: string;
  /** What it does, for the help of its command: "train …". Built-in stages have it in `stages/names.ts`. */
  readonly help?: string;
  readonly settings: S;
  /** Training steps of each model that it trains. 0 if the configuration skips the stage. */
  steps(config: C): number;
  /** The setting that must have a certain value for the stage to run, as text: "teacher.kind context". */
  readonly needs?: string;
  /** The cache entries that it produces for each seed. Default: one with its own name. */
  parts?(config: C): readonly PlannedPart[];
  /** The terms of its loss, if the loss is a sum of registered terms. */
  terms?(config: C): readonly WeightedTerm[];
  /** The loss graph of every model that it trains. */
  objectives(config: C, model: ModelOf<R>): readonly Objective[];
  /** What one step consists of, if it is more than one optimizer step. */
  iteration?(config: C): { readonly updates: number; readonly episodes: number };
  /** Methods that it adds to the evaluation under this configuration. */
  methods(config: C): readonly EvaluatedMethod[];
  /**
   * Trains, starting from earlier stages. Whatever it reads of them must be among `data` and `from` of its `StageSpec`: stages run in parallel,
   * and this one starts when those are finished.
   */
  train(run: R, earlier: Earlier): Promise<Trained>;
}

/** Declares a training stage: types its parts by its settings. Register it with `stages.register`. */
export const defineStage = <N extends string, S extends z.ZodType, C, R>(stage: TrainingStage<N, S, C, R>): TrainingStage<N, S, C, R> =>
  stage;

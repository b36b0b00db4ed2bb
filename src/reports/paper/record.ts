/**
 * @file A configuration as far as sentences depend on it. The stages own the schema, and reports must not know them: what hands a
 * configuration over (the command line) is where the compiler compares the two.
 */

import type { MetricId } from '../../data/retrieval.ts';

/** Settings of the optimiser that a stage may have of its own. */
export interface OptimiserRecord {
  readonly learningRate?: number;
  readonly warmup?: number;
  readonly weightDecay?: number;
  readonly clip?: number;
  readonly batch?: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly decayTo?: number;
}

interface StageRecord extends OptimiserRecord {
  readonly steps: number;
}

/** A configuration as far as sentences depend on it. Unions are spelt out, so that a new kind does not go unsaid. */
export interface ExperimentRecord {
  readonly name: string;
  readonly seeds: readonly number[];
  readonly env: { readonly id: string };
  readonly split: { readonly validation: number };
  readonly source: {
    readonly id: string;
    readonly dataset?: string;
    readonly maxTasks?: number;
    readonly stride: number;
    readonly noise: { readonly fraction: number; readonly max: number };
  };
  readonly tokenizer: string;
  readonly context: { readonly segment?: number };
  readonly queries: { readonly early: number };
  readonly model: {
    readonly encoderLayers: number;
    readonly encoderSpan: 'context' | 'horizon';
    readonly positions: 'learned' | 'sinusoidal' | 'rotary' | 'relative-bias' | 'none';
    readonly rewards: 'scalar' | readonly number[];
    readonly image: { readonly encoder: 'patches' | 'conv' };
  };
  readonly policy: {
    readonly form: 'decoder' | 'encoder-decoder' | 'prefix';
    readonly head: { readonly autoregressive: boolean };
    readonly crossLayers: 'every' | readonly number[];
    readonly query: 'episode' | 'state';
    readonly retrieval: { readonly contexts: number; readonly metric: MetricId; readonly shows: 'end' | 'itself' };
    readonly prompt?: { readonly episodes: number; readonly length?: number; readonly unprompted: number };
    readonly returns?: { readonly weight: number };
  };
  readonly compressor: string;
  readonly compression: {
    readonly latentLayers: number;
    readonly update: 'gru' | 'residual' | 'replace';
    readonly gradientRounds?: number;
    readonly workingMemory: number;
  };
  readonly optimiser: Required<OptimiserRecord>;
  readonly teacher: StageRecord & { readonly kind: 'context' | 'monte-carlo' };
  readonly pretrain: StageRecord & { readonly lambdaCap: number };
  readonly distil: StageRecord & { readonly alpha: number; readonly beta: number };
  readonly finetune: StageRecord & {
    readonly beta?: number;
    readonly gamma: number;
    readonly lambdaCap: number;
    readonly compressorRate: number;
  };
  readonly reinforce: StageRecord & {
    readonly across: number;
    readonly policyWeight: number;
    readonly valueWeight: number;
    readonly valueSteps: number;
    readonly entropyWeight: number;
    readonly klWeight: number;
    readonly imitationWeight: number;
    readonly labels: 'source' | 'monte-carlo';
    readonly compressorRate: number;
  };
  readonly retrieve: StageRecord & { readonly ahead: number };
  /** `equal` steps are as many as CAD has. */
  readonly baselines: OptimiserRecord & { readonly steps: number | 'equal'; readonly methods: readonly string[] };
  readonly evaluate: {
    readonly tasks: 'test' | 'validation';
    readonly maxTasks?: number;
    readonly sampling: 'sample' | 'greedy';
    readonly envs: readonly { readonly name: string; readonly options: Readonly<Record<string, unknown>> }[];
  };
  readonly executor: { readonly provider: 'cpu' | 'webgpu' | 'cuda' };
  readonly tables: readonly { readonly name: string; readonly set: object }[];
}

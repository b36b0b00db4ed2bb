/**
 * @file The jobs of a command: its stages, each once, with what each waits for and needs, and the order in which to start them. The graph is
 * that of the stage cache: a preview collects all requests, whose inputs are the keys of earlier stages.
 */

import { type PreviewedStage, StagePreview } from '../cache/preview.ts';
import type { Executor } from '../engine/index.ts';
import type { CommonConfig, ExperimentKind, RunOptions, SharedData, Variant } from './kind.ts';
import { type Estimate, PROGRAM_BYTES, SECOND_FLOPS, threadsOf } from './needs.ts';
import { runVariant } from './variant.ts';

/** What a preview has as its executor: nothing runs. */
export const NO_EXECUTOR = {} as Executor;

/** A stage of one or more variants. */
export interface Job {
  readonly stage: string;
  readonly key: string;
  /** Keys of the jobs whose outputs it reads. */
  readonly after: readonly string[];
  readonly finished: boolean;
  /** Name of the first variant that requests it, if there are several, and its settings. */
  readonly heading: string;
  readonly config: CommonConfig;
  /** Number of threads with which it runs. */
  readonly cores: number;
  /** Estimated peak memory in bytes, with the program. */
  readonly bytes: number;
  /** Estimated operations. */
  readonly flops: number;
}

/** An unfinished job, which waits for unfinished jobs only. */
export interface ScheduledStage extends Job {
  /** Estimated operations, plus the time to begin and end it. */
  readonly work: number;
  /** The longest chain of stages that starts with this one: their number and operations. */
  readonly chain: Chain;
}

interface Chain {
  readonly stages: number;
  readonly flops: number;
}

const NO_STAGE: Chain = { stages: 0, flops: 0 };

/** Collects the stages of a variant, without running any. Throws `E_CHECKPOINT` like `StagePreview`. */
export const collectStages = <C extends CommonConfig, D extends SharedData<C>>(
  kind: Pick<ExperimentKind<C, D>, 'dataStage' | 'training' | 'open' | 'evaluate'>,
  config: C,
  { out, fresh, since, until, shared, executor = NO_EXECUTOR }: CollectOptions,
): Promise<readonly PreviewedStage[]> =>
  new StagePreview(out, { fresh, since, shared }).collect(store => runVariant(kind, config, { store, executor, until, alone: false }));

interface CollectOptions extends Pick<RunOptions, 'out' | 'fresh' | 'until' | 'shared'> {
  readonly since?: number;
  /** Runs the collected stages. Default: they are not run. */
  readonly executor?: Executor;
}

/** A variant with its estimate and the stages that it requests. */
export interface CollectedVariant extends Variant<CommonConfig> {
  readonly estimate: Estimate;
  readonly stages: readonly PreviewedStage[];
}

/** Estimates variants and collects their stages. Throws `E_CONFIG` if something cannot be built; `E_CHECKPOINT` like `StagePreview`. */
export async function collectVariants<C extends CommonConfig, D extends SharedData<C>>(
  kind: Pick<ExperimentKind<C, D>, 'dataStage' | 'training' | 'open' | 'evaluate' | 'expectBuildable'>,
  variants: readonly Variant<C>[],
  { until = 'evaluate', ...options }: CollectOptions,
): Promise<CollectedVariant[]> {
  // First, because experiments that do not fit cannot be opened.
  const needs = variants.map(each => ({ ...kind.expectBuildable(each.config, until), name: each.name }));
  const collected: CollectedVariant[] = [];
  for (const [i, variant] of variants.entries())
    collected.push({ ...variant, estimate: needs[i], stages: await collectStages(kind, variant.config, { ...options, until }) });
  return collected;
}

/** The jobs of all variants, each once, after the jobs that it reads. */
export function jobsOf(variants: readonly CollectedVariant[]): Job[] {
  const found = new Map<string, Job>();
  for (const variant of variants) {
    const { name, config, stages, estimate } = variant;
    const heading = variants.length > 1 ? name : '';
    const cores = threadsOf([variant]);
    const flopsOf = flopsOfStages(variant);
    const bytesOf = new Map(estimate.stages.map(({ stage, bytes }) => [stage, bytes]));
    for (const each of stages) {
      const { stage, key, inputs, finished } = each;
      if (found.has(key)) continue;
      // Other inputs are hashes of modules.
      const after = Object.values(inputs).filter(input => found.has(input));
      const bytes = PROGRAM_BYTES + (bytesOf.get(evaluates(each) ? 'evaluate' : kindOfStage(stage)) ?? 0);
      found.set(key, { stage, key, after, finished, heading, config, cores, bytes, flops: flopsOf(each) });
    }
  }
  return [...found.values()];
}

/** The unfinished jobs, those with the most work in their chain first, so each after the jobs that it reads. */
export function schedule(jobs: readonly Job[]): ScheduledStage[] {
  const missing = new Set(jobs.filter(({ finished }) => !finished).map(({ key }) => key));
  const waiting = jobs
    .filter(({ key }) => missing.has(key))
    .map(({ after, ...job }) => ({ ...job, after: after.filter(input => missing.has(input)) }));
  const chains = new Map<string, Chain>();
  // A job comes after the jobs that it reads.
  for (const { key, flops, after } of waiting.toReversed()) {
    const { stages: rest, flops: later } = chains.get(key) ?? NO_STAGE;
    const chain = { stages: rest + 1, flops: later + flops };
    chains.set(key, chain);
    for (const input of after) if (work(chain) > work(chains.get(input) ?? NO_STAGE)) chains.set(input, chain);
  }
  return waiting
    .map(job => ({ ...job, work: work({ stages: 1, flops: job.flops }), chain: chains.get(job.key)! }))
    .sort((a, b) => work(b.chain) - work(a.chain));
}

/** Operations of a chain, plus the time to begin and end its stages. */
export const work = ({ stages, flops }: Chain) => flops + stages * SECOND_FLOPS;

/** The longest of all chains. */
export const longestChain = (stages: readonly ScheduledStage[]): Chain => stages[0]?.chain ?? NO_STAGE;

/** A stage without its seed. */
export const kindOfStage = (stage: string): string => stage.replace(/-seed\d+$/, '');

const evaluates = ({ inputs }: PreviewedStage) => 'model' in inputs;

/** Estimated operations of a stage of one seed; 0 if there is no estimate. All stages that evaluate a model count the same. */
function flopsOfStages({ estimate, stages, config }: CollectedVariant): (stage: PreviewedStage) => number {
  const flops = new Map(estimate.stages.map(each => [each.stage, each.flops ?? 0]));
  const evaluation = (flops.get('evaluate') ?? 0) / stages.filter(evaluates).length;
  return each => (evaluates(each) ? evaluation : (flops.get(kindOfStage(each.stage)) ?? 0) / config.seeds.length);
}

/**
 * @file The order of stages that run in parallel: what each waits for, and how much work depends on it. The graph is that of the stage cache: a
 * preview collects all requests, whose inputs are the keys of earlier stages.
 */

import { type PreviewedStage, StagePreview } from '../cache/store.ts';
import type { Executor } from '../engine/index.ts';
import type { CommonConfig, ExperimentKind, RunOptions, SharedData, Variant } from './kind.ts';
import { type Estimate, SECOND_FLOPS } from './needs.ts';
import { runVariant } from './variant.ts';

/** What a preview has as its executor: nothing runs. */
export const NO_EXECUTOR = {} as Executor;

/** An unfinished stage of a variant. */
export interface ScheduledStage {
  readonly stage: string;
  readonly key: string;
  /** Name of the variant, if there are several. */
  readonly heading: string;
  readonly config: CommonConfig;
  /** Keys of the unfinished stages that it reads. */
  readonly after: readonly string[];
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
  { out, fresh, since, until, executor = NO_EXECUTOR }: CollectOptions,
): Promise<readonly PreviewedStage[]> =>
  new StagePreview(out, { fresh, since }).collect(store => runVariant(kind, config, { store, executor, until, alone: false }));

interface CollectOptions extends Pick<RunOptions, 'out' | 'fresh' | 'until'> {
  readonly since?: number;
  /** Runs the collected stages. Default: they are not run. */
  readonly executor?: Executor;
}

/** A variant with its estimate and the stages that it requests. */
export interface CollectedVariant extends Variant<CommonConfig> {
  readonly estimate: Estimate;
  readonly stages: readonly PreviewedStage[];
}

/** The unfinished stages of all variants, each once, those with the most work in their chain first. */
export function schedule(variants: readonly CollectedVariant[]): ScheduledStage[] {
  const found = new Map<string, Omit<ScheduledStage, 'chain' | 'work'> & { readonly flops: number }>();
  for (const variant of variants) {
    const { name, config, stages } = variant;
    const heading = variants.length > 1 ? name : '';
    const flopsOf = flopsOfStages(variant);
    const missing = new Set(stages.filter(({ finished }) => !finished).map(({ key }) => key));
    for (const each of stages) {
      const { stage, key, inputs } = each;
      const after = Object.values(inputs).filter(input => missing.has(input));
      if (missing.has(key) && !found.has(key)) found.set(key, { stage, key, heading, config, after, flops: flopsOf(each) });
    }
  }
  const chains = new Map<string, Chain>();
  // A stage is requested after the stages that it reads.
  for (const { key, flops, after } of [...found.values()].reverse()) {
    const { stages: rest, flops: later } = chains.get(key) ?? NO_STAGE;
    const chain = { stages: rest + 1, flops: later + flops };
    chains.set(key, chain);
    for (const input of after) if (work(chain) > work(chains.get(input) ?? NO_STAGE)) chains.set(input, chain);
  }
  return Array.from(found.values(), ({ flops, ...each }) => ({
    ...each,
    work: work({ stages: 1, flops }),
    chain: chains.get(each.key)!,
  })).sort((a, b) => work(b.chain) - work(a.chain));
}

/** Operations of a chain, plus the time to begin and end its stages. */
const work = ({ stages, flops }: Chain) => flops + stages * SECOND_FLOPS;

/** The longest of all chains. */
export const longestChain = (stages: readonly ScheduledStage[]): Chain => stages[0]?.chain ?? NO_STAGE;

/** Estimated operations of a stage of one seed; 0 if there is no estimate. All stages that evaluate a model count the same. */
function flopsOfStages({ estimate, stages, config }: CollectedVariant): (stage: PreviewedStage) => number {
  const flops = new Map(estimate.stages.map(each => [each.stage, each.flops ?? 0]));
  const evaluates = ({ inputs }: PreviewedStage) => 'model' in inputs;
  const evaluation = (flops.get('evaluate') ?? 0) / stages.filter(evaluates).length;
  return each => (evaluates(each) ? evaluation : (flops.get(each.stage.replace(/-seed\d+$/, '')) ?? 0) / config.seeds.length);
}

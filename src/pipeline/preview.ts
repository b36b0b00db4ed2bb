/** @file The dry run of a command: the estimate of its stages, and which of them are finished in its folder. */

import { hasResults } from '../cache/outputs.ts';
import { groupBy } from '../util/groups.ts';
import type { CommonConfig, ExperimentKind, RunOptions, SharedData } from './kind.ts';
import { combined, type Estimate, type StageEstimate, threadsOf } from './needs.ts';
import type { Variants } from './run.ts';
import { collectVariants, jobsOf, kindOfStage, longestChain, schedule } from './schedule.ts';

/**
 * Estimates variants up to a stage, with the finished parts. A stage that several variants share counts once.
 *
 * @throws {CadenzaError} `E_CONFIG` if something cannot be built or does not fit into memory; `E_CHECKPOINT` if the record of a finished
 * stage was modified or is of another version.
 */
export async function previewVariants<C extends CommonConfig, D extends SharedData<C>>(
  kind: Pick<ExperimentKind<C, D>, 'dataStage' | 'training' | 'open' | 'evaluate' | 'expectBuildable'>,
  { name, describes, variants }: Variants<C>,
  { out, until = 'evaluate', jobs, fresh = false, shared }: Pick<RunOptions, 'out' | 'until' | 'jobs' | 'fresh' | 'shared'>,
): Promise<Estimate> {
  const collected = await collectVariants(kind, variants, { out, fresh, until, shared });
  const needs = collected.map(({ estimate }) => estimate);
  const found = combined(name, needs, { jobs, threads: threadsOf(variants) });
  const asked = collected.map(({ stages }) => groupBy(stages, ({ stage }) => kindOfStage(stage)));
  // The results are not enough: if they are of another version of cadenza, all stages run again.
  const trained = asked.every(stages => [...stages.values()].flat().every(part => part.finished));
  const evaluated = Number(!fresh && trained && hasResults(out, describes));
  const askedBy = groupBy(
    asked.flatMap((stages, variant) => [...stages.values()].flat().map(({ key }) => ({ key, variant }))),
    ({ key }) => key,
  );
  const stages = needs.flatMap(({ name: own, stages }, variant) =>
    stages.flatMap((each): StageEstimate[] => {
      const label = own === name ? each.stage : `${own}: ${each.stage}`;
      if (each.stage === 'evaluate') return until === 'evaluate' ? [{ ...each, stage: label, parts: 1, finished: evaluated }] : [];
      const parts = asked[variant].get(each.stage) ?? [];
      const first = parts.filter(({ key }) => askedBy.get(key)![0].variant === variant);
      if (first.length === 0) return [];
      const common = parts.every(({ key }) => new Set(askedBy.get(key)!.map(each => each.variant)).size === variants.length);
      const finished = first.filter(part => part.finished).length;
      return [{ ...each, stage: common ? each.stage : label, parts: first.length, finished }];
    }),
  );
  return { ...found, stages, chain: longestChain(schedule(jobsOf(collected))) };
}

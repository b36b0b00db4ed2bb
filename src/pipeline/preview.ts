/** @file What a command would do, before it does any of it: what its stages need, and which of them are finished in its folder, by their keys. */

import { hasResults } from '../cache/outputs.ts';
import { type PreviewedStage, StagePreview } from '../cache/store.ts';
import type { Executor } from '../engine/index.ts';
import { groupBy } from '../util/groups.ts';
import type { CommonConfig, ExperimentKind, RunOptions, SharedData } from './kind.ts';
import { type Estimate, type StageEstimate, together } from './needs.ts';
import { trainMethods, type Variants } from './run.ts';

/** Nothing is run, so nothing is asked of it. */
const NO_EXECUTOR = {} as Executor;

/**
 * What variants need up to a stage, and what of it is finished. A stage that several of them have in common is there once.
 *
 * @throws {CadenzaError} `E_CONFIG` where something cannot be built, or does not fit with so many parts at once; `E_CHECKPOINT` where the record of a
 * finished stage was altered or is of another version.
 */
export async function previewVariants<C extends CommonConfig, D extends SharedData<C>>(
  kind: Pick<ExperimentKind<C, D>, 'dataStage' | 'training' | 'open' | 'expectBuildable'>,
  { name, describes, variants }: Variants<C>,
  { out, until = 'evaluate', jobs, fresh = false }: Pick<RunOptions, 'out' | 'until' | 'jobs' | 'fresh'>,
): Promise<Estimate> {
  // First of all, because what does not fit cannot even be opened.
  const needs = variants.map(each => ({ ...kind.expectBuildable(each.config, until), name: each.name }));
  const found = together(name, needs, jobs);
  const asked: Map<string, PreviewedStage[]>[] = [];
  for (const { config } of variants) {
    const store = new StagePreview(out, { fresh });
    await trainMethods(kind, config, { store, executor: NO_EXECUTOR, until });
    asked.push(groupBy(store.previewed, ({ stage }) => stage.replace(/-seed\d+$/, '')));
  }
  // Results alone are not enough: those of another version of cadenza are made again, with all stages.
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
  return { ...found, stages };
}

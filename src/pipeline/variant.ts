/** @file The stages of one variant of an experiment, in order. The run loop, worker processes, previews and searches all go through here. */

import type { StageOutput } from '../cache/store.ts';
import type { TrainedMethod } from '../retrieval/memory.ts';
import type { StageRun } from '../training/define.ts';
import { type CommonConfig, type ExperimentKind, runsUntil, type SharedData } from './kind.ts';

interface TrainTools extends Pick<StageRun, 'store' | 'executor'> {
  /** The last stage to run. Default: `evaluate`. */
  readonly until?: string;
}

/** Generates the data of an experiment and trains the agent and its baselines for all seeds. */
export async function trainMethods<C extends CommonConfig, D extends SharedData<C>>(
  kind: Pick<ExperimentKind<C, D>, 'dataStage' | 'training' | 'open'>,
  config: C,
  { until = 'evaluate', ...tools }: TrainTools,
): Promise<{ opened: D; trained: TrainedMethod[] }> {
  const opened = await kind.open(config, tools, until);
  const trained: TrainedMethod[] = [];
  for (const seed of config.seeds) {
    const earlier: Record<string, StageOutput | undefined> = {};
    for (const stage of kind.training) {
      if (!runsUntil(kind, until, stage.name) || stage.steps(config) === 0) continue;
      const { output, methods: rows } = await stage.train({ ...opened, seed }, earlier);
      earlier[stage.name] = output;
      if (rows.some(({ agent }) => agent)) earlier.agent = output;
      trained.push(...rows.map(row => ({ ...row, seed })));
    }
  }
  return { opened, trained };
}

/**
 * Runs one variant for all seeds. Returns undefined if it stops before the evaluation.
 *
 * @param options.alone whether no other stage runs at the same time, so that times can be measured.
 */
export async function runVariant<C extends CommonConfig, D extends SharedData<C>, E>(
  kind: Pick<ExperimentKind<C, D, E>, 'dataStage' | 'training' | 'open' | 'evaluate'>,
  config: C,
  { alone, ...tools }: TrainTools & { readonly alone: boolean },
): Promise<E | undefined> {
  const { opened, trained } = await trainMethods(kind, config, tools);
  return (tools.until ?? 'evaluate') === 'evaluate' ? kind.evaluate(opened, trained, { alone }) : undefined;
}

/** @file How an experiment evaluates: what its rollouts depend on, what is resampled, and what a reader has to know of it. */

import type { ExperimentConfig } from '../config/experiment.ts';
import { statedSelection } from '../config/selection.ts';
import { auditTasks, openTasks } from '../histories/tasks.ts';
import { type Protocol, type Rows, rowReference, scaleFields } from '../records/index.ts';
import type { Resampled } from '../statistics/index.ts';
import { knownReference, measuredOn } from './reference.ts';

/** Settings of an evaluation that its rollouts depend on; what else is measured changes none of them. */
export function rolloutSettings({ evaluate }: Pick<ExperimentConfig, 'evaluate'>) {
  const { resamples: _, reference: __, envs: ___, imitationHistories: ____, timedActions: _____, ...protocol } = evaluate;
  return protocol;
}

/**
 * Tasks are resampled where they are a sample: drawn from a distribution, or some of those held out. And where a network plays each of them once,
 * since nothing else would vary then.
 *
 * @param streams of a task and training seed.
 */
export function resampledOf(config: ExperimentConfig, streams = config.evaluate.streams): Resampled {
  const { family, side, evaluated } = openTasks(config);
  return family.drawTask || evaluated.length < side.length || streams === 1 ? 'tasks' : 'runs';
}

/** The rows that an evaluation of this experiment will have, as far as it matters who they are compared with. */
export function plannedRows(name: string, config: ExperimentConfig): Rows {
  const { family, evaluated } = openTasks(config);
  const reference = knownReference(config, family, evaluated);
  const keys = evaluated.map(family.taskKey);
  const protocol = protocolOf(config);
  if (!reference) return { name, protocol, tasks: keys.map(task => ({ task })), measuredOn: measuredOn(config) };
  const tasks = keys.map(task => ({ task, ...scaleFields(reference.kind, reference.scales.get(task)!) }));
  return { name, protocol, tasks, reference: rowReference(reference, keys) };
}

/** How an experiment evaluates, and what of its split and its settings a reader has to know. */
export function protocolOf(config: ExperimentConfig): Protocol {
  const { family } = openTasks(config);
  const { tasks: side, episodes, streams, sampling } = config.evaluate;
  const { id, options } = family;
  const { train, test, overlap } = auditTasks(config);
  return {
    env: { id, ...(options ? { options: { ...options } } : {}) },
    side,
    episodes,
    streams,
    sampling,
    split: { train, test, overlap },
    selection: statedSelection(config),
  };
}

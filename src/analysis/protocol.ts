/** @file The evaluation protocol of an experiment: what rollouts depend on, what is resampled, and what readers need to know. */

import type { ExperimentConfig } from '../config/experiment.ts';
import { statedSelection } from '../config/selection.ts';
import { periodsOf } from '../histories/life.ts';
import { auditTasks, openTasks } from '../histories/tasks.ts';
import { type ComparableTable, methodReference, type Protocol, scaleFields } from '../records/index.ts';
import type { Resampled } from '../statistics/index.ts';
import { windowOf } from './life.ts';
import { knownReference, measuredOn } from './reference.ts';

/** The evaluation settings that affect rollouts. Other measurements do not change them. */
export function rolloutSettings({ evaluate }: Pick<ExperimentConfig, 'evaluate'>) {
  const {
    resamples: _,
    reference: __,
    envs: ___,
    imitationHistories: ____,
    timedActions: _____,
    interventions: ______,
    every: _______,
    ...protocol
  } = evaluate;
  return protocol;
}

/**
 * What bootstrap intervals resample. Tasks are resampled if they are a sample: drawn from a distribution, or a subset of the held-out
 * tasks. They are also resampled if each network plays every task once, because otherwise nothing would vary.
 *
 * @param streams streams per task and training seed.
 */
export function resampledOf(config: ExperimentConfig, streams = config.evaluate.streams): Resampled {
  const { family, side, evaluated } = openTasks(config);
  return family.drawTask || evaluated.length < side.length || streams === 1 ? 'tasks' : 'runs';
}

/** What determines whether methods of this experiment can be compared with others, known before the evaluation. */
export function plannedRows(name: string, config: ExperimentConfig): ComparableTable {
  const { family, evaluated } = openTasks(config);
  const reference = knownReference(config, family, evaluated);
  const keys = evaluated.map(family.taskKey);
  const protocol = protocolOf(config);
  if (!reference) return { name, protocol, tasks: keys.map(task => ({ task })), measuredOn: measuredOn(config) };
  const tasks = keys.map(task => ({ task, ...scaleFields(reference.kind, reference.scales.get(task)!) }));
  return { name, protocol, tasks, reference: methodReference(reference, keys) };
}

/** The protocol of an experiment: evaluation, split, and how its settings were chosen. */
export function protocolOf(config: ExperimentConfig): Protocol {
  const { family } = openTasks(config);
  const { tasks: side, streams, sampling } = config.evaluate;
  const window = windowOf(config);
  const { id, options } = family;
  const { train, test, overlap } = auditTasks(config);
  return {
    env: { id, ...(options ? { options: { ...options } } : {}) },
    side,
    episodes: periodsOf(config),
    ...(window ? { window } : {}),
    streams,
    sampling,
    split: { train, test, overlap },
    selection: statedSelection(config),
  };
}

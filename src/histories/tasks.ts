/** @file The tasks of an experiment, opened once: the sides of the split, what is taught, what is evaluated, and the audit between them. */

import { splitTasks } from '../data/index.ts';
import type { EnvFamily, Task } from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { CadenzaError } from '../util/errors.ts';
import { hashJson } from '../util/files.ts';
import { datasetKey, datasetOf, familyOf } from './imported.ts';

type TasksConfig = Pick<BaseConfig, 'env' | 'split' | 'source' | 'evaluate'>;

export interface Tasks {
  readonly family: EnvFamily;
  /** What is trained on, what settings are chosen on, and what only the final evaluation sees. */
  readonly train: readonly Task[];
  readonly validation: readonly Task[];
  readonly test: readonly Task[];
  /** Training tasks that get histories. */
  readonly taught: readonly Task[];
  /** The side that is evaluated, and those of its tasks that are. */
  readonly side: readonly Task[];
  readonly evaluated: readonly Task[];
}

const OPENED = new WeakMap<object, Tasks>();

/**
 * The tasks of an experiment. Where tasks are drawn but histories imported, the tasks that the data set has are split.
 *
 * @throws `E_SPLIT` or `E_CONFIG` where they cannot be split as the configuration says.
 */
export function openTasks(config: TasksConfig): Tasks {
  const known = OPENED.get(config);
  if (known) return known;
  const dataset = datasetOf(config);
  const family = familyOf(config, dataset);
  const { validation: kept, tasks } = config.split;
  const listed = dataset && !family.tasks ? { ...family, drawTask: undefined, tasks: () => [...dataset.tasks] } : family;
  const { train: all, test } = splitTasks(listed, { ...config.split, tasks: tasks && tasks + kept });
  if (kept >= all.length)
    throw new CadenzaError('E_CONFIG', `split.validation is ${kept}, which leaves none of the ${all.length} tasks to train on.`);
  const [train, validation] = [all.slice(kept), all.slice(0, kept)];
  const side = config.evaluate.tasks === 'validation' ? validation : test;
  // A split lists its tasks in the order of its shuffle, so the first ones are a random choice that its seed settles.
  const taught = train.slice(0, config.source.maxTasks);
  const opened = { family, train, validation, test, taught, side, evaluated: side.slice(0, config.evaluate.maxTasks) };
  OPENED.set(config, opened);
  return opened;
}

/** The tasks of every side by their keys, and the data set, as one hash: what a model must agree on with whoever examines it. */
export function tasksHash(config: TasksConfig): string {
  const { family, train, validation, test } = openTasks(config);
  const sides = Object.entries({ train, validation, test }).map(([side, tasks]) => [side, tasks.map(family.taskKey)]);
  return hashJson({ ...Object.fromEntries(sides), ...datasetKey(config) });
}

/** The audit of what is trained on against what is evaluated, by content. */
export function auditTasks(config: TasksConfig) {
  const { family, train, taught, side, evaluated } = openTasks(config);
  const trainKeys = new Set(train.map(family.taskKey));
  return {
    by: 'content of the task',
    train: train.length,
    test: side.length,
    overlap: side.filter(task => trainKeys.has(family.taskKey(task))).length,
    // Which of the two sides was used, where that was not all of it.
    ...(config.source.maxTasks === undefined ? {} : { taught: taught.length }),
    ...(config.evaluate.maxTasks === undefined ? {} : { evaluated: evaluated.length }),
    testTasks: evaluated.map(family.taskKey),
  };
}

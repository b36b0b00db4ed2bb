/** @file The tasks of an experiment: the sides of the split, the tasks with histories, the evaluated tasks, and the audit between them. */

import { splitTasks } from '../data/index.ts';
import type { EnvFamily, Task } from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { CadenzaError } from '../util/errors.ts';
import { hashJson } from '../util/files.ts';
import { datasetKey, datasetOf, familyOf } from './imported.ts';

type TasksConfig = Pick<BaseConfig, 'env' | 'split' | 'source' | 'evaluate'>;

export interface Tasks {
  readonly family: EnvFamily;
  /** Training tasks, validation tasks for choosing settings, and test tasks for the final evaluation. */
  readonly train: readonly Task[];
  readonly validation: readonly Task[];
  readonly test: readonly Task[];
  /** Training tasks with histories. */
  readonly taught: readonly Task[];
  /** The evaluated side of the split, and its evaluated tasks. */
  readonly side: readonly Task[];
  readonly evaluated: readonly Task[];
}

const OPENED = new WeakMap<object, Tasks>();

/**
 * The tasks of an experiment. With imported histories of an environment that draws tasks, the tasks of the data set are split.
 *
 * @throws `E_SPLIT` or `E_CONFIG` if the tasks cannot be split as configured.
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
    throw new CadenzaError('E_CONFIG', `split.validation is ${kept}, which leaves no training task of ${all.length} tasks. Lower it.`);
  const [train, validation] = [all.slice(kept), all.slice(0, kept)];
  const side = config.evaluate.tasks === 'validation' ? validation : test;
  // A split lists tasks in shuffled order, so the first ones are a random choice determined by its seed.
  const taught = train.slice(0, config.source.maxTasks);
  const opened = { family, train, validation, test, taught, side, evaluated: side.slice(0, config.evaluate.maxTasks) };
  OPENED.set(config, opened);
  return opened;
}

/** Hash of the task keys of every side and of the data set. A model can only be inspected with the split that it was trained with. */
export function tasksHash(config: TasksConfig): string {
  const { family, train, validation, test } = openTasks(config);
  const sides = Object.entries({ train, validation, test }).map(([side, tasks]) => [side, tasks.map(family.taskKey)]);
  return hashJson({ ...Object.fromEntries(sides), ...datasetKey(config) });
}

/** The audit: compares training and evaluated tasks by content. */
export function auditTasks(config: TasksConfig) {
  const { family, train, taught, side, evaluated } = openTasks(config);
  const trainKeys = new Set(train.map(family.taskKey));
  return {
    by: 'content of the task',
    train: train.length,
    test: side.length,
    overlap: side.filter(task => trainKeys.has(family.taskKey(task))).length,
    // Which tasks were used, if not all of a side.
    ...(config.source.maxTasks === undefined ? {} : { taught: taught.length }),
    ...(config.evaluate.maxTasks === undefined ? {} : { evaluated: evaluated.length }),
    testTasks: evaluated.map(family.taskKey),
  };
}

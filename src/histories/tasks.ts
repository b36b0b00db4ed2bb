/** @file The tasks of an experiment: the sides of the split, the tasks with histories, the evaluated tasks, and the audit between them. */

import { splitTasks } from '../data/index.ts';
import type { EnvFamily, Task } from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { CadenzaError } from '../util/errors.ts';
import { hashJson } from '../util/files.ts';
import { datasetKey, datasetOf, familyOf } from './imported.ts';

type TasksConfig = Pick<BaseConfig, 'env' | 'split' | 'source' | 'evaluate'> & {
  /** The experiment in which the agents are trained, if they are evaluated in another environment. */
  readonly trained?: TasksConfig;
};

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
 * The tasks of an experiment. With imported histories of an environment that draws tasks, the tasks of the data set are split. Where agents
 * are evaluated in another environment than they were trained in, no evaluated task is a training task: its tasks are the same, split alike,
 * or, if the environment lists others, all that are not training tasks.
 *
 * @throws `E_SPLIT` or `E_CONFIG` if the tasks cannot be split as configured.
 */
export function openTasks(config: TasksConfig): Tasks {
  const known = OPENED.get(config);
  if (known) return known;
  const opened = config.trained ? elsewhere(config, config.trained) : splitOf(config);
  OPENED.set(config, opened);
  return opened;
}

function splitOf(config: TasksConfig): Tasks {
  const dataset = datasetOf(config);
  const family = familyOf(config, dataset);
  const { validation: kept, tasks } = config.split;
  const listed = dataset && !family.tasks ? { ...family, drawTask: undefined, tasks: () => [...dataset.tasks] } : family;
  const options = { ...config.split, tasks: tasks && tasks + kept };
  const { train: all, test } = dataset ? splitTasks(listed, options) : latestSplit(config, () => splitTasks(listed, options));
  if (kept >= all.length)
    throw new CadenzaError('E_CONFIG', `split.validation is ${kept}, which leaves no training task of ${all.length} tasks. Lower it.`);
  const [train, validation] = [all.slice(kept), all.slice(0, kept)];
  const side = config.evaluate.tasks === 'validation' ? validation : test;
  // A split lists tasks in shuffled order, so the first ones are a random choice determined by its seed.
  const taught = train.slice(0, config.source.maxTasks);
  return { family, train, validation, test, taught, side, evaluated: side.slice(0, config.evaluate.maxTasks) };
}

/** The latest split, by the settings that it follows from. */
let latest: { readonly key: string; readonly split: ReturnType<typeof splitTasks> } | undefined;

/** All combinations of an ablation mostly have the same tasks, which may take seconds to draw. */
function latestSplit({ env, split }: TasksConfig, make: () => ReturnType<typeof splitTasks>): ReturnType<typeof splitTasks> {
  const key = hashJson({ env, split });
  if (latest?.key !== key) latest = { key, split: make() };
  return latest.split;
}

/** The tasks of another environment than that of the training. */
function elsewhere(config: TasksConfig, trained: TasksConfig): Tasks {
  const base = openTasks(trained);
  const family = familyOf(config);
  const keys = (tasks: readonly Task[] = []) => tasks.map(family.taskKey).join('\n');
  const listed = family.tasks?.();
  if (listed && keys(listed) === keys(base.family.tasks?.())) return { ...base, family };
  const known = new Set(base.train.map(base.family.taskKey));
  const side = (listed ?? splitOf(config).side).filter(task => !known.has(family.taskKey(task)));
  if (side.length === 0)
    throw new CadenzaError(
      'E_SPLIT',
      `evaluate.envs: all tasks of ${family.id} with the options ${JSON.stringify(config.env.options)} are training tasks. Change the options.`,
    );
  return { ...base, family, test: side, side, evaluated: side.slice(0, config.evaluate.maxTasks) };
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

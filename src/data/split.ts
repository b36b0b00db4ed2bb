/**
 * @file Which tasks are trained on and which are held out, audited by content. Published code has trained on its held-out tasks because
 * collection numbered shuffled tasks and training took the numbers as canonical; here a task is only ever named by its parameters.
 */

import type { EnvFamily, Task } from '../rl/env.ts';
import type { History } from '../rl/history.ts';
import { CadenzaError } from '../util/errors.ts';
import { Random } from '../util/random.ts';

/** Task keys of the two sides. */
export interface SplitKeys {
  readonly train: readonly string[];
  readonly test: readonly string[];
}

/**
 * Shuffles a family's tasks and holds some out.
 *
 * @param options.heldOut number of test tasks; below 1, their share of all tasks (0.1 of 81 is 8).
 * @param options.seed equal seeds give equal splits.
 * @throws `E_SPLIT` when a side would be empty, or the family lists a task twice.
 */
export function splitTasks(
  family: Pick<EnvFamily, 'id' | 'tasks' | 'taskKey'>,
  options: { heldOut: number; seed: number },
): { train: Task[]; test: Task[] } {
  const tasks = Random.seeded(options.seed).split('split').shuffled(family.tasks());
  const held = options.heldOut < 1 ? Math.round(options.heldOut * tasks.length) : options.heldOut;
  if (!Number.isInteger(held) || held < 1 || held >= tasks.length) {
    const range = `a whole number in [1, ${tasks.length - 1}] or a share in (0, 1)`;
    throw new CadenzaError('E_SPLIT', `heldOut must be ${range} of the ${tasks.length} tasks of ${family.id}, got ${options.heldOut}.`);
  }
  const split = { train: tasks.slice(held), test: tasks.slice(0, held) };
  auditSplit({ train: split.train.map(task => family.taskKey(task)), test: split.test.map(task => family.taskKey(task)) });
  return split;
}

/** Throws `E_SPLIT`, naming the tasks, unless both sides have tasks, none is listed twice and none is on both sides. */
export function auditSplit(keys: SplitKeys): void {
  const problems: string[] = [];
  for (const side of ['train', 'test'] as const) {
    if (keys[side].length === 0) problems.push(`the ${side} side is empty`);
    const seen = new Set<string>();
    const twice = keys[side].filter(key => seen.size === seen.add(key).size);
    if (twice.length > 0) problems.push(`the ${side} side lists more than once ${listed(twice)}`);
  }
  const train = new Set(keys.train);
  const shared = keys.test.filter(key => train.has(key));
  if (shared.length > 0) problems.push(`both sides hold ${listed(shared)}`);
  if (problems.length > 0) {
    throw new CadenzaError('E_SPLIT', `Expected two disjoint sides of distinct tasks, but ${problems.join('; ')}. Make the split anew.`);
  }
}

/**
 * Audits histories by content: each one's key is computed again from its task's parameters, must equal the key it carries, and must be
 * on the train side.
 *
 * @throws `E_SPLIT` naming the history.
 */
export function auditHistories(family: Pick<EnvFamily, 'taskKey'>, split: SplitKeys, histories: readonly History[]): void {
  auditSplit(split);
  const train = new Set(split.train);
  const test = new Set(split.test);
  for (const { task, taskKey, stream } of histories) {
    const actual = family.taskKey(task);
    const where = `history '${stream}'`;
    if (actual !== taskKey) {
      throw new CadenzaError('E_SPLIT', `${where} carries the key ${taskKey}, but its task is ${actual}. Generate the histories again.`);
    }
    if (!train.has(actual)) {
      const side = test.has(actual) ? 'is held out' : 'is on neither side of the split';
      throw new CadenzaError('E_SPLIT', `${where} is of task ${actual}, which ${side}; expected a training task. Generate them again.`);
    }
  }
}

/** The tasks that keys name, in the order of the keys. Throws `E_SPLIT` when a key names no task of the family. */
export function tasksByKey(family: Pick<EnvFamily, 'id' | 'tasks' | 'taskKey'>, keys: readonly string[]): Task[] {
  const byKey = new Map(family.tasks().map(task => [family.taskKey(task), task]));
  const unknown = keys.filter(key => !byKey.has(key));
  if (unknown.length > 0) {
    throw new CadenzaError(
      'E_SPLIT',
      `${family.id} has no task ${listed(unknown)}; its keys look like ${[...byKey.keys()][0]}. Make the split anew.`,
    );
  }
  return keys.map(key => byKey.get(key) as Task);
}

/** The first few names, and how many more there are. */
function listed(keys: readonly string[]): string {
  return keys.length <= 5 ? keys.join(', ') : `${keys.slice(0, 5).join(', ')} and ${keys.length - 5} more`;
}

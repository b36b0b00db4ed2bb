/**
 * @file Training and held-out tasks, audited by content. Published code has trained on its held-out tasks because collection numbered
 * shuffled tasks and training interpreted the numbers as the original order; here a task is identified only by its parameters.
 */

import type { EnvFamily, Task } from '../rl/env.ts';
import { listedTasks } from '../rl/family.ts';
import type { History } from '../rl/history.ts';
import { CadenzaError } from '../util/errors.ts';
import { Random } from '../util/random.ts';

const refuse = (what: string) => new CadenzaError('E_SPLIT', what);

/** Task keys of both sides. */
export interface SplitKeys {
  /** Keys of training tasks. */
  readonly train: readonly string[];
  /** Keys of held-out tasks. */
  readonly test: readonly string[];
}

type SplitFamily = Pick<EnvFamily, 'id' | 'tasks' | 'drawTask' | 'taskKey'>;

/** How many tasks are held out. */
export interface SplitOptions {
  /** Number of test tasks; below 1, the share of all listed tasks (0.1 of 81 is 8). */
  heldOut: number;
  /** Equal seeds give equal splits. */
  seed: number;
  /** Number of training tasks, only for a family that draws its tasks. */
  tasks?: number;
}

/**
 * Shuffles the tasks that a family lists and holds some out, or draws the tasks of both sides: the test tasks first, so that they do not
 * depend on the number of training tasks.
 *
 * @throws {CadenzaError} `E_SPLIT` if a side would be empty, a task occurs twice (drawn tasks are drawn again), or `tasks` is missing or not allowed.
 * @example
 * const { train, test } = splitTasks(environment('dark-room'), { heldOut: 8, seed: 0 }); // 73 and 8 of 81 goals
 */
export function splitTasks(family: SplitFamily, options: SplitOptions): { train: Task[]; test: Task[] } {
  const random = Random.seeded(options.seed).split('split');
  const split = family.drawTask
    ? drawn(family, family.drawTask, options, random)
    : shuffled(family.id, listedTasks(family, 'A split'), options, random);
  auditSplit({ train: split.train.map(task => family.taskKey(task)), test: split.test.map(task => family.taskKey(task)) });
  return split;
}

/** How often a task that was drawn before is drawn again. Families of few tasks run out of others, which the audit reports. */
const DRAWS = 100;

function drawn({ id, taskKey }: SplitFamily, draw: (random: Random) => Task, { heldOut, tasks = 0 }: SplitOptions, random: Random) {
  for (const [name, count] of Object.entries({ heldOut, tasks })) {
    if (Number.isInteger(count) && count >= 1) continue;
    throw refuse(`${id} draws its tasks, so split.${name} must be an integer of at least 1, the number to draw, but is ${count}.`);
  }
  const keys = new Set<string>();
  const all = Array.from({ length: heldOut + tasks }, (_, i) => {
    let task = draw(random.split('task', i));
    let key = taskKey(task);
    for (let n = 1; n < DRAWS && keys.has(key); n++) {
      task = draw(random.split('task', i, n));
      key = taskKey(task);
    }
    keys.add(key);
    return task;
  });
  return { train: all.slice(heldOut), test: all.slice(0, heldOut) };
}

function shuffled(id: string, listed: Task[], options: SplitOptions, random: Random) {
  if (options.tasks !== undefined)
    throw refuse(`${id} lists its ${listed.length} tasks, so split.tasks (${options.tasks}) does not apply. Remove it.`);
  const has = `${id} has ${listed.length === 1 ? 'one task' : 'no tasks'}`;
  if (listed.length < 2) throw refuse(`${has}, but a split needs one to train on and one to hold out. Add tasks.`);
  const tasks = random.shuffled(listed);
  const held = options.heldOut < 1 ? Math.round(options.heldOut * tasks.length) : options.heldOut;
  const range = `an integer in [1, ${tasks.length - 1}] or a share in (0, 1)`;
  if (!Number.isInteger(held) || held < 1 || held >= tasks.length)
    throw refuse(`split.heldOut must be ${range} of the ${tasks.length} tasks of ${id}, got ${options.heldOut}.`);
  return { train: tasks.slice(held), test: tasks.slice(0, held) };
}

/**
 * Checks that both sides have tasks, and that no task occurs twice or on both sides.
 *
 * @throws {CadenzaError} `E_SPLIT`, naming the tasks, otherwise.
 */
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
  if (problems.length > 0)
    throw refuse(`Expected two disjoint sides of distinct tasks, but ${problems.join('; ')}. Create the split again.`);
}

/**
 * An audit of histories by content: each key is recomputed from the task's parameters, must equal the stored key, and must belong to a
 * training task.
 *
 * @returns a function that throws `E_SPLIT`, naming the history.
 * @throws {CadenzaError} `E_SPLIT` for a split that `auditSplit` refuses.
 */
export function historyAudit(
  family: Pick<EnvFamily, 'taskKey'>,
  split: SplitKeys,
): (history: Pick<History, 'task' | 'taskKey' | 'stream'>) => void {
  auditSplit(split);
  const train = new Set(split.train);
  const test = new Set(split.test);
  return ({ task, taskKey, stream }) => {
    const actual = family.taskKey(task);
    const where = `history '${stream}'`;
    if (actual !== taskKey) throw refuse(`${where} has the key ${taskKey}, but its task is ${actual}. Generate the histories again.`);
    const side = test.has(actual) ? 'is held out' : 'is on neither side of the split';
    if (!train.has(actual)) throw refuse(`${where} is of task ${actual}, which ${side}; expected a training task. Generate them again.`);
  };
}

/**
 * Audits histories as `historyAudit` does.
 *
 * @throws {CadenzaError} `E_SPLIT`, naming the history.
 */
export function auditHistories(family: Pick<EnvFamily, 'taskKey'>, split: SplitKeys, histories: Iterable<History>): void {
  const audit = historyAudit(family, split);
  for (const history of histories) audit(history);
}

/**
 * Checks that every key belongs to a task of a family that lists its tasks. If they are drawn, keys can only be computed from tasks.
 *
 * @throws {CadenzaError} `E_SPLIT` if a key belongs to no task.
 */
export function auditKeys(family: Pick<EnvFamily, 'id' | 'tasks' | 'taskKey'>, keys: readonly string[]): void {
  if (family.tasks) tasksByKey(family, keys);
}

/**
 * The tasks with these keys, in the order of the keys.
 *
 * @throws {CadenzaError} `E_SPLIT` if a key belongs to no task of the family, `E_CONFIG` if the family does not list its tasks.
 */
export function tasksByKey(family: Pick<EnvFamily, 'id' | 'tasks' | 'taskKey'>, keys: readonly string[]): Task[] {
  const byKey = new Map(listedTasks(family, 'Finding tasks by key').map(task => [family.taskKey(task), task]));
  const unknown = keys.filter(key => !byKey.has(key));
  if (unknown.length > 0)
    throw refuse(`${family.id} has no task ${listed(unknown)}; its keys look like ${[...byKey.keys()][0]}. Create the split again.`);
  return keys.map(key => byKey.get(key) as Task);
}

/** The first few names, and the number of the others. */
const listed = (keys: readonly string[]): string =>
  keys.length <= 5 ? keys.join(', ') : `${keys.slice(0, 5).join(', ')} and ${keys.length - 5} more`;

/** @file Access to optional parts of a family, with an error that says who needs the part and what to do. */

import { CadenzaError } from '../util/errors.ts';
import { describeActions } from './actions.ts';
import type { EnvFamily, TabularModel, Task } from './env.ts';

/**
 * The family's tabular model. `who` names, in errors, what needs it.
 *
 * @throws {CadenzaError} `E_CONFIG` if there is none.
 */
export function tabularModel({ id, model }: Pick<EnvFamily, 'id' | 'model'>, who: string): TabularModel {
  if (model) return model;
  const what = `${who} needs a tabular model of states and moves, which ${id} does not have`;
  throw new CadenzaError('E_CONFIG', `${what}. Choose a source that learns from rewards alone, or another environment.`);
}

/**
 * The number of actions of a family with a discrete action space. `who` names, in errors, what needs it.
 *
 * @throws {CadenzaError} `E_CONFIG` for any other action space.
 */
export function discreteActions({ id, actionSpace }: Pick<EnvFamily, 'id' | 'actionSpace'>, who: string): number {
  if (actionSpace.kind === 'discrete') return actionSpace.n;
  throw new CadenzaError('E_CONFIG', `${who} needs a discrete action space, but ${id} has ${describeActions(actionSpace)}.`);
}

/**
 * The exact return of an optimal policy that knows the task. `who` names, in errors, what needs it.
 *
 * @throws {CadenzaError} `E_CONFIG` if it is unknown.
 */
export function oracleOf({ id, oracleReturn }: Pick<EnvFamily, 'id' | 'oracleReturn'>, who: string): (task: Task) => number {
  if (oracleReturn) return oracleReturn;
  throw new CadenzaError('E_CONFIG', `${who} needs the return of an optimal policy (oracleReturn), which ${id} does not declare.`);
}

/**
 * The largest expected reward of one step. `who` names, in errors, what needs it, and `setting` the setting that can give it instead.
 *
 * @throws {CadenzaError} `E_CONFIG` if it is unknown.
 */
export function rewardMaxOf({ id, rewardMax }: Pick<EnvFamily, 'id' | 'rewardMax'>, who: string, setting: string): number {
  if (rewardMax !== undefined) return rewardMax;
  throw new CadenzaError(
    'E_CONFIG',
    `${who} needs the largest expected reward of a step (rewardMax), which ${id} does not declare. Set ${setting}.`,
  );
}

/**
 * All tasks of the family. `who` names, in errors, what needs the list.
 *
 * @throws {CadenzaError} `E_CONFIG` if tasks are drawn instead of listed.
 */
export function listedTasks(family: Pick<EnvFamily, 'id' | 'tasks'>, who: string): Task[] {
  if (family.tasks) return family.tasks();
  throw new CadenzaError(
    'E_CONFIG',
    `${who} needs a list of all tasks, but ${family.id} draws its tasks at random. Choose another environment.`,
  );
}

/** A text that identifies a task by all of its parameters: `ruleset=12`, `goal=2,7 size=9`. */
export const contentKey = (task: Task): string =>
  Object.entries(task)
    .map(([name, value]) => `${name}=${[value].flat().join(',')}`)
    .sort()
    .join(' ');

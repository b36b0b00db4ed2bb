/** @file What only some families have, for those who cannot do without: a refusal that says who needs it and what to do. */

import { CadenzaError } from '../util/errors.ts';
import { describeActions } from './actions.ts';
import type { EnvFamily, TabularModel, Task } from './env.ts';

/** The family's tabular model. Throws `E_CONFIG`, naming `who` plans in it, where there is none. */
export function tabularModel({ id, model }: Pick<EnvFamily, 'id' | 'model'>, who: string): TabularModel {
  if (model) return model;
  const what = `${who} plans in a table of states and moves, which ${id} does not have`;
  throw new CadenzaError('E_CONFIG', `${what}. Choose what learns from rewards alone, or another environment.`);
}

/** How many actions the family has, each one integer. Throws `E_CONFIG`, naming `who` takes no others, where actions are anything else. */
export function discreteActions({ id, actionSpace }: Pick<EnvFamily, 'id' | 'actionSpace'>, who: string): number {
  if (actionSpace.kind === 'discrete') return actionSpace.n;
  throw new CadenzaError('E_CONFIG', `${who} takes actions of one integer, but ${id} has ${describeActions(actionSpace)}.`);
}

/** The exact return of an optimal policy that knows the task. Throws `E_CONFIG`, naming `who` needs it, where it is not known. */
export function oracleOf({ id, oracleReturn }: Pick<EnvFamily, 'id' | 'oracleReturn'>, who: string): (task: Task) => number {
  if (oracleReturn) return oracleReturn;
  throw new CadenzaError('E_CONFIG', `${who} needs the return of an optimal policy (oracleReturn), which ${id} does not declare.`);
}

/** The largest expected reward of one step. Throws `E_CONFIG`, naming `who` needs it and the `setting` that says it instead, where it is not known. */
export function rewardMaxOf({ id, rewardMax }: Pick<EnvFamily, 'id' | 'rewardMax'>, who: string, setting: string): number {
  if (rewardMax !== undefined) return rewardMax;
  throw new CadenzaError(
    'E_CONFIG',
    `${who} needs the largest expected reward of a step (rewardMax), which ${id} does not declare. Set ${setting}.`,
  );
}

/** Every task of the family. Throws `E_CONFIG`, naming `who` needs the list, where tasks are drawn instead. */
export function listedTasks(family: Pick<EnvFamily, 'id' | 'tasks'>, who: string): Task[] {
  if (family.tasks) return family.tasks();
  throw new CadenzaError('E_CONFIG', `${who} needs a list of all tasks, but those of ${family.id} are drawn. Choose another environment.`);
}

/** A text that names a task by all of its parameters: `ruleset=12`, `goal=2,7 size=9`. */
export const contentKey = (task: Task): string =>
  Object.entries(task)
    .map(([name, value]) => `${name}=${[value].flat().join(',')}`)
    .sort()
    .join(' ');

/** @file What only some families have, for those who cannot do without: a refusal that says who needs it and what to do. */

import { CadenzaError } from '../util/errors.ts';
import type { EnvFamily, TabularModel, Task } from './env.ts';

/** The family's tabular model. Throws `E_CONFIG`, naming `who` plans in it, where there is none. */
export function tabularModel({ id, model }: Pick<EnvFamily, 'id' | 'model'>, who: string): TabularModel {
  if (model) return model;
  throw new CadenzaError(
    'E_CONFIG',
    `${who} plans in a table of states and moves, which ${id} does not have. Choose what learns from rewards alone, or another environment.`,
  );
}

/** Every task of the family. Throws `E_CONFIG`, naming `who` needs the list, where tasks are drawn instead. */
export function listedTasks(family: Pick<EnvFamily, 'id' | 'tasks'>, who: string): Task[] {
  if (family.tasks) return family.tasks();
  throw new CadenzaError('E_CONFIG', `${who} needs a list of all tasks, but those of ${family.id} are drawn. Choose another environment.`);
}

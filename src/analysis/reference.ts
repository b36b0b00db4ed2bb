/** @file What an experiment's returns are scored by: who says it, and what can be known of it before anything is played. */

import type { ExperimentConfig } from '../config/experiment.ts';
import { openTasks } from '../histories/tasks.ts';
import { givenReference, oracleReference, type Reference } from '../records/index.ts';
import { type EnvFamily, oracleOf, type Task } from '../rl/index.ts';
import type { ReferenceKind } from '../statistics/index.ts';
import { CadenzaError } from '../util/errors.ts';

type Settings = Pick<ExperimentConfig, 'evaluate' | 'source'>;

/** As the configuration says; otherwise the oracle where the family declares one, else what is measured. Throws `E_CONFIG` where that cannot be. */
export function referenceKind({ evaluate: { reference }, source }: Settings, family: EnvFamily): ReferenceKind {
  if (typeof reference === 'object') return 'given';
  const kind = reference ?? (family.oracleReturn ? 'oracle' : 'measured');
  if (kind === 'oracle') oracleOf(family, 'evaluate.reference oracle');
  if (kind === 'measured' && source.dataset !== undefined)
    throw new CadenzaError(
      'E_CONFIG',
      `scores in ${family.id} need a reference: it declares no oracle (oracleReturn), or evaluate.reference is measured, and the learner that recorded source.dataset cannot be played. ` +
        'Set evaluate.reference to two returns, low and high, that score 0 and 1.',
    );
  return kind;
}

/** The reference of these tasks; undefined where it has to be measured. Throws as `referenceKind` does. */
export function knownReference(config: Settings, family: EnvFamily, tasks: readonly Task[]): Reference | undefined {
  switch (referenceKind(config, family)) {
    case 'oracle':
      return oracleReference(tasks.map(task => [family.taskKey(task), family.oracleReturn!(task)]));
    case 'given':
      return givenReference(tasks.map(family.taskKey), config.evaluate.reference as { low: number; high: number });
    case 'measured':
      return undefined;
  }
}

/** What a reference that is measured depends on, besides the tasks and how they are played. */
export const measuredOn = ({ source: { id, options }, seeds }: ExperimentConfig): string =>
  `${id}${Object.keys(options).length > 0 ? ` ${JSON.stringify(options)}` : ''} with ${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')}`;

/** Throws `E_CONFIG` where an evaluation of this experiment would have nothing to score returns by. */
export function expectReference(config: ExperimentConfig): void {
  referenceKind(config, openTasks(config).family);
}

/** @file The reference by which returns are normalized: its kind, and its values as far as they are known before rollouts. */

import type { ExperimentConfig } from '../config/experiment.ts';
import { openTasks } from '../histories/tasks.ts';
import { givenReference, oracleReference, type Reference, rawReference } from '../records/index.ts';
import { type EnvFamily, oracleOf, type Task } from '../rl/index.ts';
import type { ReferenceKind } from '../statistics/index.ts';
import { CadenzaError } from '../util/errors.ts';

type Settings = Pick<ExperimentConfig, 'evaluate' | 'source'>;

/**
 * The configured reference; by default raw if windows count an outcome, the oracle if the environment declares one, otherwise measured. Throws
 * `E_CONFIG` if it is not possible.
 */
export function referenceKind({ evaluate: { reference, window }, source }: Settings, family: EnvFamily): ReferenceKind {
  if (typeof reference === 'object') return 'given';
  const counted = window === undefined ? undefined : family.outcome;
  const kind = reference ?? (counted ? 'raw' : family.oracleReturn ? 'oracle' : 'measured');
  if (kind === 'oracle') oracleOf(family, 'evaluate.reference oracle');
  if (kind === 'oracle' && counted)
    throw new CadenzaError(
      'E_CONFIG',
      `evaluate.reference is oracle, which is known in units of reward, but windows of ${family.id} count ${counted.name}. Set it to raw, measured, or two values { low, high } per window.`,
    );
  if (kind === 'measured' && source.dataset !== undefined)
    throw new CadenzaError(
      'E_CONFIG',
      `evaluate.reference: returns in ${family.id} cannot be normalized by a measured reference, because the learner that recorded source.dataset is not available. ` +
        'Set it to two returns { low, high } that score 0 and 1.',
    );
  return kind;
}

/** The reference of these tasks, for an episode or a window, or undefined if it must be measured. Throws the same errors as `referenceKind`. */
export function knownReference(config: Settings, family: EnvFamily, tasks: readonly Task[]): Reference | undefined {
  const { window = family.horizon } = config.evaluate;
  switch (referenceKind(config, family)) {
    case 'oracle':
      return oracleReference(tasks.map(task => [family.taskKey(task), (family.oracleReturn!(task) * window) / family.horizon]));
    case 'given':
      return givenReference(tasks.map(family.taskKey), config.evaluate.reference as { low: number; high: number });
    case 'raw':
      return rawReference(tasks.map(family.taskKey));
    case 'measured':
      return undefined;
  }
}

/** What a measured reference depends on, besides the tasks and the rollouts. */
export const measuredOn = ({ source: { id, options }, seeds }: ExperimentConfig): string =>
  `${id}${Object.keys(options).length > 0 ? ` ${JSON.stringify(options)}` : ''} with ${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')}`;

/** Throws `E_CONFIG` if an evaluation of this experiment would have no reference. */
export function expectReference(config: ExperimentConfig): void {
  referenceKind(config, openTasks(config).family);
}

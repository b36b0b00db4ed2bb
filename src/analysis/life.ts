/** @file A lifelong evaluation: what windows count, recovery after changes, and interventions on the memory. */

import type { ExperimentConfig } from '../config/experiment.ts';
import { lifeOf } from '../histories/life.ts';
import { openTasks } from '../histories/tasks.ts';
import { type Intervention, interventionName, recoveryBins } from '../play/index.ts';
import type { Window } from '../records/index.ts';
import { CadenzaError } from '../util/errors.ts';

type Settings = Pick<ExperimentConfig, 'env' | 'split' | 'source' | 'evaluate'>;

/** What a point of a learning curve is; undefined for an episode. */
export function windowOf(config: Settings): Window | undefined {
  const life = lifeOf(config);
  return life && { calls: life.window, outcome: openTasks(config).family.outcome?.name ?? 'return' };
}

/** The bins of recovery curves; undefined without windows or changes of the task. Throws `E_CONFIG` if a bin is longer than a layout. */
export function recoveryOf(config: Settings) {
  const life = lifeOf(config);
  const { family, evaluated } = openTasks(config);
  const bins = life && recoveryBins(family, evaluated, life);
  return bins && { bin: life!.bin, ...bins };
}

/** Throws `E_CONFIG` if an evaluation of this experiment cannot be scored, or an intervention is not possible in its environment. */
export function expectLife(config: Settings): void {
  const { window, recoveryBin, interventions = [], episodes } = config.evaluate;
  const refuse = (setting: string, why: string) => {
    throw new CadenzaError('E_CONFIG', `evaluate.${setting} ${why}`);
  };
  if (window === undefined) {
    for (const [setting, given] of Object.entries({ recoveryBin: recoveryBin !== undefined, interventions: interventions.length > 0 }))
      if (given) refuse(setting, 'needs evaluate.window. Set it, or remove this setting.');
    return;
  }
  recoveryOf(config);
  const { family, evaluated } = openTasks(config);
  const { calls } = lifeOf(config)!;
  for (const each of interventions) {
    const name = `interventions: ${typeof each === 'string' ? each : JSON.stringify(each)}`;
    if (each === 'clear-at-change' && !family.changes)
      refuse(name, `needs tasks that change, but ${family.id} declares no changes. Remove it.`);
    if (each === 'clear-at-attempt' && !family.attempt)
      refuse(name, `needs to know where attempts start, which ${family.id} does not declare. Remove it.`);
    if (typeof each === 'string') continue;
    const [call] = Object.values(each);
    if (call >= calls) refuse(name, `is after the ${calls} calls of a stream. Choose an earlier call.`);
    // Streams whose episodes end at different calls would exchange memories in the middle of an episode.
    if ('donor' in each && (episodes > 1 || evaluated.length < 2))
      refuse(name, `needs one episode for each stream and at least two evaluated tasks, found ${episodes} and ${evaluated.length}.`);
  }
}

/** The interventions with which a trained method is also evaluated: those of the configuration for versions of the agent. */
export const interventionsOn = (
  { evaluate }: Pick<ExperimentConfig, 'evaluate'>,
  { agent }: { readonly agent?: boolean },
): readonly Intervention[] => (agent ? (evaluate.interventions ?? []) : []);

/** The name of a method with an intervention. */
export const intervenedName = (method: string, intervention: Intervention): string => `${method}-${interventionName(intervention)}`;

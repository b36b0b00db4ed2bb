/** @file What a paper is written from: the results of a run, its configuration, and what follows from that. */

import type { Kinds, Results, Setting } from '../../records/index.ts';
import { expect } from '../../util/errors.ts';
import type { ExperimentRecord, OptimiserRecord } from './record.ts';

export interface Facts {
  readonly results: Results;
  /** The configuration with what later versions added at its defaults: it decides which sentences there are, but no number comes from it. */
  readonly config: ExperimentRecord;
  readonly setting: Setting;
  readonly kinds: Kinds;
  /** Where several runs stand side by side: all of them by their names, this one first. */
  readonly runs?: ReadonlyMap<string, Facts>;
}

/**
 * The roots of paths: `results/…` is results.json, `config/…` the configuration in it, `setting/…` what follows from that; the same of another
 * run begin `runs/<name>/`.
 */
const ROOTS = ['results', 'config', 'setting'] as const;

/**
 * The value at a path such as `config/model/width`. Undefined where the run did not record it, because it is older than the setting: nothing
 * can be said of it then. Throws `E_SHAPE` for a path that no version knows.
 */
export function lookUp({ results, config, setting, runs }: Facts, path: string): unknown {
  const [root, ...parts] = path.split('/');
  const other = root === 'runs' ? runs?.get(parts[0]) : undefined;
  if (other) return parts.length === 1 ? parts[0] : lookUp(other, parts.slice(1).join('/'));
  expect((ROOTS as readonly string[]).includes(root), `paper: "${path}" begins with none of ${ROOTS.join(', ')}.`);
  const recorded = valueAt({ results, config: results.run.config, setting }, [root, ...parts]);
  if (recorded !== undefined && recorded !== null) return recorded;
  expect(
    root === 'config' && valueAt(config, parts) !== undefined,
    `paper: there is nothing at "${path}"; a sentence that needs it must not be there without.`,
  );
  return undefined;
}

const valueAt = (value: unknown, parts: readonly string[]): unknown =>
  parts.reduce<unknown>(
    (node, part) =>
      typeof node === 'object' && node !== null && Object.hasOwn(node, part) ? (node as Record<string, unknown>)[part] : undefined,
    value,
  );

/** Stages that train, in their order. */
export const TRAINING_STAGES = ['teacher', 'pretrain', 'distil', 'finetune', 'reinforce', 'retrieve', 'baselines'] as const;
export type TrainingStage = (typeof TRAINING_STAGES)[number];

/** Those of them that the experiment goes through. */
export function stagesOf({ config }: Facts): TrainingStage[] {
  const { teacher, policy } = config;
  return TRAINING_STAGES.filter(stage => {
    if (config[stage].steps === 0) return false;
    if (stage === 'teacher') return teacher.kind === 'context';
    return stage === 'retrieve' ? policy.retrieval.contexts > 0 : true;
  });
}

/** Where a stage's setting of the optimiser stands: its own, or the one that all stages share. */
export const optimiserPath = ({ config }: Facts, stage: TrainingStage, key: keyof OptimiserRecord): string =>
  config[stage][key] === undefined ? `config/optimiser/${key}` : `config/${stage}/${key}`;

/** Where the steps of a stage stand: those that follow from others are no number in the configuration. */
export const stepsPath = ({ config }: Facts, stage: TrainingStage): string =>
  config[stage].steps === 'equal' ? `setting/${stage}/steps` : `config/${stage}/steps`;

/** β of joint fine-tuning, which is that of distillation unless it has its own. */
export const finetuneBeta = ({ config: { distil, finetune } }: Facts) =>
  finetune.beta === undefined ? { value: distil.beta, path: 'config/distil/beta' } : { value: finetune.beta, path: 'config/finetune/beta' };

/** Whether anything is trained to follow a teacher. */
export const followsTeacher = (facts: Facts): boolean =>
  stagesOf(facts).some(
    stage => (stage === 'distil' && facts.config.distil.beta > 0) || (stage === 'finetune' && finetuneBeta(facts).value > 0),
  );

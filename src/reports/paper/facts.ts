/** @file What a paper is written from: the results of a run, its configuration, and what follows from that. */

import type { ExperimentConfig } from '../../config/experiment.ts';
import type { Kinds, Results, Setting, StageDescription } from '../../records/index.ts';
import type { OptimizerConfig } from '../../settings/base.ts';
import { invariant } from '../../util/errors.ts';

export interface Facts {
  readonly results: Results;
  /** The configuration with what later versions added at its defaults: it decides which sentences there are, but no number comes from it. */
  readonly config: ExperimentConfig;
  readonly setting: Setting;
  readonly kinds: Kinds;
  /** The training stages that the experiment goes through. */
  readonly stages: readonly StageDescription[];
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
  invariant((ROOTS as readonly string[]).includes(root), `paper: "${path}" begins with none of ${ROOTS.join(', ')}.`);
  const recorded = valueAt({ results, config: results.run.config, setting }, [root, ...parts]);
  if (recorded !== undefined && recorded !== null) return recorded;
  invariant(
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

/** Whether the experiment goes through a stage. */
export const has = ({ stages }: Pick<Facts, 'stages'>, name: string): boolean => stages.some(stage => stage.name === name);

/** Whether a term is a part of what any stage minimizes. */
export const minimizes = ({ stages }: Pick<Facts, 'stages'>, term: string): boolean =>
  stages.some(({ loss = [] }) => loss.some(each => each.term === term));

const sectionOf = ({ config }: Facts, stage: string) =>
  (config as unknown as Readonly<Record<string, Partial<OptimizerConfig> & { readonly steps: unknown }>>)[stage];

/** Where a stage's setting of the optimizer stands: its own, or the one that all stages share. */
export const optimizerPath = (facts: Facts, stage: string, key: keyof OptimizerConfig): string =>
  sectionOf(facts, stage)[key] === undefined ? `config/optimizer/${key}` : `config/${stage}/${key}`;

/** Where the steps of a stage stand: those that follow from others are no number in the configuration. */
export const stepsPath = (facts: Facts, stage: string): string =>
  sectionOf(facts, stage).steps === 'equal' ? `setting/${stage}/steps` : `config/${stage}/steps`;

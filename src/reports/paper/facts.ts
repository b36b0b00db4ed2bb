/** @file The facts that a paper is written from: the results of a run, its configuration, and derived values. */

import type { ExperimentConfig } from '../../config/experiment.ts';
import type { Kinds, Results, Setting, StageDescription } from '../../records/index.ts';
import type { OptimizerConfig } from '../../settings/base.ts';
import { invariant } from '../../util/errors.ts';

export interface Facts {
  readonly results: Results;
  /** The configuration, with defaults for settings of later versions: it decides which sentences there are, but no number comes from it. */
  readonly config: ExperimentConfig;
  readonly setting: Setting;
  readonly kinds: Kinds;
  /** The training stages of the experiment. */
  readonly stages: readonly StageDescription[];
  /** For a paper of several runs: all of them by their names, this one first. */
  readonly runs?: ReadonlyMap<string, Facts>;
}

/**
 * The roots of paths: `results/…` is results.json, `config/…` the configuration in it, `setting/…` the values derived from it; paths of another run begin
 * with `runs/<name>/`.
 */
const ROOTS = ['results', 'config', 'setting'] as const;

/**
 * The value at a path such as `config/model/width`. Undefined if the run is older than the setting and did not record it. Throws `E_SHAPE` for a path that
 * no version has.
 */
export function lookUp({ results, config, setting, runs }: Facts, path: string): unknown {
  const [root, ...parts] = path.split('/');
  const other = root === 'runs' ? runs?.get(parts[0]) : undefined;
  if (other) return parts.length === 1 ? parts[0] : lookUp(other, parts.slice(1).join('/'));
  invariant((ROOTS as readonly string[]).includes(root), `paper: "${path}" does not begin with ${ROOTS.join(', ')} or runs.`);
  const recorded = valueAt({ results, config: results.run.config, setting }, [root, ...parts]);
  if (recorded !== undefined && recorded !== null) return recorded;
  invariant(
    root === 'config' && valueAt(config, parts) !== undefined,
    `paper: there is no value at "${path}"; remove the sentence that uses it where it does not apply.`,
  );
  return undefined;
}

const valueAt = (value: unknown, parts: readonly string[]): unknown =>
  parts.reduce<unknown>(
    (node, part) =>
      typeof node === 'object' && node !== null && Object.hasOwn(node, part) ? (node as Record<string, unknown>)[part] : undefined,
    value,
  );

/** Whether the experiment has a stage. */
export const has = ({ stages }: Pick<Facts, 'stages'>, name: string): boolean => stages.some(stage => stage.name === name);

/** Whether any stage minimizes a term. */
export const minimizes = ({ stages }: Pick<Facts, 'stages'>, term: string): boolean =>
  stages.some(({ loss = [] }) => loss.some(each => each.term === term));

const sectionOf = ({ config }: Facts, stage: string) =>
  (config as unknown as Readonly<Record<string, Partial<OptimizerConfig> & { readonly steps: unknown }>>)[stage];

/** Path of a stage's optimizer setting: its own, or the shared one. */
export const optimizerPath = (facts: Facts, stage: string, key: keyof OptimizerConfig): string =>
  sectionOf(facts, stage)[key] === undefined ? `config/optimizer/${key}` : `config/${stage}/${key}`;

/** Path of the steps of a stage; derived steps are not a number in the configuration. */
export const stepsPath = (facts: Facts, stage: string): string =>
  sectionOf(facts, stage).steps === 'equal' ? `setting/${stage}/steps` : `config/${stage}/steps`;

/**
 * @file How the settings of an experiment were chosen, as far as that was stated of these very settings: a statement names them by their
 * fingerprint, so that it does not pass to what is derived from them.
 */

import type { Selection } from '../records/index.ts';
import { isMap } from '../util/canonical.ts';
import { hashJson } from '../util/files.ts';
import { type ExperimentConfig, experimentSchema } from './experiment.ts';

/** What is not chosen by results: names, seeds, how rows are evaluated, and what the machine is asked for. Tables are experiments of their own. */
const ASIDE = ['name', 'imports', 'seed', 'seeds', 'evaluate', 'selection', 'checkpoint', 'executor', 'tables'] as const;

/**
 * The fingerprint of an experiment's settings: 12 hexadecimal digits of the hash of those that differ from their defaults. Defaults are left
 * out so that a setting that a later version adds does not change it.
 */
export function fingerprint(config: ExperimentConfig): string {
  const without = <T extends ExperimentConfig>(settings: T) =>
    Object.fromEntries(Object.entries(settings).filter(([key]) => !(ASIDE as readonly string[]).includes(key)));
  const own = difference(without(config), without(experimentSchema().parse({ name: 'defaults' })));
  return hashJson(own ?? {}).slice(0, 12);
}

/**
 * What is stated of how these settings were chosen. A statement on other settings says nothing good of these; what it says against them
 * stays, since settings derived from results on some tasks have seen those tasks, too.
 */
export function statedSelection(config: ExperimentConfig): Selection {
  const { selection } = config;
  if (selection.by === 'unstated' || selection.by === 'test') return selection;
  const own = fingerprint(config);
  if (selection.settings === own) return selection;
  const about = selection.settings ? `for the settings ${selection.settings}` : 'without naming its settings';
  const note = `"selection.by: ${selection.by}" is given ${about}, and these are ${own}`;
  return { by: 'unstated', note, ...(selection.tasks ? { tasks: selection.tasks } : {}) };
}

/** What holds of the rows of two selections in one table: the worse of them. */
export function commonSelection(a: Selection, b: Selection): Selection {
  if (hashJson(a) === hashJson(b)) return a;
  const onTest = [a, b].find(({ by }) => by === 'test');
  if (onTest) return onTest;
  const tasks = [...new Set([...(a.tasks ?? []), ...(b.tasks ?? [])])];
  return { by: 'unstated', note: 'the rows differ in their settings', ...(tasks.length > 0 ? { tasks } : {}) };
}

/** The part of a tree of settings that differs from another one; undefined where nothing does. Lists are compared whole. */
function difference(value: unknown, base: unknown): unknown {
  if (!isMap(value) || !isMap(base)) return hashJson([value]) === hashJson([base]) ? undefined : value;
  const entries = Object.keys({ ...base, ...value }).map(key => [key, difference(value[key], base[key])] as const);
  const changed = entries.filter(([, part]) => part !== undefined);
  return changed.length > 0 ? Object.fromEntries(changed) : undefined;
}

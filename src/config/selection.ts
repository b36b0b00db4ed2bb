/**
 * @file The statement of how an experiment's settings were chosen. It names the settings by their fingerprint, so that it does not apply to
 * modified settings.
 */

import type { Selection } from '../records/index.ts';
import { isMap } from '../util/canonical.ts';
import { hashJson } from '../util/files.ts';
import { type ExperimentConfig, experimentSchema } from './experiment.ts';

/** Settings that are not chosen by results: names, seeds, evaluation and hardware. Tables are separate experiments. */
const ASIDE = ['name', 'imports', 'seed', 'seeds', 'evaluate', 'selection', 'checkpoint', 'executor', 'tables'] as const;

/**
 * The fingerprint of an experiment's settings: the first 12 hexadecimal digits of the hash of all non-default settings. Defaults are
 * excluded, so that settings added in later versions do not change it.
 */
export function fingerprint(config: ExperimentConfig): string {
  const without = <T extends ExperimentConfig>(settings: T) =>
    Object.fromEntries(Object.entries(settings).filter(([key]) => !(ASIDE as readonly string[]).includes(key)));
  const own = difference(without(config), without(experimentSchema().parse({ name: 'defaults' })));
  return hashJson(own ?? {}).slice(0, 12);
}

/**
 * The statement of how these settings were chosen. A statement on other settings does not count as evidence for these, but the tasks that
 * it names still count as seen, because modified settings derive from results on them.
 */
export function statedSelection(config: ExperimentConfig): Selection {
  const { selection } = config;
  if (selection.by === 'unstated' || selection.by === 'test') return selection;
  const own = fingerprint(config);
  if (selection.settings === own) return selection;
  const about = selection.settings ? `applies to the settings ${selection.settings}` : 'does not name its settings';
  const note = `"selection.by: ${selection.by}" ${about}, but these settings are ${own}`;
  return { by: 'unstated', note, ...(selection.tasks ? { tasks: selection.tasks } : {}) };
}

/** The selection of a table with methods of two selections: the worse of the two. */
export function commonSelection(a: Selection, b: Selection): Selection {
  if (hashJson(a) === hashJson(b)) return a;
  const onTest = [a, b].find(({ by }) => by === 'test');
  if (onTest) return onTest;
  const tasks = [...new Set([...(a.tasks ?? []), ...(b.tasks ?? [])])];
  return { by: 'unstated', note: 'the methods differ in their settings', ...(tasks.length > 0 ? { tasks } : {}) };
}

/** The part of a settings tree that differs from `base`; undefined if nothing differs. Lists are compared as a whole. */
function difference(value: unknown, base: unknown): unknown {
  if (!isMap(value) || !isMap(base)) return hashJson([value]) === hashJson([base]) ? undefined : value;
  const entries = Object.keys({ ...base, ...value }).map(key => [key, difference(value[key], base[key])] as const);
  const changed = entries.filter(([, part]) => part !== undefined);
  return changed.length > 0 ? Object.fromEntries(changed) : undefined;
}

/** @file Settings as a flat list: each by its dotted path. */

import { isMap } from './canonical.ts';

/** Settings that do not change results: names, provenance and hardware. */
const ASIDE = ['name', 'imports', 'selection', 'checkpoint', 'executor'];

/** Settings by dotted path, such as `model.latents`. */
export type Leaves = Readonly<Record<string, unknown>>;

/** The settings of a configuration that can change results, by their dotted paths. */
export function leavesOf(settings: unknown, path: readonly string[] = []): Leaves {
  if (!isMap(settings)) return { [path.join('.')]: settings };
  const entries = Object.entries(settings).filter(([key]) => path.length > 0 || !ASIDE.includes(key));
  return Object.assign({}, ...entries.map(([key, value]) => leavesOf(value, [...path, key])));
}

/** The settings that differ, in order. Empty records are ignored, because their settings are unknown. */
export function differing(all: readonly Leaves[]): string[] {
  const [first, ...others] = all.filter(settings => Object.keys(settings).length > 0);
  const found = new Set<string>();
  const text = new Map(Object.entries(first ?? {}).map(([key, value]) => [key, JSON.stringify(value)]));
  for (const settings of others) {
    for (const key in settings) if (!found.has(key) && JSON.stringify(settings[key]) !== text.get(key)) found.add(key);
    for (const key of text.keys()) if (!(key in settings)) found.add(key);
  }
  return [...found];
}

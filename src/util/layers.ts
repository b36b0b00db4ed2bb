/** @file Merging of settings. */

import { isMap } from './canonical.ts';

type Path = readonly string[];

/**
 * Lays one value over another: maps are merged key by key, lists and values are replaced, and null removes a value. A map with a different
 * `id` (an environment, a source, a problem) does not inherit options.
 *
 * @param idAt the default id of a map that does not give one, by its path.
 * @example layOver({ seeds: [0], env: { id: 'a', options: { size: 5 } } }, { env: { id: 'b' } }) // { seeds: [0], env: { id: 'b' } }
 */
export function layOver(below: unknown, over: unknown, idAt: (path: Path) => unknown = () => undefined, path: Path = []): unknown {
  if (over === undefined) return below;
  if (!isMap(below) || !isMap(over)) return over;
  const { options: _, ...bare } = below;
  const base: Readonly<Record<string, unknown>> = over.id === undefined || over.id === (below.id ?? idAt(path)) ? below : bare;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const inherited = Object.hasOwn(base, key) ? base[key] : undefined;
    // An empty section is a mistake, and is refused later.
    if (value === null && inherited !== undefined && !isMap(inherited)) delete merged[key];
    else merged[key] = layOver(inherited, value, idAt, [...path, key]);
  }
  return merged;
}

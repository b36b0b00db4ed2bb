/** @file Canonical JSON: equal values give equal text on every machine. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Whether the value is a JSON object (not null, not a list). */
export const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** JSON with the keys of every object sorted, so that equal values give equal text. As in all JSON, NaN and ±∞ become null. */
export function canonicalJson(value: unknown, indent?: number): string {
  return JSON.stringify(sorted(value), undefined, indent);
}

/** A copy with sorted keys: faster than a replacer of `JSON.stringify`. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isMap(value)) return value;
  if (typeof value.toJSON === 'function') return sorted(value.toJSON());
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value).sort()) {
    if (key !== '__proto__') copy[key] = sorted(value[key]);
    // Assigned, it would be the prototype.
    else Object.defineProperty(copy, key, { value: sorted(value[key]), enumerable: true });
  }
  return copy;
}

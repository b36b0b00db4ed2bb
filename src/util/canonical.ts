/** @file Canonical JSON: equal values give equal text on every machine. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Whether the value is a JSON object (not null, not a list). */
export const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** JSON with the keys of every object sorted, so that equal values give equal text. As in all JSON, NaN and ±∞ become null. */
export function canonicalJson(value: unknown, indent?: number): string {
  const sorted = (_key: string, part: unknown) =>
    isMap(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part;
  return JSON.stringify(value, sorted, indent);
}

/** @file JSON with one spelling: equal values give equal text, wherever it runs. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Whether it is what JSON calls an object. */
export const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** JSON with every object's keys sorted, so that equal values give equal text. As in all JSON, NaN and ±∞ become null. */
export function canonicalJson(value: unknown, indent?: number): string {
  const sorted = (_key: string, part: unknown) =>
    isMap(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part;
  return JSON.stringify(value, sorted, indent);
}

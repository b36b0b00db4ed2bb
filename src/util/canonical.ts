/** @file JSON with one spelling: equal values give equal text, wherever it runs. */

/** JSON with every object's keys sorted, so that equal values give equal text. As in all JSON, NaN and ±∞ become null. */
export function canonicalJson(value: unknown, indent?: number): string {
  const sorted = (_key: string, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part;
  return JSON.stringify(value, sorted, indent);
}

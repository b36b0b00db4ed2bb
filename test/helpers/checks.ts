/** @file Which checks of a contract fail, and that they say what they should. For tests. */

import { expect } from 'vitest';
import { show } from '../../src/testing/check.ts';
import type { Check } from '../../src/testing/index.ts';

/** The keys of the failing checks, before the colon of their names. Each fails by an assertion that says what was found, and what was expected where that is a value. */
export async function failing(checks: readonly Check[]): Promise<string[]> {
  const keys: string[] = [];
  for (const { name, run } of checks) {
    try {
      await run();
    } catch (error) {
      const { code, message, actual, expected } = error as { code: string; message: string; actual: unknown; expected: unknown };
      expect([name, code]).toEqual([name, 'ERR_ASSERTION']);
      for (const value of expected === undefined ? [actual] : [actual, expected]) expect(message).toContain(show(value));
      keys.push(name.split(':')[0]);
    }
  }
  return keys;
}

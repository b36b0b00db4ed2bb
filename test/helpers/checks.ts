/** @file Which checks of a contract fail, and that they say what they should. For tests. */

import { expect } from 'vitest';
import type { Check } from '../../src/testing/index.ts';

/** What the failing checks are about, the word before the colon of their names. Each fails by an assertion that says what was expected and found. */
export async function failing(checks: readonly Check[]): Promise<string[]> {
  const keys: string[] = [];
  for (const { name, run } of checks) {
    try {
      await run();
    } catch (error) {
      const { code, message } = error as { code: string; message: string };
      expect([name, code]).toEqual([name, 'ERR_ASSERTION']);
      expect(message).toMatch(/^\w.*: expected .+, found .+\.$/s);
      keys.push(name.split(':')[0]);
    }
  }
  return keys;
}

/** @file Reports tests that need a Chromium where there is none. For tests. */

import { expect, it } from 'vitest';
import { executablePath } from './chromium.ts';

/** Whether tests must fail where they would be skipped for want of a browser or one of its parts. */
export const REQUIRED = Boolean(process.env.CI_REQUIRE_BROWSER);

/** Says loudly that something was not tested. */
export const warn = (missing: string): void => console.warn(`\n${'!'.repeat(80)}\n${missing}\n${'!'.repeat(80)}\n`);

/** Says loudly that `what` was not tested where there is no Chromium, and fails there if CI_REQUIRE_BROWSER is set. */
export function expectChromium(what: string): void {
  const missing = `NO CHROMIUM FOUND: ${what} WAS NOT TESTED. Install Chromium, or name its executable in CADENZA_CHROMIUM.`;
  if (!executablePath) warn(missing);
  it.runIf(REQUIRED)('has a browser to test in, because CI_REQUIRE_BROWSER is set', () => {
    expect(executablePath, missing).toBeDefined();
  });
}

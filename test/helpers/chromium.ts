/** @file A Chromium to test in, where there is one. For tests. */

import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { expect, it } from 'vitest';

const { CADENZA_CHROMIUM, CI_REQUIRE_BROWSER } = process.env;
const COMMON_PATHS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];
// A path that the user names is taken at its word: a wrong one fails instead of being passed over.
export const executablePath = CADENZA_CHROMIUM || COMMON_PATHS.find(existsSync);

/** Says loudly that `what` was not tested where there is no Chromium, and fails there if CI_REQUIRE_BROWSER is set. */
export function expectChromium(what: string): void {
  const missing = `NO CHROMIUM FOUND: ${what} WAS NOT TESTED. Install Chromium, or name its executable in CADENZA_CHROMIUM.`;
  if (!executablePath) console.warn(`\n${'!'.repeat(80)}\n${missing}\n${'!'.repeat(80)}\n`);
  it.runIf(CI_REQUIRE_BROWSER)('has a browser to test in, because CI_REQUIRE_BROWSER is set', () => {
    expect(executablePath, missing).toBeDefined();
  });
}

export function launchChromium(): Promise<Browser> {
  const isRoot = process.getuid?.() === 0;
  return chromium.launch({ executablePath, headless: true, args: isRoot ? ['--no-sandbox'] : [] });
}

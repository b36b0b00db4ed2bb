/** @file A Chromium to test in, where there is one. For tests and benchmarks. */

import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const { CADENZA_CHROMIUM } = process.env;
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

/** Starts it, with further `args`. */
export function launchChromium(args: readonly string[] = []): Promise<Browser> {
  const isRoot = process.getuid?.() === 0;
  return chromium.launch({ executablePath, headless: true, args: [...args, ...(isRoot ? ['--no-sandbox'] : [])] });
}

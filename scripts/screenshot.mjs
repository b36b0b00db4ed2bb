// Takes a screenshot of a page, such as a report: node scripts/screenshot.mjs PAGE.html OUT.png [width] [height]
// Needs Chromium at /usr/bin/chromium, or at the path in CADENZA_CHROMIUM.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const [page, out, width = '1000', height = '1150'] = process.argv.slice(2);
if (!page || !out) {
  console.error('usage: node scripts/screenshot.mjs PAGE.html OUT.png [width] [height]');
  process.exit(2);
}
const executablePath = process.env.CADENZA_CHROMIUM || '/usr/bin/chromium';
if (!existsSync(executablePath)) {
  console.error(`screenshot: ${executablePath} does not exist. Install Chromium, or set CADENZA_CHROMIUM to its path.`);
  process.exit(1);
}
const browser = await chromium.launch({
  executablePath,
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
const tab = await browser.newPage({ viewport: { width: Number(width), height: Number(height) }, colorScheme: 'light' });
await tab.goto(pathToFileURL(resolve(page)).href);
await tab.screenshot({ path: out });
await browser.close();

// A picture of a page, such as that of a report, for a README: node scripts/screenshot.mjs PAGE.html OUT.png [width] [height]
// Needs an installed Chromium; CADENZA_CHROMIUM names another one than /usr/bin/chromium.
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
  console.error(`screenshot: there is no ${executablePath}; install Chromium, or name its executable in CADENZA_CHROMIUM.`);
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

/**
 * @file Takes the pictures of the playground that README and docs show: `npm run agents && npx tsx scripts/docs/screenshots.ts`. Needs Chromium.
 */

import { fileURLToPath } from 'node:url';
import { servePlayground } from '../../src/server/index.ts';
import { launchChromium } from '../../test/helpers/chromium.ts';

/** Sessions by the pictures that show them. */
const SESSIONS = {
  // Two agents with the same weights have found goals that they were not trained on.
  playground: 'world=dark-room&agents=dark-room,dark-room,source&seed=3&edits=1.0.move.goal.7.1&steps=250,250,250&speed=10',
  // The best and the worst of five arms were exchanged after ten episodes, for both.
  'playground-bandit':
    'world=delayed-bandit&agents=bandit,source&seed=2&edits=0.1500.move.goal.0.0~1.1500.move.goal.0.0&steps=2999,2999&speed=30',
};

const target = (name: string) => fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));

const server = await servePlayground([]);
const browser = await launchChromium();
const page = await browser.newPage({ viewport: { width: 1000, height: 700 }, colorScheme: 'light', deviceScaleFactor: 1 });
for (const [name, session] of Object.entries(SESSIONS)) {
  await page.goto('about:blank');
  await page.goto(`${server.url}#${session}`);
  await page.waitForSelector('[data-state=paused]');
  await page.evaluate('new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
  await page.screenshot({ path: target(`${name}.png`), fullPage: true });
  console.error(`docs: wrote docs/${name}.png`);
}
await browser.close();
await server.close();

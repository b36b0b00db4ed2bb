/**
 * @file Takes the pictures of the playground that README and docs show, one of which moves: `npm run agents && npx tsx scripts/docs/screenshots.ts`. Needs Chromium.
 */

import { fileURLToPath } from 'node:url';
import { servePlayground } from '../../src/server/index.ts';
import { launchChromium } from '../../test/helpers/chromium.ts';

/** Two agents with the same weights have found goals that they were not trained on. */
const SESSION = 'world=dark-room&agents=dark-room,dark-room,source&seed=3&edits=1.0.move.goal.7.1&steps=250,250,250&speed=10';

/** The first ten episodes of two agents with the same weights, whose goals are elsewhere. */
const LEARNING = 'world=dark-room&agents=dark-room,dark-room&seed=3&edits=1.0.move.goal.7.1&steps=200,200&speed=30';

const target = (name: string) => fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));

const server = await servePlayground([]);
const browser = await launchChromium();
const open = async (session: string) => {
  const page = await browser.newPage({ viewport: { width: 1000, height: 700 }, colorScheme: 'light', deviceScaleFactor: 1 });
  await page.goto(`${server.url}#${session}`);
  await page.waitForSelector('[data-state=paused]');
  await page.evaluate('new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
  return page;
};
await (await open(SESSION)).screenshot({ path: target('playground.png'), fullPage: true });
const page = await open(LEARNING);
await page.getByLabel('Latest steps').selectOption('200');
const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save a GIF' }).click()]);
await saved.saveAs(target('playground.gif'));
await browser.close();
await server.close();
console.error('docs: wrote docs/playground.png and docs/playground.gif');

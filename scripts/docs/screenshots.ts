/**
 * @file Takes the pictures of the playground that README and docs show: `npm run agents && npx tsx scripts/docs/screenshots.ts`. Needs
 * Chromium, and a few minutes for a training.
 */

import { fileURLToPath } from 'node:url';
import { servePlayground } from '../../src/server/index.ts';
import { launchChromium } from '../../test/helpers/chromium.ts';
import { DEFAULTS, settingsToText } from '../../web/src/train/settings.ts';

/** Two agents with the same weights have found goals that they were not trained on. */
const SESSION = 'world=dark-room&agents=dark-room,dark-room,source&seed=3&edits=1.0.move.goal.7.1&steps=250,250,250&speed=10';

/** The form of a training. */
const TRAINING = `world=dark-room&agents=source&seed=3&train=${settingsToText(DEFAULTS)}`;

/** Milliseconds that a training takes at most. */
const MOST_MS = 30 * 60_000;

const target = (name: string) => fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));

const server = await servePlayground([]);
const browser = await launchChromium();
const page = await browser.newPage({ viewport: { width: 1000, height: 700 }, colorScheme: 'light', deviceScaleFactor: 1 });
await page.goto(`${server.url}#${SESSION}`);
await page.waitForSelector('[data-state=paused]');
await page.evaluate('new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
await page.screenshot({ path: target('playground.png'), fullPage: true });
console.error('docs: wrote docs/playground.png');

await page.goto('about:blank');
await page.goto(`${server.url}#${TRAINING}`);
await page.getByRole('button', { name: 'Train', exact: true }).click();
await page.waitForSelector('.train[data-phase=done]', { timeout: MOST_MS });
await page.locator('section[aria-label=Training]').screenshot({ path: target('train.png') });
console.error('docs: wrote docs/train.png');
await browser.close();
await server.close();

/**
 * @file Takes the pictures of the pages that README and docs show, one of which moves: `npm run agents && npx tsx scripts/docs/screenshots.ts
 * [NAME …]`. Needs Chromium. Trains in a page, and small runs to watch them, for some minutes each.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { openExperiment } from '../../src/cli/experiments.ts';
import { viewOf } from '../../src/reports/index.ts';
import { servePlayground, serveWatch } from '../../src/server/index.ts';
import { silentProgress } from '../../src/util/progress.ts';
import { launchChromium } from '../../test/helpers/chromium.ts';
import { DEFAULTS, settingsToText } from '../../web/src/train/settings.ts';

/** Milliseconds that a training takes at most. */
const MOST_MS = 30 * 60_000;

const TINY = fileURLToPath(new URL('../../experiments/tiny.yaml', import.meta.url));

/** Runs to watch: enough steps for curves with a shape. */
const SMALL = ['split.validation=8', 'evaluate.every=20', 'finetune.steps=240', 'source.histories=4', 'baselines.methods=[]'];

const target = (name: string) => fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));

async function settled(page: Page): Promise<void> {
  await page.evaluate('new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
}

/** A session of the playground, and how to leave it. */
async function opened(page: Page, session: string): Promise<() => Promise<void>> {
  const server = await servePlayground([]);
  await page.goto(`${server.url}#${session}`);
  await page.waitForSelector('[data-state=paused]');
  return server.close;
}

const ofSession = (name: string, session: string) => async (page: Page) => {
  const close = await opened(page, session);
  await settled(page);
  await page.screenshot({ path: target(`${name}.png`), fullPage: true });
  await close();
};

/** Makes pictures, by their names. */
const pictures: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  // Two agents with the same weights have found goals that they were not trained on.
  playground: ofSession(
    'playground',
    'world=dark-room&agents=dark-room,dark-room,source&seed=3&edits=1.0.move.goal.7.1&steps=250,250,250&speed=10',
  ),
  // Key and door have moved, for all three, after half of the life.
  'playground-life': ofSession(
    'playground-life',
    'world=key-to-door-life&agents=key-to-door-life,key-to-door-life-none,source&seed=3' +
      `&edits=${[0, 1, 2].flatMap(lane => [`${lane}.1000.move.key.1.6`, `${lane}.1000.move.door.6.1`]).join('~')}` +
      '&steps=2000,2000,2000&speed=100',
  ),
  // The best and the worst of five arms were exchanged after ten episodes, for both.
  'playground-bandit': ofSession(
    'playground-bandit',
    'world=delayed-bandit&agents=bandit,source&seed=2&edits=0.1500.move.goal.0.0~1.1500.move.goal.0.0&steps=2999,2999&speed=30',
  ),
  // The first ten episodes of two agents with the same weights, whose goals are elsewhere.
  async learning(page) {
    const close = await opened(page, 'world=dark-room&agents=dark-room,dark-room&seed=3&edits=1.0.move.goal.7.1&steps=200,200&speed=30');
    await page.getByLabel('Latest steps').selectOption('200');
    const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save a GIF' }).click()]);
    await saved.saveAs(target('playground.gif'));
    await close();
  },
  async train(page) {
    const close = await opened(page, `world=dark-room&agents=source&seed=3&train=${settingsToText(DEFAULTS)}`);
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await page.waitForSelector('.train[data-phase=done]', { timeout: MOST_MS });
    await page.locator('section[aria-label=Training]').screenshot({ path: target('train.png') });
    await close();
  },
  async watch(page) {
    // The page shows the name of the folder.
    const [here, home] = [process.cwd(), mkdtempSync(join(tmpdir(), 'cadenza-watch-'))];
    process.chdir(home);
    const folder = 'runs';
    const controller = new AbortController();
    const train = async (name: string, set: readonly string[]) => {
      const work = await openExperiment(TINY, [`name=${name}`, ...SMALL, ...set], { sweeps: true });
      const out = join(folder, name);
      const results = await work.run({ out, jobs: 1, progress: silentProgress, signal: controller.signal, command: '' });
      if (results) viewOf(results).write(out);
    };
    await train('latents', ['seeds=[0,1]', 'model.latents=1,4']);
    await train('wide', ['seeds=[0,1]', 'model.width=32']);
    const last = train('wider', ['seeds=[0,1]', 'model.width=48', 'finetune.steps=1000']).catch((error: Error) => {
      if (!controller.signal.aborted) throw error;
    });
    const server = await serveWatch(folder);
    await page.setViewportSize({ width: 1400, height: 900 });
    await page.goto(`${server.url}#stage=finetune&group=model.latents&smooth=0.5`);
    await page.waitForSelector('[data-run=wider][data-state=running]:has-text("finetune")');
    await page.waitForSelector('[data-metric="validation.return"] canvas');
    await settled(page);
    await page.screenshot({ path: target('watch.png'), fullPage: true });
    controller.abort();
    await last;
    await server.close();
    process.chdir(here);
    rmSync(home, { recursive: true });
  },
};

const given = process.argv.slice(2);
const browser = await launchChromium();
for (const [name, take] of Object.entries(pictures)) {
  if (given.length > 0 && !given.includes(name)) continue;
  const page = await browser.newPage({ viewport: { width: 1000, height: 700 }, colorScheme: 'light', deviceScaleFactor: 1 });
  await take(page);
  await page.close();
  console.error(`docs: took ${name}`);
}
await browser.close();

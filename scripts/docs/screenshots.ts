/**
 * @file Takes the pictures of the pages that README and docs show: `npm run agents && npx tsx scripts/docs/screenshots.ts [NAME …]`. Needs
 * Chromium. Trains small runs for some minutes to watch them.
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

/** Two agents with the same weights have found goals that they were not trained on. */
const SESSION = 'world=dark-room&agents=dark-room,dark-room,source&seed=3&edits=1.0.move.goal.7.1&steps=250,250,250&speed=10';

const TINY = fileURLToPath(new URL('../../experiments/tiny.yaml', import.meta.url));

/** Runs to watch: enough steps for curves with a shape. */
const SMALL = ['split.validation=8', 'evaluate.every=20', 'finetune.steps=240', 'source.histories=4', 'baselines.methods=[]'];

const picture = {
  async playground(page: Page) {
    const server = await servePlayground([]);
    await page.goto(`${server.url}#${SESSION}`);
    await page.waitForSelector('[data-state=paused]');
    return server.close;
  },
  async watch(page: Page) {
    // The page shows the name of the folder.
    const home = mkdtempSync(join(tmpdir(), 'cadenza-watch-'));
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
    const last = train('narrow', ['seeds=[0,1]', 'model.width=8']).catch(() => {});
    const server = await serveWatch(folder);
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.goto(`${server.url}#stage=finetune&group=model.latents&smooth=0.5`);
    // In the middle of its last fine-tuning.
    await page.waitForSelector('[data-run=narrow]:has-text("finetune (seed 1)")', { timeout: 600_000 });
    await page.waitForSelector('[data-metric="validation.return"] canvas');
    return async () => {
      controller.abort();
      await last;
      await server.close();
      rmSync(home, { recursive: true });
    };
  },
};

const target = (name: string) => fileURLToPath(new URL(`../../docs/${name}.png`, import.meta.url));

const given = process.argv.slice(2);
const browser = await launchChromium();
for (const [name, show] of Object.entries(picture)) {
  if (given.length > 0 && !given.includes(name)) continue;
  const page = await browser.newPage({ viewport: { width: 1000, height: 700 }, colorScheme: 'light', deviceScaleFactor: 1 });
  const end = await show(page);
  await page.evaluate('new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
  await page.screenshot({ path: target(name), fullPage: true });
  await page.close();
  await end();
  console.error(`docs: wrote docs/${name}.png`);
}
await browser.close();

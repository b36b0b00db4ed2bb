/** @file The playground in a headless Chromium whose page has a quarter of the processor: what it loads, when it can be used, and frames a second. */

import type { Browser, CDPSession, Page } from 'playwright-core';
import { servePlayground } from '../src/server/index.ts';
import { launchChromium } from '../test/helpers/chromium.ts';
import { type FirstView, firstView } from '../test/helpers/first-view.ts';
import type { Bench, Result } from './bench.ts';
import { median } from './training.ts';

/** How much slower the thread of the page is, times the page is opened, and seconds that frames are counted. */
const [THROTTLE, TIMES, SECONDS] = [4, 5, 5];
/** Steps a second at which frames are counted. */
const SPEEDS = [1, 10, 100] as const;

const slowed = async (page: Page, rate: number): Promise<CDPSession> => {
  const session = await page.context().newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate });
  return session;
};

/** Counts frames in the page. As text: a compiled function has names that the page lacks. */
const COUNT = `new Promise(resolve => {
  const start = performance.now();
  let count = 0;
  requestAnimationFrame(function frame() {
    count++;
    const seconds = (performance.now() - start) / 1000;
    if (seconds < ${SECONDS}) requestAnimationFrame(frame);
    else resolve(count / seconds);
  });
})`;

/** Seconds of processor time that all processes of the browser have taken: unlike a clock, hardly longer while other work runs. */
async function processorSeconds(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}

export const playground: Bench = {
  description: 'the playground in Chromium at a quarter of the speed: size of the first view, time until it can be used, frames a second',
  async run(say) {
    const server = await servePlayground([]);
    const browser = await launchChromium();
    try {
      const [shown, ready, played]: number[][] = [[], [], []];
      let size!: FirstView;
      let page: Page | undefined;
      const busy: number[] = [];
      for (let time = 0; time < TIMES; time++) {
        await page?.context().close();
        const before = await processorSeconds(browser);
        // A context of its own has no cache.
        page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
        await slowed(page, THROTTLE);
        const start = performance.now();
        size = await firstView(page, server.url);
        shown.push(size.shown);
        ready.push(size.ready);
        busy.push((await processorSeconds(browser)) - before);
        const where = page.locator('.where').first();
        const text = await where.textContent();
        await page.locator('button.main').click();
        await page.waitForFunction(shown => document.querySelector('.where')?.textContent !== shown, text);
        played.push(performance.now() - start);
        say(
          `shown in ${Math.round(shown[time])} ms, ready in ${Math.round(ready[time])} ms, first step after ${Math.round(played[time])} ms`,
        );
      }
      const open = page!;
      const found: Record<string, Result> = {};
      for (const rate of [1, THROTTLE]) {
        await slowed(open, rate);
        const bySpeed: Record<string, number> = {};
        for (const speed of SPEEDS) {
          await open.getByLabel('Steps a second').selectOption(String(speed));
          bySpeed[`at ${speed} steps a second`] = (await open.evaluate(COUNT)) as number;
        }
        found[rate === 1 ? 'unthrottled' : `throttled ${rate}x`] = bySpeed;
      }
      return {
        throttle: THROTTLE,
        gzippedKB: size.bytes / 1000,
        files: size.files.join(', '),
        shownMs: median(shown),
        readyMs: median(ready),
        readyProcessorSeconds: median(busy),
        firstStepMs: median(played),
        framesASecond: found,
      };
    } finally {
      await browser.close();
      await server.close();
    }
  },
};

/** @file A training in the playground, in a headless Chromium, with the settings that the form begins with: its times and its score. */

import { servePlayground } from '../src/server/index.ts';
import { CadenzaError } from '../src/util/errors.ts';
import { launchChromium } from '../test/helpers/chromium.ts';
import { DEFAULTS, settingsToText } from '../web/src/train/settings.ts';
import type { Bench } from './bench.ts';

/** Milliseconds after which it is given up. */
const MOST_MS = 30 * 60_000;

export const pageTraining: Bench = {
  description: 'a training in the playground, in Chromium: seconds, and the score on held-out goals',
  async run(say) {
    const server = await servePlayground([]);
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(`${server.url}#world=dark-room&agents=random&seed=1&train=${settingsToText(DEFAULTS)}`);
      await page.waitForSelector('.lane');
      const began = performance.now();
      const seconds = () => (performance.now() - began) / 1000;
      await page.getByRole('button', { name: 'Train', exact: true }).click();
      await page.waitForSelector('.train[data-phase=running]', { timeout: MOST_MS });
      const ready = seconds();
      const tell = setInterval(async () => say((await page.getByTestId('progress').textContent()) ?? ''), 10_000);
      const ended = await page.waitForSelector('.train[data-phase=done], .train .failure', { timeout: MOST_MS });
      clearInterval(tell);
      const total = seconds();
      if ((await ended.getAttribute('role')) === 'alert') throw new CadenzaError('E_EXECUTOR', (await ended.textContent()) ?? '');
      const label = (await page.locator('.charts figure:last-child [role=img]').getAttribute('aria-label')) ?? '';
      const computed = (await page.getByTestId('computed').textContent()) ?? '';
      return {
        computed,
        steps: DEFAULTS.steps,
        readySeconds: ready,
        seconds: total,
        score: Number(await page.getByTestId('score').getAttribute('data-score')),
        curve: label.replace(/^.*: /, ''),
      };
    } finally {
      await browser.close();
      await server.close();
    }
  },
};

/** @file The page of `cadenza report` in a real Chromium: offline, without a complaint, and no wider than a phone. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { loadExperiment } from '../src/config/experiment.ts';
import { describeExperiment } from '../src/pipeline/describe.ts';
import type { Results } from '../src/records/index.ts';
import { htmlReport } from '../src/reports/html/results.ts';
import { sideBySideHtml } from '../src/reports/html/side-by-side.ts';
import { packedPath, readJson } from '../src/util/files.ts';
import { executablePath, expectChromium, launchChromium } from './helpers/chromium.ts';
import { ROOT } from './helpers/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-page-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Results as a report shows them: with what follows from the configuration, which older ones have not recorded. */
function results(name: string): Results {
  const run = join(ROOT, 'results', name);
  const recorded = readJson(packedPath(join(run, 'results.json'))) as Results;
  return { setting: describeExperiment(loadExperiment(join(run, 'config.yaml'))).setting, ...recorded };
}

const PAGES = {
  one: () => htmlReport(results('dark-room-full')),
  several: () => sideBySideHtml(new Map(['dark-room-full', 'dark-room-quick'].map(name => [name, results(name)]))),
  bandit: () => htmlReport(results('delayed-bandit')),
};

expectChromium('whether the page of a report shows well');

describe.skipIf(!executablePath)('the page of a report', () => {
  it('opens offline without errors, and scrolls wide tables in boxes of their own', async () => {
    const browser = await launchChromium();
    try {
      for (const [name, html] of Object.entries(PAGES)) {
        const file = join(folder, `${name}.html`);
        writeFileSync(file, html());
        for (const width of [390, 1280]) {
          const context = await browser.newContext({ viewport: { width, height: 844 }, offline: true });
          const page = await context.newPage();
          const complaints: string[] = [];
          page.on('pageerror', error => complaints.push(error.message));
          page.on('console', message => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
          const requested: string[] = [];
          page.on('request', request => requested.push(request.url()));
          const address = pathToFileURL(file).href;
          await page.goto(address);
          // What columns are is folded on the screen; paper has no tooltips, and nothing to unfold.
          const legendsAre = (seen: boolean) =>
            page.waitForFunction(seen => {
              const legends = [...document.querySelectorAll('section .legend dl')];
              return legends.length > 0 && legends.every(each => each.checkVisibility({ contentVisibilityAuto: true }) === seen);
            }, seen);
          await legendsAre(false);
          await page.emulateMedia({ media: 'print' });
          await legendsAre(true);
          await page.emulateMedia({ media: 'screen' });
          // What is folded away is measured too.
          await page.evaluate(() => {
            for (const each of document.querySelectorAll('details')) each.open = true;
          });
          const measured = await page.evaluate(() => ({
            page: document.documentElement.scrollWidth,
            boxes: [...document.querySelectorAll('.scroll')].map(box => [box.clientWidth, box.scrollWidth] as const),
            drawings: [...document.querySelectorAll('figure svg, .drawing svg')].filter(svg => svg.getBoundingClientRect().width > 0)
              .length,
          }));
          expect(complaints, name).toEqual([]);
          expect(requested, name).toEqual([address]);
          expect(measured.page, `${name} at ${width}`).toBeLessThanOrEqual(width);
          expect(measured.drawings, name).toBeGreaterThan(0);
          // Where there is room beside it, no table is cut.
          if (width === 1280)
            for (const [visible, whole] of measured.boxes) expect(Math.min(whole, 1200), name).toBeLessThanOrEqual(visible);
          // On a phone some table does not fit: then its box scrolls.
          if (width === 390) expect(measured.boxes.some(([visible, whole]) => whole > visible)).toBe(true);
          await context.close();
        }
      }
    } finally {
      await browser.close();
    }
  }, 120_000);
});

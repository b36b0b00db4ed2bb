/** @file The pages of reports in a real Chromium: offline, without errors, no wider than the window, with and without their script. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadExperiment } from '../src/config/experiment.ts';
import { describeExperiment } from '../src/pipeline/describe.ts';
import type { Inspection, Results, SupervisedResults } from '../src/records/index.ts';
import { htmlReport } from '../src/reports/html/results.ts';
import { sideBySideHtml } from '../src/reports/html/side-by-side.ts';
import { inspectionHtml, supervisedHtml } from '../src/reports/index.ts';
import { packedPath, readJson } from '../src/util/files.ts';
import { executablePath, launchChromium } from './helpers/chromium.ts';
import { ROOT } from './helpers/command.ts';
import { expectChromium } from './helpers/expect-chromium.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-page-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = <T>(name: string, file = 'results.json') => readJson(packedPath(join(ROOT, 'results', name, file))) as T;

/** Results as a report shows them: with what follows from the configuration, which older ones have not recorded. */
const results = (name: string): Results => ({
  setting: describeExperiment(loadExperiment(join(ROOT, 'results', name, 'config.yaml'))).setting,
  ...read<Results>(name),
});

/** Pages of every kind, with few and with many methods, with curves and with panels. */
const PAGES = {
  one: () => htmlReport(results('dark-room-full')),
  several: () => sideBySideHtml(new Map(['dark-room-full', 'dark-room-quick'].map(name => [name, results(name)]))),
  bandit: () => htmlReport(results('delayed-bandit')),
  evidence: () => htmlReport(results('evidence-dark-room')),
  ablation: () => htmlReport(read<Results>('matrix')),
  rate: () => htmlReport(read<Results>('evidence-rate-return')),
  supervised: () => supervisedHtml(read<SupervisedResults>('regression')),
  inspection: () => inspectionHtml(read<Inspection>('inspect-dark-room', 'inspect.json')),
};

const address = (name: keyof typeof PAGES) => pathToFileURL(join(folder, `${name}.html`)).href;

expectChromium('whether the page of a report shows well');

describe.skipIf(!executablePath)('the page of a report', () => {
  let browser: Browser;
  beforeAll(async () => {
    for (const [name, html] of Object.entries(PAGES)) writeFileSync(join(folder, `${name}.html`), html());
    browser = await launchChromium();
  }, 60_000);
  afterAll(() => browser?.close());

  /** Opens a page, hands it over, and expects no error, no warning and no request. */
  async function within(name: keyof typeof PAGES, options: BrowserContextOptions, act: (page: Page) => Promise<void>): Promise<void> {
    const context = await browser.newContext({ offline: true, ...options });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', error => complaints.push(error.message));
    page.on('console', message => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
    const requested: string[] = [];
    page.on('request', request => requested.push(request.url()));
    await page.goto(address(name));
    await act(page);
    expect(complaints, name).toEqual([]);
    expect(requested, name).toEqual([address(name)]);
    await context.close();
  }

  const unfold = (page: Page) =>
    page.evaluate(() => {
      for (const each of document.querySelectorAll('details')) each.open = true;
    });

  /** Widths of the page, and of its boxes with what is in them. */
  const measured = (page: Page) =>
    page.evaluate(() => ({
      page: document.documentElement.scrollWidth,
      boxes: [...document.querySelectorAll('.scroll')].map(box => [box.clientWidth, box.scrollWidth] as const),
      drawings: [...document.querySelectorAll('figure svg, .drawing svg')].filter(svg => svg.getBoundingClientRect().width > 0).length,
    }));

  it.each(Object.keys(PAGES) as (keyof typeof PAGES)[])('%s: no table is cut at 1,000 px, and at 390 px only boxes scroll', async name => {
    await within(name, { viewport: { width: 1000, height: 800 } }, async page => {
      await unfold(page);
      const { page: width, boxes, drawings } = await measured(page);
      expect(width).toBeLessThanOrEqual(1000);
      expect(drawings).toBeGreaterThan(0);
      for (const [visible, whole] of boxes) expect(whole).toBeLessThanOrEqual(visible);
    });
    await within(name, { viewport: { width: 390, height: 844 } }, async page => {
      await unfold(page);
      const { page: width, boxes } = await measured(page);
      expect(width).toBeLessThanOrEqual(390);
      for (const [visible] of boxes) expect(visible).toBeLessThanOrEqual(390);
    });
  });

  it('starts with its name, the result, the main figure and the main table', async () => {
    await within('one', { viewport: { width: 1000, height: 800 } }, async page => {
      const tops = await page.evaluate(() =>
        ['h1', 'header strong', 'figure svg', 'section table tbody tr:nth-child(2)'].map(
          of => document.querySelector(of)!.getBoundingClientRect().bottom,
        ),
      );
      expect(tops).toEqual([...tops].sort((a, b) => a - b));
      expect(tops[3]).toBeLessThan(800);
    });
  });

  it('shows the values at the pointer, of all curves there', async () => {
    await within('one', { viewport: { width: 1000, height: 800 } }, async page => {
      const box = (await page.locator('figure svg').first().boundingBox())!;
      const tip = page.locator('figure .tip').first();
      expect(await tip.isVisible()).toBe(false);
      await page.mouse.move(box.x + 0.6 * box.width, box.y + 0.2 * box.height);
      expect(await tip.isVisible()).toBe(true);
      const [text] = await tip.allInnerTexts();
      const { methods } = results('dark-room-full');
      const episode = Number(/ (\d+)\n/.exec(text)![1]);
      for (const [name, { byEpisode }] of Object.entries(methods))
        expect(text).toContain(`${name} ${+byEpisode.mean[episode - 1].toPrecision(3)} [`);
      await page.mouse.move(box.x, box.y - 40);
      expect(await tip.isVisible()).toBe(false);
    });
  });

  it('shows the values in panels, of the one that is pointed at', async () => {
    await within('evidence', { viewport: { width: 1000, height: 800 } }, async page => {
      const box = (await page.locator('figure svg').first().boundingBox())!;
      await page.mouse.move(box.x + 0.2 * box.width, box.y + 0.12 * box.height);
      const [text] = await page.locator('figure .tip').first().allInnerTexts();
      expect(text.trim().split('\n')).toHaveLength(2);
      expect(await page.locator('figure').first().locator('.toggles').count()).toBe(0);
    });
  });

  it('hides and shows a curve by the legend, by mouse and by keyboard', async () => {
    await within('one', { viewport: { width: 1000, height: 800 } }, async page => {
      const figure = page.locator('figure').first();
      const names = Object.keys(read<Results>('dark-room-full').methods);
      const buttons = figure.locator('.toggles button');
      expect((await buttons.allInnerTexts()).sort()).toEqual([...names].sort());
      const drawn = () => figure.locator('.wide [data-series=cad]:visible').count();
      const [before, button] = [await drawn(), buttons.filter({ hasText: /^cad$/ })];
      expect(before).toBeGreaterThan(0);
      await button.click();
      expect([await drawn(), await button.getAttribute('aria-pressed')]).toEqual([0, 'false']);
      await button.press('Enter');
      expect([await drawn(), await button.getAttribute('aria-pressed')]).toEqual([before, 'true']);
    });
  });

  it('is complete without its script: figures, tables, folds, and no dead controls', async () => {
    await within('one', { viewport: { width: 1000, height: 800 }, javaScriptEnabled: false }, async page => {
      expect(await page.locator('figure svg:visible').count()).toBeGreaterThan(0);
      expect(await page.locator('.toggles, .tip').count()).toBe(0);
      const meanings = page.locator('.legend dl').first();
      expect(await meanings.isVisible()).toBe(false);
      await page.locator('.legend summary').first().click();
      expect(await meanings.isVisible()).toBe(true);
    });
  });

  it('folds explanations away on the screen, and shows all of them in print', async () => {
    await within('one', { viewport: { width: 1000, height: 800 } }, async page => {
      const folded = (seen: boolean) =>
        page.waitForFunction(seen => {
          const contents = [...document.querySelectorAll('.legend dl, table.tasks')];
          return contents.length > 0 && contents.every(each => each.checkVisibility({ contentVisibilityAuto: true }) === seen);
        }, seen);
      await folded(false);
      await page.emulateMedia({ media: 'print' });
      await folded(true);
      expect(await page.locator('.toggles:visible').count()).toBe(0);
    });
  });
});

/** @file The live view of runs in a browser, while a run starts, is killed and resumes, and with thousands of runs. */

import { existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RunningServer, serveWatch } from '../../src/server/index.ts';
import { executablePath, launchChromium } from '../helpers/chromium.ts';
import { metricsOf, settings, stageFolder, start } from '../helpers/command.ts';
import { expectChromium } from '../helpers/expect-chromium.ts';

expectChromium('the live view of runs');

const STEPS = 400;
const SET = settings({
  'split.validation': 2,
  'evaluate.every': 50,
  'finetune.steps': STEPS,
  'checkpoint.everySteps': 50,
  'baselines.steps': 0,
  'baselines.methods': [],
  // While it is fine-tuned, weights stay finite.
  'finetune.learningRate': 1e-3,
});

describe.skipIf(!executablePath)('the live view of runs', { timeout: 240_000 }, () => {
  const runs = mkdtempSync(join(tmpdir(), 'cadenza-watch-'));
  const many = mkdtempSync(join(tmpdir(), 'cadenza-watch-many-'));
  const live = join(runs, 'live');
  const train = () => start(['run', 'tiny', ...SET, '--jobs', '1', '--out', live, '--json']);
  let server: RunningServer;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  const listen = (to: Page) => {
    to.on('console', message => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    to.on('pageerror', ({ message }) => complaints.push(message));
  };
  beforeAll(async () => {
    server = await serveWatch(runs);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
    for (const folder of [runs, many]) rmSync(folder, { recursive: true });
    // There are ten thousand files.
  }, 60_000);
  beforeEach(async () => {
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    complaints = [];
    listen(page);
  });
  afterEach(async () => {
    expect(complaints).toEqual([]);
    await page.close();
  });

  const open = async (hash = '') => {
    await page.goto(`${server.url}#${hash}`);
    await page.waitForSelector('[data-ready=true]');
  };
  const row = (id: string, state: string) => page.locator(`[data-run="${id}"][data-state=${state}]`);
  const stepsOf = async (metric: string) => Number(await page.locator(`[data-metric="${metric}"]`).first().getAttribute('data-steps'));
  const groupsOf = (metric: string) =>
    page.locator(`[data-metric="${metric}"] [data-group]`).evaluateAll(keys => keys.map(key => (key as HTMLElement).dataset.group));

  /** Finished runs like the real one, which differ in a setting. Their results are the same file. */
  const copyRun = (id: string, latents: number, to = runs) => {
    const record = JSON.parse(readFileSync(join(live, 'progress.json'), 'utf8'));
    const folder = join(to, id);
    mkdirSync(folder, { recursive: true });
    linkSync(join(live, 'results.json'), join(folder, 'results.json'));
    for (const { folder: name } of record.stages.filter(({ folder: name }: { folder: string }) => name.startsWith('finetune'))) {
      mkdirSync(join(folder, 'stages', name), { recursive: true });
      linkSync(join(live, 'stages', name, 'metrics.jsonl'), join(folder, 'stages', name, 'metrics.jsonl'));
    }
    record.settings['model.latents'] = latents;
    writeFileSync(join(folder, 'progress.json'), JSON.stringify(record));
  };

  it('shows a run that starts, is killed, and resumes, with whole curves', async () => {
    await open('stage=finetune');
    const first = train();
    await row('live', 'running').waitFor();
    // The curves begin before the stage ends.
    const written = () => {
      const file = join(stageFolder(live, 'finetune-seed0') ?? '', 'metrics.jsonl');
      // The file exists before its first line.
      return existsSync(file) && readFileSync(file, 'utf8').includes('\n');
    };
    await expect.poll(written, { timeout: 120_000, interval: 5 }).toBe(true);
    first.child.kill('SIGKILL');
    expect((await first.ended).signal).toBe('SIGKILL');
    await row('live', 'stopped').waitFor();
    await expect.poll(() => stepsOf('loss')).toBeGreaterThan(0);
    expect(await stepsOf('loss')).toBeLessThan(STEPS / 10);
    const second = train();
    await row('live', 'running').waitFor();
    await row('live', 'finished').waitFor({ timeout: 120_000 });
    expect((await second.ended).status).toBe(0);
    const steps = metricsOf(live, 'finetune-seed0').filter(({ loss }) => loss !== undefined);
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: STEPS / 10 }, (_, i) => 10 * (i + 1)));
    await expect.poll(() => stepsOf('loss')).toBe(STEPS / 10);
    await expect.poll(() => stepsOf('validation.return')).toBe(STEPS / 50);
    // Its results, the audit of the split, and its report.
    await page.waitForSelector('[data-result=live] [data-overlap="0"]');
    await page.locator('[data-result=live] summary').focus();
    const report = page.getByRole('link', { name: 'results.html' });
    await report.waitFor();
    const [opened] = await Promise.all([page.context().waitForEvent('page'), report.click()]);
    listen(opened);
    // Whatever it complained of before it was listened to.
    await opened.waitForLoadState();
    await opened.reload();
    // The script of the report made these, and no request can leave it.
    await opened.locator('.toggles button').first().waitFor();
    expect(await opened.evaluate('self.origin')).toBe('null');
    const before403 = complaints.length;
    expect(await opened.evaluate('fetch("/events/runs").then(() => "answered", () => "refused")')).toBe('refused');
    complaints.length = before403;
    await opened.close();
  });

  it('shows curves of runs that differ in a setting and have no scores yet', async () => {
    for (const [id, latents] of [
      ['early/a', 2],
      ['early/b', 4],
    ] as const) {
      copyRun(id, latents);
      rmSync(join(runs, id, 'results.json'));
    }
    await open('runs=early%2Fa,early%2Fb');
    await expect.poll(() => groupsOf('loss')).toEqual(['early/a', 'early/b']);
    expect(await page.locator('[data-row]').count()).toBe(2);
    expect(await page.locator('[data-line]').count()).toBe(0);
  });

  it('shows what has changed meanwhile when it is seen again', async () => {
    await open();
    const hide = (hidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, value: ${hidden} });
        document.dispatchEvent(new Event('visibilitychange'))`);
    await hide(true);
    copyRun('meanwhile', 4);
    // Two seconds are what a page that is seen may take.
    await page.waitForTimeout(2000);
    expect(await page.locator('[data-run=meanwhile]').count()).toBe(0);
    await hide(false);
    await row('meanwhile', 'finished').waitFor();
  });

  it('groups curves by a setting, splits them, and keeps what it shows in its address', async () => {
    copyRun('wide/a', 4);
    copyRun('wide/b', 4);
    copyRun('narrow', 2);
    await open('runs=wide%2Fa,wide%2Fb,narrow');
    await expect.poll(() => groupsOf('loss')).toEqual(['narrow', 'wide/a', 'wide/b']);
    await page.getByLabel('Group by').selectOption('model.latents');
    await expect.poll(() => groupsOf('loss')).toEqual(['2', '4']);
    // Two thin lines and their mean in one group, one line in the other.
    expect(await page.locator('[data-metric=loss]').getAttribute('data-lines')).toBe('4');
    // Each run is a line across its settings and its score; pointing at its row emphasizes it.
    expect(await page.locator('[data-line]').count()).toBe(3);
    await page.locator('[data-row="wide/b"]').hover();
    await expect.poll(() => page.locator('path.pointed').getAttribute('data-line')).toBe('wide/b');
    await page.getByLabel('Split by').selectOption('model.latents');
    await expect.poll(() => page.locator('[data-metric=loss] h3').allTextContents()).toEqual(['2', '4']);
    await page.getByLabel('Smoothing').fill('0.5');
    await page.getByLabel('wide/b').first().uncheck();
    await expect.poll(() => page.locator('[data-row]').count()).toBe(2);
    expect(await page.locator('[data-line]').count()).toBe(2);
    const url = page.url();
    expect(new URL(url).hash).toBe('#runs=wide%2Fa,narrow&group=model.latents&split=model.latents&smooth=0.5');
    await page.getByRole('button', { name: 'model.latents' }).click();
    expect(await page.locator('[data-row]').first().getAttribute('data-row')).toBe('narrow');
    await page.goto('about:blank');
    await page.goto(url);
    await expect.poll(() => page.locator('[data-metric=loss] h3').allTextContents()).toEqual(['2', '4']);
    expect(await page.getByLabel('Group by').inputValue()).toBe('model.latents');
  });

  it.each(['light', 'dark'] as const)('is accessible, and fits a phone: %s', async scheme => {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    // More curves than their legend has room for.
    const copies = ['one', 'two', 'three', 'four', 'five', 'six'].map(name => `copies-${scheme}/${name}`);
    for (const copy of copies) copyRun(copy, 4);
    await open(`runs=${['live', ...copies, 'nowhere'].map(encodeURIComponent)}`);
    await page.waitForSelector('[data-result=live]');
    await page.waitForSelector('.note:has-text("nowhere")');
    await page.locator('canvas').first().waitFor();
    await page.evaluate(axe.source);
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 800 });
      await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      const { violations } = (await page.evaluate('axe.run()')) as { violations: { id: string; nodes: { html: string }[] }[] };
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    }
  });

  it('lists 2,000 runs, of which it makes only those in sight', async () => {
    const names = Array.from({ length: 2000 }, (_, i) => `r${String(i).padStart(4, '0')}`);
    for (const [i, name] of names.entries()) copyRun(name, 2 + (i % 3), many);
    const all = await serveWatch(many);
    await page.goto(all.url);
    await page.waitForSelector('[data-count="2000"]');
    expect(await page.locator('[data-run]').count()).toBeLessThan(100);
    await page.getByLabel('Find runs').fill('r1234');
    await page.getByLabel('r1234').check();
    await expect.poll(() => groupsOf('loss')).toContain('r1234');
    await page.getByLabel('Find runs').fill('');
    await page.locator('.list').evaluate(list => list.scrollTo(0, 1e6));
    await expect.poll(() => page.locator('[data-run]').last().getAttribute('aria-posinset')).toBe('2001');
    // Scores come after the list.
    await expect.poll(() => page.locator('[data-run]').last().textContent(), { timeout: 60_000 }).toMatch(/\[0\.\d+, 0\.\d+\]/);
    await page.close();
    await all.close();
  });
});

/** @file Training in a browser: equal seeds give equal losses, with and without a pause and as in Node, and what was trained plays. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadExperiment } from '../../src/config/experiment.ts';
import { nodeExecutor } from '../../src/engine/executors/node.ts';
import { loadPolicy } from '../../src/policy/index.ts';
import { type RunningServer, servePlayground } from '../../src/server/index.ts';
import { experimentFile, experimentOf, type TrainedWorld } from '../../web/src/train/experiment.ts';
import { COMPRESSORS, DEFAULTS, SOURCES, settingsFromText, settingsToText, type TrainSettings } from '../../web/src/train/settings.ts';
import { Training } from '../../web/src/train/training.ts';
import { executablePath, launchChromium } from '../helpers/chromium.ts';
import { expectChromium } from '../helpers/expect-chromium.ts';
import { quietPage } from '../helpers/quiet-page.ts';

const ROOM: TrainedWorld = { env: { id: 'dark-room' }, tasks: 81 };
const SMALL: TrainSettings = { ...DEFAULTS, width: 8, latents: 2, steps: 6, seed: 3 };

const executor = nodeExecutor({ threads: 1 });
const openInNode = (settings: TrainSettings) => Training.open(ROOM, settings, { executor, signal: new AbortController().signal });
const stepsInNode = async (training: Training) => {
  const losses: number[] = [];
  while (training.done < training.steps) losses.push(await training.step());
  return losses;
};

describe('the settings', () => {
  it('are read as they were written, and have defaults for what is missing or not allowed', () => {
    const chosen: TrainSettings = { ...SMALL, compressor: 'recurrent', source: 'count-based', learningRate: 0.0012, executor: 'webgpu' };
    expect(settingsFromText(settingsToText(chosen))).toEqual(chosen);
    expect(settingsFromText('')).toEqual(DEFAULTS);
    expect(settingsFromText('width:13,steps:1e9,seed:-1,latents:x,compressor:none,executor:abacus,toString:1')).toEqual({
      ...DEFAULTS,
      width: 16,
      steps: 20_000,
      seed: 0,
    });
  });

  it.each(['dark-room', 'key-to-door'])('are an experiment that cadenza run reads alike: %s', id => {
    const folder = mkdtempSync(join(tmpdir(), 'page-'));
    const path = join(folder, 'experiment.yaml');
    const world = { env: { id }, tasks: id === 'dark-room' ? 81 : 6561 };
    writeFileSync(path, experimentFile(world, SMALL));
    const read = loadExperiment(path, []);
    rmSync(folder, { recursive: true });
    const own = experimentOf(world, SMALL);
    expect(Object.fromEntries(Object.keys(own).map(key => [key, read[key as keyof typeof own]]))).toEqual(own);
    expect([read.finetune.steps, read.finetune.gamma, read.finetune.compressorLearningRateScale]).toEqual([6, 0, 1]);
  });
});

describe('a training in Node', () => {
  it.each(COMPRESSORS)('ends in an agent whose files can be played: %s', async compressor => {
    const training = await openInNode({ ...SMALL, compressor, steps: 1 });
    await training.step();
    const curve = await training.evaluate();
    expect(curve.length).toBe(20);
    expect(curve.every(share => share >= 0 && share <= 1)).toBe(true);
    const { 'model.json': json, ...graphs } = training.files();
    const description = JSON.parse(new TextDecoder().decode(json));
    const given = Object.fromEntries(Object.entries(graphs).map(([name, bytes]) => [name.replace('.onnx', ''), bytes]));
    const acting = ['begin', 'step', ...(given.summarize ? ['encode', 'summarize'] : ['compress'])];
    const policy = await loadPolicy({ description, ...Object.fromEntries(acting.map(name => [name, given[name]])), executor });
    policy.reset(1);
    const row = await policy.act(Float32Array.of(4, 4));
    expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
    await training.dispose();
  });

  it.each(SOURCES)('learns from %s', async source => {
    const training = await openInNode({ ...SMALL, source, steps: 12 });
    const losses = await stepsInNode(training);
    expect(losses.at(-1)).toBeLessThan(losses[0]);
    await training.dispose();
  });

  it('is not changed by evaluations', async () => {
    const [plain, evaluated] = [await openInNode(SMALL), await openInNode(SMALL)];
    const losses = await stepsInNode(plain);
    const others = [await evaluated.step()];
    await evaluated.evaluate();
    expect([...others, ...(await stepsInNode(evaluated))]).toEqual(losses);
    await plain.dispose();
    await evaluated.dispose();
  });
});

expectChromium('training in a page');

describe.skipIf(!executablePath)('training in a page', () => {
  let server: RunningServer;
  let browser: Browser;
  let page: Page;
  let closePage: () => Promise<void>;

  beforeAll(async () => {
    server = await servePlayground([]);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
  });
  beforeEach(async () => {
    ({ page, close: closePage } = await quietPage(browser));
  });
  afterEach(() => closePage());

  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
  const open = async (settings: TrainSettings) => {
    await page.goto(`${server.url}#world=dark-room&agents=random&seed=1&train=${settingsToText(settings)}`);
    await page.waitForSelector('.train');
  };
  const phase = (name: string, timeout = 120_000) => page.waitForSelector(`.train[data-phase=${name}]`, { timeout });
  /** The losses of the latest steps, at most ten. */
  const losses = async () => (await page.getByTestId('losses').locator('li').allTextContents()).map(Number);

  it('gives the same losses for the same seed as in Node, and others for another seed', async () => {
    await open(SMALL);
    await press('Train');
    await phase('done');
    const first = await losses();
    expect(first.length).toBe(SMALL.steps);

    const training = await openInNode(SMALL);
    const node = await stepsInNode(training);
    await training.dispose();
    for (const [i, loss] of node.entries()) expect(Math.abs(first[i] / loss - 1)).toBeLessThan(1e-4);

    await page.getByLabel('Seed of training').fill('4');
    await page.getByLabel('Seed of training').blur();
    await press('Train again');
    await phase('done');
    expect((await losses())[0]).not.toBe(first[0]);
  }, 300_000);

  it('gives the same losses with a pause', async () => {
    // So many steps take much longer than it takes to press a button, on a busy machine, too.
    const settings = { ...SMALL, steps: 200 };
    await open(settings);
    await press('Train');
    await phase('done');
    const latest = await losses();

    await press('Train again');
    await phase('running');
    await press('Pause training');
    await phase('paused');
    // Steps that had begun end, and no other follows.
    let shown = -1;
    const isStill = async () => {
      const before = shown;
      shown = Number(/Step (\d+)/.exec((await page.getByTestId('progress').textContent()) ?? '')?.[1]);
      return shown === before;
    };
    await expect.poll(isStill, { interval: 500 }).toBe(true);
    expect(shown).toBeLessThan(settings.steps);
    await press('Continue training');
    await phase('done');
    expect(await losses()).toEqual(latest);
  }, 300_000);

  it('plays what was trained, and downloads it', async () => {
    await open({ ...SMALL, steps: 2 });
    await press('Train');
    await phase('done');
    expect(Number(await page.getByTestId('score').getAttribute('data-score'))).toBeLessThan(1);
    const names: string[] = [];
    page.on('download', async download => {
      names.push(download.suggestedFilename());
      if (download.suggestedFilename() !== 'experiment.yaml') return;
      expect(readFileSync(await download.path(), 'utf8')).toBe(experimentFile(ROOM, { ...SMALL, steps: 2 }));
    });
    await press('Download the model');
    await press('Download the experiment');
    await expect.poll(() => names).toContain('experiment.yaml');
    await expect.poll(() => names).toEqual(expect.arrayContaining(['model.json', 'step.onnx', 'act.onnx', 'compress.onnx']));
    await press('Play it');
    await page.waitForSelector('.lane h2:has-text("trained-1")');
    await press('Step');
    await expect.poll(() => page.locator('.where').first().textContent()).toMatch(/step 1\b/);
    const row = await page.locator('[data-lane="0"] meter').evaluateAll(meters => meters.map(meter => (meter as HTMLMeterElement).value));
    expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 4);
  }, 120_000);

  it('ends early with the agent as it is', async () => {
    await open({ ...SMALL, steps: 20_000 });
    await press('Train');
    await phase('running');
    await page.waitForSelector('[data-testid=losses] li', { state: 'attached' });
    await press('Stop training');
    await phase('done');
    await press('Play it');
    await page.waitForSelector('.lane h2:has-text("trained-1")');
  }, 120_000);

  it('opens and closes the form, which the address has', async () => {
    await page.goto(`${server.url}#world=dark-room&agents=random&seed=1`);
    await page.waitForSelector('.lane');
    await press('Train one in this page');
    await page.getByLabel('Width').fill('24');
    await page.getByLabel('Width').blur();
    await expect.poll(() => page.url()).toContain(`train=${settingsToText({ ...DEFAULTS, width: 24 })}`);
    await page.getByLabel('Compressor').selectOption('causal');
    expect(await page.getByLabel('Latents m').count()).toBe(0);
    await page.reload();
    expect(await page.getByLabel('Width').inputValue()).toBe('24');
    await press('Close the form');
    await expect.poll(() => page.url()).not.toContain('train=');
  });

  it('is accessible, light and dark, and fits a phone', async () => {
    await open({ ...SMALL, steps: 3 });
    await press('Train');
    await phase('done');
    await page.evaluate(axe.source);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const { violations } = (await page.evaluate('axe.run()')) as { violations: { id: string; nodes: { html: string }[] }[] };
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    }
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  }, 120_000);
});

/** @file The memory in the playground: beliefs on the grid, attention, codes, recordings and the tour, in a browser. */

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axe from 'axe-core';
import { parseHTML } from 'linkedom';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RunningServer, servePlayground } from '../../src/server/index.ts';
import { executablePath, launchChromium } from '../helpers/chromium.ts';
import { ROOT } from '../helpers/command.ts';
import { expectChromium } from '../helpers/expect-chromium.ts';
import { makeModel } from '../helpers/exported.ts';
import { firstView } from '../helpers/first-view.ts';
import { quietPage } from '../helpers/quiet-page.ts';

const MODEL = join(ROOT, 'web/public/agents/dark-room');

expectChromium('the memory in the playground');

/** Size, and number of pictures, of a GIF: walks its blocks. */
function readGif(bytes: Buffer): { width: number; height: number; frames: number; repeats: boolean } {
  expect(bytes.subarray(0, 6).toString()).toBe('GIF89a');
  const [width, height, flags] = [bytes.readUInt16LE(6), bytes.readUInt16LE(8), bytes[10]];
  const table = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  let at = 13 + table(flags);
  let frames = 0;
  const skipBlocks = () => {
    while (bytes[at] !== 0) at += bytes[at] + 1;
    at++;
  };
  while (bytes[at] !== 0x3b) {
    if (bytes[at] === 0x21) at += 2;
    else {
      expect(bytes[at]).toBe(0x2c);
      frames++;
      at += 10 + table(bytes[at + 9]) + 1;
    }
    skipBlocks();
  }
  expect(at).toBe(bytes.length - 1);
  return { width, height, frames, repeats: bytes.includes('NETSCAPE2.0') };
}

describe.skipIf(!executablePath)('the memory in the playground', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cadenza-memory-'));
  let server: RunningServer;
  let browser: Browser;
  let page: Page;
  let closePage: () => Promise<void>;

  beforeAll(async () => {
    await makeModel(folder, { name: 'discrete', tokenizer: 'packed', kind: 'bottleneck', settings: { latents: { kind: 'fsq' } } });
    cpSync(MODEL, join(folder, 'unread'), { recursive: true });
    rmSync(join(folder, 'unread', 'probe.json'));
    server = await servePlayground([join(folder, 'discrete'), join(folder, 'unread')]);
    browser = await launchChromium();
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    ({ page, close: closePage } = await quietPage(browser));
  });
  afterEach(() => closePage());

  /** Opens a session that is restored from its address, so that it is the same at once. */
  const open = async (hash: string, search = '') => {
    await page.goto(`${server.url}${search}#${hash}`);
    await page.waitForSelector('[data-state=paused] button');
  };
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
  const belief = async (lane: number) => {
    const found = page.locator(`[data-lane="${lane}"] [data-belief=goal]`);
    return { at: await found.getAttribute('data-at'), probability: Number(await found.getAttribute('data-probability')) };
  };
  const goalOf = (lane: number) => page.locator(`[data-lane="${lane}"] [data-role=goal]`).getAttribute('data-at');
  /** Two agents of the same model that have found their goals, 5,6 and 7,1. */
  const FOUND = 'world=dark-room&agents=dark-room,dark-room&seed=3&edits=0.0.move.goal.5.6~1.0.move.goal.7.1&steps=300,300';

  it('draws where Z has the goal: in its cell, nowhere after a wipe, and where the other has it after an exchange', async () => {
    await open(FOUND);
    expect([await goalOf(0), await goalOf(1)]).toEqual(['5,6', '7,1']);
    const [mine, theirs] = [await belief(0), await belief(1)];
    expect([mine.at, theirs.at]).toEqual(['5,6', '7,1']);
    expect(Math.min(mine.probability, theirs.probability)).toBeGreaterThan(0.5);
    await page.getByRole('button', { name: /^Exchange with/ }).click();
    await expect.poll(() => belief(0)).toEqual(theirs);
    expect(await belief(1)).toEqual(mine);
    await press('Wipe');
    await expect.poll(async () => (await belief(0)).probability).toBeLessThan(0.05);
    expect(await belief(1)).toEqual(mine);
    await page.getByLabel('Show what a probe reads from Z').uncheck();
    await expect.poll(() => page.locator('[data-belief]').count()).toBe(0);
  });

  it('has beliefs of a dropped model, and none of a model without a probe', async () => {
    await open('world=dark-room&agents=unread&seed=3&steps=60');
    expect(await page.locator('[data-belief]').count()).toBe(0);
    expect(await page.locator('.memory code').textContent()).toContain('inspect');
    await page.getByLabel('Your model').setInputFiles(readdirSync(MODEL).map(name => join(MODEL, name)));
    await page.waitForSelector('.lane h2:has-text("dropped")');
    await page.waitForSelector('[data-belief=goal]', { state: 'attached' });
  });

  it('shows the attention of the agent whose memory is shown, layer by layer', async () => {
    await open(FOUND);
    const shares = async () => {
      const layers = await page.locator('.attention .bars').all();
      return Promise.all(
        layers.map(
          async layer => await layer.locator('li').evaluateAll(all => all.map(each => Number((each as HTMLElement).dataset.share))),
        ),
      );
    };
    const first = await shares();
    expect(first.map(layer => layer.length)).toEqual([8, 8]);
    for (const layer of first) expect(layer.reduce((a, b) => a + b)).toBeCloseTo(1, 1);
    await page.getByLabel('Agent whose memory is shown').selectOption('1');
    await expect.poll(shares).not.toEqual(first);
  });

  it('shows the codes of a discrete Z, and no attention or belief where there is none', async () => {
    await open('world=dark-room&agents=discrete,random&seed=3&steps=60,60');
    const codes = () => page.locator('[data-codes]').evaluateAll(all => all.map(each => (each as HTMLElement).dataset.codes));
    const before = await codes();
    expect(before.length).toBe(4);
    await page.getByTestId('latent').fill('2');
    await expect.poll(codes).toEqual([]);
    await page.getByLabel('Agent whose memory is shown').selectOption('1');
    await expect.poll(() => page.locator('.attention').count()).toBe(0);
  });

  it.each([
    ['gif', true],
    ['gif', false],
  ] as const)('saves the latest steps as a %s, with Z: %s', async (_, memory) => {
    await open(FOUND);
    await page.getByLabel('Latest steps').selectOption('50');
    await page.getByLabel('With Z').setChecked(memory);
    const [saved] = await Promise.all([page.waitForEvent('download'), press('Save a GIF')]);
    const gif = readGif(readFileSync(await saved.path()));
    expect(saved.suggestedFilename()).toBe('cadenza-dark-room.gif');
    expect(gif).toEqual({ width: 448, height: memory ? 462 : 398, frames: 50, repeats: true });
  });

  it('saves them as an SVG that moves, and shows its last step where it does not', async () => {
    await open(FOUND);
    await page.getByLabel('Latest steps').selectOption('50');
    const [saved] = await Promise.all([page.waitForEvent('download'), press('Save an SVG')]);
    const text = readFileSync(await saved.path(), 'utf8');
    const { document } = parseHTML(text);
    const frames = [...document.querySelectorAll('svg > g')];
    expect(frames.length).toBe(50);
    expect(frames.flatMap((frame, k) => (frame.getAttribute('visibility') === 'visible' ? [k] : []))).toEqual([49]);
    // Well-formed: a browser draws it as a picture.
    const size = await page.evaluate(async source => {
      const image = new Image();
      image.src = URL.createObjectURL(new Blob([source], { type: 'image/svg+xml' }));
      await image.decode();
      return [image.naturalWidth, image.naturalHeight];
    }, text);
    expect(size).toEqual([448, 462]);
    // The session goes on where it was.
    await press('Step');
    await expect.poll(() => page.url()).toContain('steps=301,301');
  });

  it('loads little until it can be used, and what draws recordings only when it is asked for', async () => {
    const { bytes, files } = await firstView(page, server.url);
    const names = files.map(name => name.replace(/-.*\./, '.'));
    expect(names.sort()).toEqual(['base.css', 'base.js', 'index.css', 'index.js', 'worker.js']);
    expect(bytes).toBeLessThan(300_000);
    expect(bytes).toBeGreaterThan(50_000);
  });

  it('leads through the page by keys, and lets go of it', async () => {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await open(FOUND, '?tour');
    const stop = page.getByRole('dialog');
    const inStop = () => page.evaluate('document.activeElement.closest("[role=dialog]") !== null');
    for (let k = 0; k < 6; k++) {
      await expect.poll(() => stop.locator('h2').textContent()).toMatch(new RegExp(`^${k + 1} `));
      expect(await inStop()).toBe(true);
      expect(await page.locator('.tour-anchor').count()).toBe(1);
      if (k === 4) {
        await stop.getByRole('button', { name: 'Try it' }).press('Enter');
        await page.keyboard.press('Enter');
        await expect.poll(() => page.url()).toMatch(/edits=.*\.wipe/);
        await stop.getByRole('button', { name: 'Back' }).press('Enter');
        await expect.poll(() => stop.locator('h2').textContent()).toMatch(/^4 /);
        await stop.getByRole('button', { name: 'Next' }).press('Enter');
        await expect.poll(() => stop.locator('h2').textContent()).toMatch(/^5 /);
      }
      if (k < 5) await stop.getByRole('button', { name: 'Next' }).press('Enter');
    }
    // Tab leaves it: the page stays usable.
    for (let k = 0; k < 6; k++) await page.keyboard.press('Tab');
    expect(await inStop()).toBe(false);
    await page.keyboard.press('Escape');
    await expect.poll(() => stop.count()).toBe(0);
    await expect.poll(() => page.locator('.tour-anchor').count()).toBe(0);
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Tour');
  });

  it.each(['light', 'dark'] as const)('is accessible, and fits a phone: %s', async scheme => {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await open('world=dark-room&agents=dark-room,discrete&seed=3&shown=1&steps=200,200', '?tour');
    await page.waitForSelector('.codes');
    await page.evaluate(axe.source);
    const { violations } = (await page.evaluate('axe.run()')) as { violations: { id: string; nodes: { html: string }[] }[] };
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });
});

/** @file The playground in a browser: every control does what it says, and nothing is reported in the console. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RunningServer, servePlayground } from '../../src/server/index.ts';
import { executablePath, launchChromium } from '../helpers/chromium.ts';
import { ROOT } from '../helpers/command.ts';
import { expectChromium } from '../helpers/expect-chromium.ts';

const MODEL = join(ROOT, 'web/public/agents/dark-room');

expectChromium('the playground');

describe.skipIf(!executablePath)('the playground', () => {
  let server: RunningServer;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    server = await servePlayground([]);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
  });
  beforeEach(async () => {
    page = await browser.newPage({ viewport: { width: 1100, height: 900 } });
    complaints = [];
    page.on('console', message => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', ({ message }) => complaints.push(message));
  });
  afterEach(async () => {
    expect(complaints).toEqual([]);
    await page.close();
  });

  const open = async (hash: string) => {
    await page.goto(`${server.url}#${hash}`);
    await page.waitForSelector('.lane');
  };
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
  const speed = (steps: number) => page.getByLabel('Steps a second').selectOption(String(steps));
  /** The latest scores of an agent. */
  const scores = async (lane: number) => {
    const cells = await page.locator(`table tbody tr:nth-child(${lane + 1}) td`).allTextContents();
    return cells.map(Number);
  };
  const stepsTaken = () => new URL(page.url()).hash.match(/steps=(\d+)/)?.[1];
  const episodes = async (lane: number) => Number(/episode (\d+)/.exec((await page.locator('.where').nth(lane).textContent())!)![1]);
  /** Plays until this many more episodes are over, then pauses. */
  const playOn = async (more: number) => {
    const until = (await episodes(0)) + more;
    await speed(100);
    await press('Play');
    await page.waitForFunction(n => Number(/episode (\d+)/.exec(document.querySelector('.where')!.textContent!)![1]) >= n, until);
    await press('Pause');
    await page.waitForSelector('[data-state=paused]');
  };
  const place = async (lane: number, role: string, cell: string) => {
    await page.getByLabel(`the ${role}`, { exact: true }).check();
    await page.locator(`[data-lane="${lane}"] [data-cell="${cell}"]`).click();
    await page.waitForSelector(`[data-lane="${lane}"] [data-role="${role}"][data-at="${cell}"]`);
  };
  const goalOf = (lane: number) => page.locator(`[data-lane="${lane}"] [data-role=goal]`).getAttribute('data-at');
  const last = (values: readonly number[], count: number) => values.slice(-count).reduce((a, b) => a + b, 0) / count;

  it('shows an agent that finds the goal that was clicked, forgets it when its memory is wiped, and finds it again', async () => {
    await open('world=dark-room&agents=dark-room,random&seed=4');
    await place(0, 'goal', '2,6');
    await playOn(14);
    // The goal is 4 steps away, and an episode has 20.
    expect(last(await scores(0), 3)).toBeGreaterThan(15);
    expect(last(await scores(1), 3)).toBeLessThan(last(await scores(0), 3));
    await press('Wipe');
    const before = await episodes(0);
    await playOn(2);
    const after = (await scores(0)).slice(before - (await episodes(0)));
    expect(Math.min(...after.slice(0, 2))).toBeLessThan(5);
    await playOn(12);
    expect(last(await scores(0), 3)).toBeGreaterThan(15);
  });

  it('sends an agent to the other goal when memories are exchanged, and keeps it there while Z is frozen', async () => {
    await open('world=dark-room&agents=dark-room,dark-room&seed=4');
    await place(0, 'goal', '2,6');
    await place(1, 'goal', '6,1');
    await playOn(14);
    expect(last(await scores(0), 2)).toBeGreaterThan(15);
    expect(last(await scores(1), 2)).toBeGreaterThan(13);
    await page.getByRole('button', { name: /^Exchange with/ }).click();
    await press('Freeze');
    await page.waitForSelector('.badge');
    // Its goal is where it was, but it goes to that of the other.
    await playOn(2);
    expect(last(await scores(0), 1)).toBeLessThan(3);
    await place(0, 'goal', '6,1');
    await playOn(3);
    expect(last(await scores(0), 2)).toBeGreaterThan(13);
  });

  it('follows a number of Z that is changed by hand', async () => {
    await open('world=dark-room&agents=dark-room&seed=4');
    await playOn(10);
    const picture = () =>
      page
        .locator('.heat-map canvas')
        .first()
        .evaluate(canvas => (canvas as HTMLCanvasElement).toDataURL());
    const before = await picture();
    await page.getByLabel('latent', { exact: true }).fill('2');
    await page.getByTestId('latent').fill('3');
    await expect.poll(picture).not.toBe(before);
    await expect.poll(() => page.url()).toMatch(/edits=0\.\d+\.latent\.32\.3000/);
  });

  it('restores a session from its address', async () => {
    await open('world=dark-room&agents=dark-room,source&seed=9');
    await playOn(4);
    await place(1, 'goal', '1,1');
    await press('Wipe');
    await playOn(3);
    const [url, shown] = [page.url(), await page.locator('table').textContent()];
    expect(Number(stepsTaken())).toBeGreaterThan(120);
    await page.goto('about:blank');
    await page.goto(url);
    await page.waitForSelector('.lane');
    await expect.poll(() => page.locator('table').textContent()).toBe(shown);
    expect(await goalOf(1)).toBe('1,1');
    expect(page.url()).toBe(url);
  });

  it('plays a model that is dropped on it, and says what is wrong with other files', async () => {
    await open('world=dark-room&agents=random&seed=1');
    await page.getByLabel('Your model').setInputFiles(join(ROOT, 'package.json'));
    await page.waitForSelector('.failure:has-text("E_CHECKPOINT")');
    await page.getByLabel('Your model').setInputFiles(readdirSync(MODEL).map(name => join(MODEL, name)));
    await page.waitForSelector('.lane h2:has-text("dropped")');
    await playOn(2);
    expect((await scores(0)).length).toBeGreaterThan(1);
  });

  it.each(['light', 'dark'] as const)('is accessible, and fits a phone: %s', async scheme => {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await open('world=dark-room&agents=dark-room,you&seed=1');
    await playOn(1);
    await page.getByLabel('the goal').check();
    await page.evaluate(axe.source);
    const { violations } = (await page.evaluate('axe.run()')) as { violations: { id: string; nodes: { html: string }[] }[] };
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });

  it('lets a person play by buttons and move things by keys', async () => {
    await open('world=dark-room&agents=you,source&seed=1');
    await page.getByLabel('the goal').check();
    const grid = page.locator('[data-lane="0"] svg');
    await grid.focus();
    for (const key of ['ArrowRight', 'ArrowDown', 'ArrowDown', 'Enter']) await grid.press(key);
    await expect.poll(() => goalOf(0)).toBe('1,2');
    for (const way of ['left', 'left', 'left', 'up', 'up'])
      await page.locator('[data-lane="0"]').getByRole('button', { name: way }).click();
    await expect.poll(() => page.locator('.where').first().textContent()).toMatch(/step 5, score 1/);
  });
});

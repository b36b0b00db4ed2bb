/** @file The playground in a browser: every control does what it says, and nothing is reported in the console. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RunningServer, servePlayground } from '../../src/server/index.ts';
import type { ListedModel } from '../../src/server/listed-model.ts';
import { fromLink } from '../../web/src/play/link.ts';
import { worldOf } from '../../web/src/play/worlds.ts';
import { executablePath, launchChromium } from '../helpers/chromium.ts';
import { ROOT } from '../helpers/command.ts';
import { expectChromium } from '../helpers/expect-chromium.ts';
import { AGENTS, openSession } from '../helpers/players.ts';
import { quietPage } from '../helpers/quiet-page.ts';

const MODEL = join(AGENTS, 'dark-room');
const LISTED: readonly ListedModel[] = JSON.parse(readFileSync(join(AGENTS, 'index.json'), 'utf8'));

expectChromium('the playground');

describe.skipIf(!executablePath)('the playground', () => {
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

  const open = async (hash: string) => {
    await page.goto(`${server.url}#${hash}`);
    await page.waitForSelector('.lane');
  };
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
  const speed = (steps: number) => page.getByLabel('Steps a second').selectOption(String(steps));
  /** The latest scores of an agent. */
  const scores = async (lane: number) => {
    const cells = await page.locator(`table tbody tr:nth-child(${lane + 1}) td`).allTextContents();
    // An agent that has finished fewer episodes than another one has empty cells at the end.
    return cells.filter(Boolean).map(Number);
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
    // At the end of an episode: in the middle of one it stands on the goal, so that it knows the goal again at once.
    await open('world=dark-room&agents=dark-room,random&seed=4&edits=0.0.move.goal.2.6&steps=280,280');
    await expect.poll(() => scores(0)).toHaveLength(14);
    expect(last(await scores(0), 3)).toBeGreaterThan(15);
    await press('Wipe');
    await playOn(12);
    const after = (await scores(0)).slice(14);
    expect(after[0]).toBeLessThan(5);
    expect(last(after, 3)).toBeGreaterThan(15);
  });

  it('begins again with what was moved where it is, even while a long session is restored', async () => {
    await open('world=dark-room&agents=dark-room,source&seed=4');
    await place(0, 'goal', '2,6');
    await playOn(1);
    await press('Start again');
    await expect.poll(stepsTaken).toBe('0');
    expect(await goalOf(0)).toBe('2,6');
    const other = await goalOf(1);
    expect(other).not.toBe('2,6');
    await page.getByLabel('Agent 2').selectOption('random');
    await page.waitForSelector('[data-lane="1"] h2:has-text("random")');
    expect([await goalOf(0), await goalOf(1)]).toEqual(['2,6', other]);
    await open('world=dark-room&agents=dark-room,source&seed=4&edits=0.9.move.goal.2.6&steps=100000,100000');
    await page.waitForSelector('progress');
    await press('Start again');
    await page.waitForSelector('[data-lane="0"] [data-role=goal][data-at="2,6"]');
    await expect.poll(stepsTaken).toBe('0');
    await press('Step');
    await expect.poll(stepsTaken).toBe('1');
  });

  it('takes no step after a pause, and none of a session that was replaced', async () => {
    await open('world=dark-room&agents=dark-room,source&seed=4');
    await speed(1);
    await press('Play');
    const where = () => page.locator('.where').first().textContent();
    await expect.poll(where).toMatch(/step 2\b/);
    await press('Pause');
    // A step that had begun ends; on a busy machine there was time for more than two.
    await page.waitForTimeout(500);
    const paused = await where();
    // The next step would have been due by now.
    await page.waitForTimeout(1200);
    expect(await where()).toBe(paused);
    await press('Play');
    await press('Start again');
    await page.waitForTimeout(1200);
    await expect.poll(stepsTaken).toBe('0');
    expect(await where()).toMatch(/step 0\b/);
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
    // Keys that follow one another faster than Z is drawn.
    await page.getByTestId('latent').evaluate(slider => {
      const input = slider as HTMLInputElement;
      for (let press = 0; press < 4; press++) {
        input.stepDown();
        input.dispatchEvent(new Event('change', { bubbles: true }));
      }
    });
    await expect.poll(() => page.url()).toMatch(/latent\.32\.2950~.*2900~.*2850~.*latent\.32\.2800/);
    await expect.poll(() => page.getByTestId('latent').inputValue()).toBe('2.8');
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
    const link = page.url();

    const files = readdirSync(MODEL).map(name => ({ name, mimeType: '', buffer: readFileSync(join(MODEL, name)) }));
    const drop = (changed: string, buffer: Buffer) =>
      page.getByLabel('Your model').setInputFiles(files.map(file => (file.name === changed ? { ...file, buffer } : file)));
    await drop('model.json', Buffer.from('{'));
    await page.waitForSelector('.failure:has-text("E_CHECKPOINT"):has-text("model.json of dropped-2")');
    const step = readFileSync(join(MODEL, 'step.onnx'));
    step[step.length >> 1] ^= 1;
    await drop('step.onnx', step);
    await page.waitForSelector('.failure:has-text("E_CHECKPOINT"):has-text("step.onnx of dropped-2")');
    // The agent with the same description that comes with the page is as it was.
    await page.getByLabel('Agent 1').selectOption('dark-room');
    await page.waitForSelector('.lane h2:has-text("CAD")');
    await press('Step');
    await expect.poll(stepsTaken).toBe('1');

    // The whole address is in the message, which must not widen the page.
    await page.setViewportSize({ width: 390, height: 800 });
    await page.goto('about:blank');
    await open(new URL(link).hash.slice(1));
    await page.waitForSelector('.failure:has-text("E_CHECKPOINT"):has-text("dropped")');
    await page.goto('about:blank');
    await open('world=nowhere&agents=random&seed=1');
    await page.waitForSelector('.failure:has-text("E_CONFIG"):has-text("nowhere")');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });

  it('saves the steps of a person alone, and none before the first', async () => {
    await open('world=dark-room&agents=you&seed=1');
    const save = page.getByRole('button', { name: 'Save an SVG' });
    await expect.poll(() => save.isDisabled()).toBe(true);
    for (let step = 0; step < 3; step++) await page.locator('[data-lane="0"]').getByRole('button', { name: 'right' }).click();
    await expect.poll(() => save.isEnabled()).toBe(true);
    const saved = page.waitForEvent('download');
    await save.click();
    const text = readFileSync(await (await saved).path(), 'utf8');
    expect(text.match(/<g visibility=/g)).toHaveLength(3);
  });

  it.each(['light', 'dark'] as const)('is accessible, and fits a phone: %s', async scheme => {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await open('world=dark-room&agents=dark-room,you&seed=1');
    await playOn(1);
    await page.getByLabel('the goal').check();
    await expectAccessible();
  });

  it.each([
    ['t-maze', 'light', 'the cue, in a new episode'],
    ['t-maze', 'dark', 'the cue, in a new episode'],
    ['delayed-bandit', 'light', 'the best arm'],
    ['delayed-bandit', 'dark', 'the mean of an arm'],
  ] as const)('is accessible, and fits a phone: %s, %s', async (world, scheme, moves) => {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await open(`world=${world}&agents=source,you&seed=1`);
    await press('Step');
    await page.getByLabel(moves, { exact: true }).check();
    await expectAccessible();
  });

  const expectAccessible = async () => {
    await page.evaluate(axe.source);
    const { violations } = (await page.evaluate('axe.run()')) as { violations: { id: string; nodes: { html: string }[] }[] };
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  };

  it('lets a person play by buttons and move things by keys', async () => {
    await open('world=dark-room&agents=you,source&seed=1');
    await page.getByLabel('the goal').check();
    const grid = page.locator('[data-lane="0"] svg');
    await grid.focus();
    for (const key of ['ArrowRight', 'ArrowDown', 'ArrowDown', 'Enter']) await grid.press(key);
    await expect.poll(() => goalOf(0)).toBe('1,2');
    expect(await page.locator('[data-lane="0"] [role=status]').textContent()).toContain('column 2, row 3');
    for (const way of ['left', 'left', 'left', 'up', 'up'])
      await page.locator('[data-lane="0"]').getByRole('button', { name: way }).click();
    await expect.poll(() => page.locator('.where').first().textContent()).toMatch(/step 5, score 1/);
  });

  it('opens a world with its own agents and speed, and the cue of a T-maze is chosen by clicks and keys', async () => {
    await open('world=dark-room&agents=random&seed=1');
    await page.getByLabel('World').selectOption('t-maze');
    await page.waitForSelector('.lane .wall');
    const inWorld = LISTED.filter(({ env }) => env.id === 't-maze').map(({ label }) => label);
    expect(inWorld.length).toBeGreaterThan(1);
    expect(await page.locator('.lane h2').allTextContents()).toEqual(inWorld.slice(0, 2));
    expect(await page.getByLabel('Steps a second').inputValue()).toBe('1000');
    await page.getByLabel('Moves to the junction').selectOption('100');
    await expect.poll(() => page.url(), { timeout: 10_000 }).toMatch(/options=.*shortest.*100/);
    await press('Step');
    await page.getByLabel('the cue, in a new episode').check();
    await page.locator('[data-lane="0"] [data-cell="0,0"]').click();
    await expect.poll(() => goalOf(0)).toBe('20,0');
    await expect.poll(() => page.locator('.where').first().textContent()).toMatch(/step 0/);
    const corridor = page.locator('[data-lane="0"] svg');
    await corridor.focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'Enter']) await corridor.press(key);
    await expect.poll(() => goalOf(0)).toBe('20,2');
    await press('Play');
    await page.waitForFunction(() => /episode [3-9]/.test(document.querySelector('.where')!.textContent!));
    await press('Pause');
    await page.waitForSelector('[data-state=paused]');
    expect((await scores(0)).every(score => score === 1)).toBe(true);
    const [url, shown] = [page.url(), await page.locator('table').textContent()];
    await page.goto('about:blank');
    await page.goto(url);
    await expect.poll(() => page.locator('table').textContent()).toBe(shown);
  });

  it('changes the arms of a bandit, which a person pulls by buttons and digits', async () => {
    await open('world=delayed-bandit&agents=you,source&seed=1');
    const bar = (lane: number, arm: number, what: string) => page.locator(`[data-lane="${lane}"] [data-bar="${arm}"]`).getAttribute(what);
    const best = async (lane: number) =>
      Promise.all([0, 1, 2, 3, 4].map(async arm => (await bar(lane, arm, 'data-roles'))!.includes('goal')));
    const other = (await best(0)).indexOf(false);
    await page.getByLabel('the best arm').check();
    await page.locator(`[data-lane="0"] [data-cell="0,${other}"]`).click();
    await expect.poll(async () => (await best(0)).indexOf(true)).toBe(other);
    expect((await best(1)).indexOf(true)).not.toBe(other);
    await page.getByLabel('the mean of an arm').check();
    const arms = page.locator('[data-lane="0"] svg');
    await arms.focus();
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowDown', 'Enter']) await arms.press(key);
    await expect.poll(() => bar(0, 1, 'data-value')).toBe('0.15');
    await page.locator('[data-lane="0"]').getByRole('button', { name: 'arm 3' }).click();
    await page.keyboard.press('2');
    await expect.poll(() => page.locator('.where').first().textContent()).toMatch(/step 2/);
    await expect.poll(() => bar(0, 1, 'data-roles')).toContain('agent');
    await expect.poll(() => page.url()).toMatch(/edits=0\.0\.move\.goal.*~0\.0\.move\.mean\.2\.1~0\.0\.act\.3~0\.1\.act\.1/);
    await page.getByLabel('Delay').selectOption('200');
    await expect.poll(() => page.url()).toMatch(/delay.*200/);
  });

  it.each([...new Set(LISTED.map(({ env }) => env.id))])('takes the same actions as in Node: %s', async world => {
    const own = LISTED.filter(({ env }) => env.id === world).map(({ name }) => name);
    const agents = [own[0], own[1] ?? 'source'];
    const options = world === 't-maze' ? '&options={"shortest":200,"longest":200}' : '';
    const role = worldOf(world).places[0].role;
    const hash = `world=${world}${options}&agents=${agents}&seed=5&edits=0.250.move.${role}.2.0~0.600.wipe&steps=900,900`;
    await open(hash);
    await page.waitForSelector('[data-state=paused]');
    const linked = fromLink(`#${hash}`, () => []);
    const session = await openSession(linked);
    await session.replay(linked.steps, linked.edits);
    const views = await session.view();
    await expect.poll(() => page.locator('.where').allTextContents()).toHaveLength(2);
    for (const [lane, { scores: expected, action, step }] of views.entries()) {
      const latest = expected.slice(-30).map(score => Number(score.toFixed(2)));
      await expect.poll(() => scores(lane)).toEqual(latest);
      expect(latest.length).toBeGreaterThan(3);
      const card = page.locator(`[data-lane="${lane}"]`);
      expect(await card.locator('.chosen span').textContent()).toBe(worldOf(world).actions[action]);
      if (!worldOf(world).window) expect(await card.locator('.where').textContent()).toMatch(new RegExp(`step ${step},`));
    }
  });
});

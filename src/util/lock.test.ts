import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { claim } from './lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-lock-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { signal } = new AbortController();
/** The process that started the tests: not ours, and alive. */
const other = process.ppid;
const held = (name: string, holder: unknown) => {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(holder));
  return path;
};

it('names its process while it is held, and is gone afterwards', async () => {
  const path = join(folder, 'free');
  const release = await claim(path, { signal });
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ pid: process.pid, host: hostname() });
  release();
  expect(existsSync(path)).toBe(false);
});

it('is waited for, and says whose it is, once', async () => {
  const path = held('busy', { pid: other, host: hostname() });
  const said: string[] = [];
  const claimed = claim(path, {
    signal,
    onWait(whose) {
      said.push(whose);
      rmSync(path);
    },
  });
  (await claimed)();
  expect(said).toEqual([`process ${other} on ${hostname()} (if it is not there, delete ${path})`]);
});

it('is taken over from a process of this machine that is gone, or had our own number before us', async () => {
  // No process has this number: it is above the largest that Linux gives.
  for (const pid of [2 ** 22 + 1, process.pid]) {
    const path = held(`abandoned-${pid}`, { pid, host: hostname() });
    (await claim(path, { signal }))();
    expect(existsSync(path)).toBe(false);
  }
});

it('of another machine is left alone, and an interrupt ends the waiting', async () => {
  const path = held('far', { pid: 2 ** 22 + 1, host: 'far away' });
  const controller = new AbortController();
  const reason = new Error('enough');
  await expect(claim(path, { signal: controller.signal, onWait: () => controller.abort(reason) })).rejects.toBe(reason);
  expect(existsSync(path)).toBe(true);
});

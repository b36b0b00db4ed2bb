import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { carrying, failure } from '../../test/helpers/failure.ts';
import { claim } from './lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-lock-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { signal } = new AbortController();
/** No process has this number: it is above the largest that Linux gives. */
const NOBODY = 2 ** 22 + 1;
/** A lock as this process writes it. */
const holder = await (async () => {
  const path = join(folder, 'sample');
  const release = await claim(path, { signal });
  const written = JSON.parse(readFileSync(path, 'utf8'));
  release();
  // As if nobody had handed out the work: these tests may run in a process that was given them.
  return { ...written, group: undefined };
})();
const held = (name: string, value: unknown) => {
  const path = join(folder, name);
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
};
/** What is reported while a lock is waited for until `silence` milliseconds are over, or until `whenReported`. */
async function taken(path: string, { silence = 60_000, whenReported = () => {} }: { silence?: number; whenReported?: () => void } = {}) {
  const reported: string[] = [];
  const onWait = (news: string) => {
    reported.push(news);
    whenReported();
  };
  (await claim(path, { signal, onWait, silence }))();
  expect(existsSync(path)).toBe(false);
  expect(readdirSync(folder).filter(name => join(folder, name).startsWith(`${path}.`))).toEqual([]);
  return reported;
}

it('names its process while it is held, shows that it lives, and is gone afterwards', async () => {
  const path = join(folder, 'free');
  const release = await claim(path, { signal, beat: 10 });
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() });
  utimesSync(path, new Date(0), new Date(0));
  while (statSync(path).mtimeMs === 0) await new Promise(resolve => setTimeout(resolve, 5));
  release();
  expect(existsSync(path)).toBe(false);
});

it('is waited for, and says once whose it is and what to do', async () => {
  const path = held('busy', { ...holder, token: 'other' });
  const reported = await taken(path, { whenReported: () => rmSync(path) });
  expect(reported).toEqual([carrying(process.pid, hostname(), `kill ${process.pid}`)]);
});

it('advises to stop the whole command of a job, which would fail without it', async () => {
  const path = held('job', { ...holder, group: 4_194_305 });
  const [news] = await taken(path, { whenReported: () => rmSync(path) });
  expect(news).toEqual(carrying(process.pid, 'kill 4194305'));
});

it('says so when a process of the same command has it', async () => {
  const path = held('sibling', { ...holder, group: process.connected ? process.ppid : undefined });
  const reported = await taken(path, { whenReported: () => rmSync(path) });
  expect(reported).toHaveLength(1);
  expect(reported[0].includes('kill')).toBe(!process.connected);
});

describe.runIf(process.platform === 'linux')('is taken over at once', () => {
  it.each([
    ['from a process that is gone', { pid: NOBODY, started: '1' }],
    ['from one whose number another process has', { pid: process.ppid, started: '1' }],
  ])('%s', async (_, other) => {
    const reported = await taken(held('abandoned', { ...holder, ...other }));
    expect(reported).toEqual([]);
  });

  it('from a zombie', async () => {
    // The shell starts a process that ends, and becomes a program that never asks for its end.
    const parent = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const pid = Number(String((await once(parent.stdout, 'data'))[0]));
      const stat = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ');
      while (stat()[2] !== 'Z') await new Promise(resolve => setTimeout(resolve, 5));
      expect(await taken(held('zombie', { ...holder, pid, started: stat()[21] }))).toEqual([]);
    } finally {
      parent.kill('SIGKILL');
    }
  });
});

it('is taken over from another host, boot or container when there is no sign of life, and not before', async () => {
  const path = held('far', { ...holder, host: 'far', place: 'far' });
  let signs = 0;
  const lives = setInterval(() => {
    utimesSync(path, new Date(), new Date(++signs));
    if (signs === 20) clearInterval(lives);
  }, 50);
  const reported = await taken(path, { silence: 900 });
  expect(signs).toBe(20);
  expect(reported).toEqual([carrying('far', holder.pid, path), carrying('far')]);
});

it.concurrent.each([
  '',
  '{',
  '{}',
  '7',
  'null',
  '[]',
  '{"pid":0}',
  JSON.stringify({ ...holder, pid: -1 }),
  JSON.stringify({ ...holder, pid: 0 }),
])('that reads %j is taken over after a moment, with a note', async text => {
  const reported = await taken(held(`unreadable-${Buffer.from(text).toString('hex').slice(-40)}`, text), { silence: 300 });
  expect(reported.at(-1)).toContain('unreadable-');
});

it('explains that something else is in its place', async () => {
  mkdirSync(join(folder, 'is-a-folder'));
  symlinkSync('nowhere', join(folder, 'is-a-link'));
  for (const name of ['is-a-folder', 'is-a-link'])
    await expect(claim(join(folder, name), { signal })).rejects.toThrow(failure('E_DISK', name));
});

it('is left alone when an interrupt ends the waiting', async () => {
  const path = held('kept', { ...holder, host: 'far', place: 'far' });
  const controller = new AbortController();
  const reason = new Error('enough');
  await expect(claim(path, { signal: controller.signal, onWait: () => controller.abort(reason) })).rejects.toBe(reason);
  expect(existsSync(path)).toBe(true);
});

it.runIf(process.platform === 'linux')(
  'is never held twice, whichever process dies',
  async () => {
    const out = join(folder, 'stress');
    mkdirSync(out);
    const script = new URL('../../test/helpers/lock-stress.ts', import.meta.url);
    const entered = { rounds: 0, overlaps: 0 };
    const begin = (): ChildProcess => {
      const child = fork(script, [out], { execArgv: ['--import', 'tsx'] });
      child.on('message', (overlap: boolean) => {
        entered.rounds++;
        if (overlap) entered.overlaps++;
      });
      return child;
    };
    const children = Array.from({ length: 4 }, begin);
    for (let kills = 0; kills < 3; kills++) {
      const before = entered.rounds;
      while (entered.rounds < before + 200) await new Promise(resolve => setTimeout(resolve, 5));
      children[kills % 4].kill('SIGKILL');
      await once(children[kills % 4], 'exit');
      children[kills % 4] = begin();
    }
    for (const child of children) child.kill('SIGKILL');
    expect(entered.overlaps).toBe(0);
  },
  60_000,
);

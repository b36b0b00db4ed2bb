import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { runPool } from './pool.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-pool-'));
afterAll(() => rmSync(folder, { recursive: true }));

it.skipIf(process.platform === 'win32').each([
  ['SIGHUP', 'E_INTERRUPTED'],
  ['SIGINT', 'E_INTERRUPTED'],
  ['SIGTERM', 'E_INTERRUPTED'],
  ['SIGKILL', 'E_EXECUTOR'],
] as const)('a process that %s ends before it can answer: %s', async (name, code) => {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, `process.on('message', () => process.kill(process.pid, '${name}'));`);
  const { signal } = new AbortController();
  const work = runPool({ module: pathToFileURL(file), jobs: [0, 1], processes: 2, signal });
  await expect(work).rejects.toThrow(failure(code, name));
});

it('ends when a process exits before it receives the request to stop', async () => {
  const file = join(folder, 'gone.mjs');
  writeFileSync(
    file,
    `process.on('message', ({ job }) => {
      if (job === 1) return setTimeout(() => process.kill(process.pid, 'SIGKILL'), 200);
      if (job === 0) process.send({ note: { text: '' } }, () => setTimeout(() => process.send({ failed: { message: 'no', known: 'E_DATA' } }), 100));
    });`,
  );
  // Held up by the note, the pool reads that the first job failed while the second process, already gone, still seems to listen.
  const onNote = () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
  const { signal } = new AbortController();
  const work = runPool({ module: pathToFileURL(file), jobs: [0, 1], processes: 2, signal, onNote });
  await expect(work).rejects.toThrow(failure('E_DATA'));
});

it('runs jobs in order, each when it is ready, in as few processes as that takes', async () => {
  const file = join(folder, 'ready.mjs');
  writeFileSync(
    file,
    `process.on('message', ({ job }) => process.send({ note: { text: String(process.pid), stays: true } }, () => process.send({ done: true })));
    process.on('disconnect', () => process.exit());`,
  );
  const { signal } = new AbortController();
  const done: string[] = [];
  const processes = new Set<string>();
  await runPool({
    module: pathToFileURL(file),
    jobs: ['third', 'second', 'first', 'last'],
    processes: 3,
    signal,
    isReady: job => job === 'first' || done.includes({ third: 'second', second: 'first' }[job] ?? 'third'),
    onNote: (_, { text: pid }) => void processes.add(pid),
    onDone: job => void done.push(job),
  });
  expect(done).toEqual(['first', 'second', 'third', 'last']);
  expect(processes.size).toBe(1);
});

it('tells which job failed, and starts no other', async () => {
  const file = join(folder, 'failed.mjs');
  writeFileSync(
    file,
    `process.on('message', ({ job }) => job && process.send(job === 'bad' ? { failed: { message: 'no', known: 'E_DATA' } } : { done: true }));
    process.on('disconnect', () => process.exit());`,
  );
  const { signal } = new AbortController();
  const [done, failed]: [string[], string[]] = [[], []];
  const work = runPool({
    module: pathToFileURL(file),
    jobs: ['good', 'bad', 'other'],
    processes: 1,
    signal,
    onDone: job => void done.push(job),
    onFailed: job => void failed.push(job),
  });
  await expect(work).rejects.toThrow(failure('E_DATA'));
  expect([done, failed]).toEqual([['good'], ['bad']]);
});

it('names no job as failed when it is interrupted', async () => {
  const file = join(folder, 'stopped.mjs');
  writeFileSync(
    file,
    `const answer = stop => (stop ? { failed: { message: '', known: 'E_INTERRUPTED' } } : { note: { text: '' } });
    process.on('message', ({ stop }) => process.send(answer(stop), () => {}));
    process.on('disconnect', () => process.exit());`,
  );
  const controller = new AbortController();
  const reason = new Error('stop');
  const failed: string[] = [];
  const work = runPool({
    module: pathToFileURL(file),
    jobs: ['one', 'two'],
    processes: 1,
    signal: controller.signal,
    onNote: () => controller.abort(reason),
    onFailed: job => void failed.push(job),
  });
  await expect(work).rejects.toBe(reason);
  expect(failed).toEqual([]);
});

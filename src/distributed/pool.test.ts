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
      if (job === 0) process.send({ note: '' }, () => setTimeout(() => process.send({ failed: { message: 'no', known: 'E_DATA' } }), 100));
    });`,
  );
  // Held up by the note, the pool reads that the first job failed while the second process, already gone, still seems to listen.
  const onNote = () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
  const { signal } = new AbortController();
  const work = runPool({ module: pathToFileURL(file), jobs: [0, 1], processes: 2, signal, onNote });
  await expect(work).rejects.toThrow(failure('E_DATA'));
});

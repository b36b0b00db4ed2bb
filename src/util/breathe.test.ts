import { expect, it } from 'vitest';
import { breathe } from './breathe.ts';

it.skipIf(process.platform === 'win32')('lets a signal reach work that never waits for anything', async () => {
  const controller = new AbortController();
  process.once('SIGUSR2', () => controller.abort(new Error('enough')));
  process.kill(process.pid, 'SIGUSR2');
  let pieces = 0;
  const work = async () => {
    for (; pieces < 1000; pieces++) await breathe(controller.signal);
  };
  await expect(work()).rejects.toThrow('enough');
  expect(pieces).toBeLessThan(1000);
});

import { expect, it } from 'vitest';
import { breathe, breathing } from './breathe.ts';
import { atOnce, type Pieces } from './pieces.ts';

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

it('lets a signal end work that comes in pieces, between two of them', async () => {
  const controller = new AbortController();
  let pieces = 0;
  const work = function* (): Pieces<string> {
    for (; pieces < 1000; pieces++) {
      if (pieces === 10) setImmediate(() => controller.abort(new Error('enough')));
      yield;
    }
    return 'all';
  };
  await expect(breathing(work(), controller.signal)).rejects.toThrow('enough');
  expect(pieces).toBeLessThan(20);
  pieces = 990;
  expect(await breathing(work(), new AbortController().signal)).toBe('all');
  pieces = 0;
  expect(atOnce(work())).toBe('all');
});

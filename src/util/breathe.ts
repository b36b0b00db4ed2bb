/** @file Long work in pieces: signals reach a process only between two pieces of JavaScript, never within one. Node only. */

import { setImmediate } from 'node:timers/promises';
import type { Pieces } from './pieces.ts';

/** To be called between the pieces of long work: lets signals through, and throws the reason of one that was aborted. */
export async function breathe(signal: AbortSignal): Promise<void> {
  await setImmediate();
  signal.throwIfAborted();
}

/** All pieces of the work, with a breath before each. */
export async function breathing<T>(work: Pieces<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    await breathe(signal);
    const { done, value } = work.next();
    if (done) return value;
  }
}

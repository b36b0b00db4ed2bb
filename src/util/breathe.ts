/** @file Long work in pieces: signals reach a process only between two pieces of JavaScript, never within one. Node only. */

import { setImmediate } from 'node:timers/promises';

/** To be called between the pieces of long work: lets signals through, and throws the reason of one that was aborted. */
export async function breathe(signal: AbortSignal): Promise<void> {
  await setImmediate();
  signal.throwIfAborted();
}

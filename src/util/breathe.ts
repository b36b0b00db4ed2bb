/** @file Runs long work piece by piece so that signals (Ctrl-C) are handled: JavaScript delivers them only between pieces. */

import type { Pieces } from './pieces.ts';

/** Pages have no `setImmediate`. A timer would wait for a millisecond in Node, and for four in a page. */
const later: (run: () => void) => unknown = globalThis.setImmediate ?? bySending;

/** Runs it as a task of its own, as soon as those that wait are done. */
function bySending(run: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    run();
  };
  port2.postMessage(undefined);
}

/** Yields to the event loop between pieces of long work. Rejects with the signal's reason once it is aborted. */
export async function breathe(signal: AbortSignal): Promise<void> {
  await new Promise<void>(later);
  signal.throwIfAborted();
}

/** Runs all pieces of the work, yielding to the event loop before each one. */
export async function breathing<T>(work: Pieces<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    await breathe(signal);
    const { done, value } = work.next();
    if (done) return value;
  }
}

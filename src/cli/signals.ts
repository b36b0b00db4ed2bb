/** @file SIGINT, SIGTERM and SIGHUP: the first asks the running stage to save and stop, the second ends the process at once. */

import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { CadenzaError } from '../util/errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Milliseconds in which one stop may arrive twice: npm and timeout(1) pass on what the whole group of processes gets. */
const ONE_STOP = 500;

let received: { readonly name: (typeof SIGNALS)[number]; readonly at: number } | undefined;

/** By convention 128 + the signal's number (130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP); undefined when none came. */
export function interruptStatus(): number | undefined {
  return received && 128 + constants.signals[received.name];
}

/**
 * A signal that the first SIGINT, SIGTERM or SIGHUP aborts; its reason is the `E_INTERRUPTED` to throw, with how to go on. Call once a process.
 *
 * SIGHUP says that the terminal is gone. Without a terminal, as under nohup, it says nothing, and the work goes on. (That nohup asked for
 * this signal to be ignored cannot be seen: Node resets it when it starts.)
 */
export function interruptSignal(goOn = 'the same command continues'): AbortSignal {
  const controller = new AbortController();
  const onTerminal = [0, 1, 2].some(isatty);
  for (const name of SIGNALS) {
    process.on(name, () => {
      if (name === 'SIGHUP' && (received || !onTerminal)) return;
      if (!received) {
        received = { name, at: performance.now() };
        // On a terminal there may be a bar in this line, and a ^C in it.
        process.stderr.write(
          `${process.stderr.isTTY ? '\r\x1b[K' : ''}cadenza: ${name} received, saving; once more to stop at once without saving\n`,
        );
        controller.abort(new CadenzaError('E_INTERRUPTED', `stopped by ${name}; ${goOn}`));
      } else if (performance.now() - received.at > ONE_STOP) process.exit(interruptStatus());
    });
  }
  return controller.signal;
}

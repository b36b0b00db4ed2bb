/** @file SIGINT and SIGTERM: the first asks the running stage to save and stop, the second ends the process at once. */

import { constants } from 'node:os';
import { CadenzaError } from '../util/errors.ts';

let received: 'SIGINT' | 'SIGTERM' | undefined;

/** By convention 128 + the signal's number (130 for SIGINT, 143 for SIGTERM); undefined when none came. */
export function interruptStatus(): number | undefined {
  return received && 128 + constants.signals[received];
}

/** A signal that the first SIGINT or SIGTERM aborts; its reason is the `E_INTERRUPTED` to throw, with how to go on. Call once a process. */
export function interruptSignal(goOn = 'the same command continues'): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (received) process.exit(interruptStatus());
      received = name;
      process.stderr.write(`\ncadenza: ${name} received, saving; once more to stop at once without saving\n`);
      controller.abort(new CadenzaError('E_INTERRUPTED', `stopped by ${name}; ${goOn}`));
    });
  }
  return controller.signal;
}

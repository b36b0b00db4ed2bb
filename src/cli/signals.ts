/**
 * @file SIGINT, SIGTERM and SIGHUP. In a command that runs stages, the first asks the running stage to save and stop, and the second ends the
 * process at once; any other command ends at the first.
 */

import { writeSync } from 'node:fs';
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

/** Ends the process with one line: what SIGINT and SIGTERM do until `interruptSignal` is called. */
function end(name: 'SIGINT' | 'SIGTERM'): never {
  received = { name, at: performance.now() };
  const [code, message] = ['E_INTERRUPTED', `stopped by ${name}; no file is left half-written`];
  if (process.argv.includes('--json')) writeSync(1, `${JSON.stringify({ error: { code, message } })}\n`);
  else writeSync(2, `cadenza: [${code}] ${message}\n`);
  process.exit(interruptStatus());
}

/** Lets SIGINT and SIGTERM end any command with one line. To be called before anything takes time. */
export function endOnSignal(): void {
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
}

/** How to go on after an interrupt of a command that continues from what it finished. */
export const continues = ({ fresh }: { fresh?: boolean }): string =>
  fresh ? 'the same command without --fresh continues' : 'the same command continues';

/**
 * A signal that the first SIGINT, SIGTERM or SIGHUP aborts; its reason is the `E_INTERRUPTED` to throw, with how to go on. Call once a process.
 *
 * SIGHUP says that the terminal is gone. Without a terminal, as under nohup, it says nothing, and the work goes on. (That nohup asked for
 * this signal to be ignored cannot be seen: Node resets it when it starts.)
 */
export function interruptSignal(goOn = continues({})): AbortSignal {
  const controller = new AbortController();
  const onTerminal = [0, 1, 2].some(isatty);
  for (const name of SIGNALS) {
    process.off(name, end);
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

/**
 * @file SIGINT, SIGTERM and SIGHUP. In a command that runs stages, the first signal lets the running stage save and stop, and a second one
 * ends the process immediately. Other commands end at the first signal.
 */

import { writeSync } from 'node:fs';
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { CadenzaError } from '../util/errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Milliseconds in which repeated signals count as one: npm and timeout(1) forward signals that the process group also receives. */
const ONE_STOP = 500;

let received: { readonly name: (typeof SIGNALS)[number]; readonly at: number } | undefined;

/** By convention 128 + the signal's number (130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP); undefined without a signal. */
export function interruptStatus(): number | undefined {
  return received && 128 + constants.signals[received.name];
}

/** Ends the process with a one-line message. Handles SIGINT and SIGTERM until `interruptSignal` is called. */
function end(name: 'SIGINT' | 'SIGTERM'): never {
  received = { name, at: performance.now() };
  const [code, message] = ['E_INTERRUPTED', `stopped by ${name}; no file is incomplete`];
  if (process.argv.includes('--json')) writeSync(1, `${JSON.stringify({ error: { code, message } })}\n`);
  else writeSync(2, `cadenza: [${code}] ${message}\n`);
  process.exit(interruptStatus());
}

/** Makes SIGINT and SIGTERM end any command with a one-line message. Call it at startup. */
export function endOnSignal(): void {
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
}

/** Resolves at the first SIGINT or SIGTERM, which is the usual end of a server. Call once per process. */
export function endOfService(): Promise<void> {
  return new Promise(resolve => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.off(name, end);
      process.once(name, () => resolve());
    }
  });
}

/** How to resume an interrupted command, in words. */
export const continues = ({ fresh }: { fresh?: boolean }): string =>
  fresh ? 'run the same command without --fresh to resume' : 'run the same command to resume';

/**
 * A signal that the first SIGINT, SIGTERM or SIGHUP aborts. Its reason is the `E_INTERRUPTED` error to throw, which says how to resume. Call
 * once per process.
 *
 * SIGHUP means that the terminal was closed. Without a terminal, as under nohup, it is ignored and the work continues. (Node resets the
 * signal handlers at startup, so it cannot see that nohup asked to ignore SIGHUP.)
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
        // On a terminal, this line may contain a progress bar and ^C.
        process.stderr.write(
          `${process.stderr.isTTY ? '\r\x1b[K' : ''}cadenza: ${name} received, saving; repeat to stop immediately without saving\n`,
        );
        controller.abort(new CadenzaError('E_INTERRUPTED', `stopped by ${name}; ${goOn}`));
      } else if (performance.now() - received.at > ONE_STOP) process.exit(interruptStatus());
    });
  }
  return controller.signal;
}

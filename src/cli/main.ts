#!/usr/bin/env node

/** @file The command line. Results go to stdout, progress and errors to stderr, and every failure has its own exit status. */

import { endOnSignal } from './signals.ts';

endOnSignal();
// Loaded only now: a signal must not meet a process that is still loading, and would end without a word.
const { CadenzaError } = await import('../util/errors.ts');
const { reportFailure } = await import('./failure.ts');
const { buildProgram } = await import('./program.ts');

const fail = (error: unknown) => reportFailure(error, { json: process.argv.includes('--json') });

/** The exit status after output: a reader that closed early (`| head`) is no failure, and the work goes on. */
function written(error: NodeJS.ErrnoException | null | undefined, status: number): number {
  if (!error || error.code === 'EPIPE') return status;
  const advice = 'Send it somewhere else, or free some space, and run the command again.';
  return reportFailure(new CadenzaError('E_DISK', `the output cannot be written: ${error.message}. ${advice}`), { json: false });
}

let status = 0;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.exit(written(error, status));
});
// Progress that nobody can be shown is no reason to stop.
process.stderr.on('error', () => {});
// Whatever escapes a promise that nobody waits for is reported like the rest.
process.on('uncaughtException', error => process.exit(fail(error)));

try {
  await buildProgram().parseAsync();
} catch (error) {
  status = fail(error);
}
// Exit by hand once stdout is written: a worker or session that an aborted stage left behind must not keep the process alive.
process.stdout.write('', error => process.exit(written(error, status)));

#!/usr/bin/env node

/** @file The command line. Results go to stdout, progress and errors to stderr. Each error code has its own exit status. */

import { endOnSignal } from './signals.ts';

endOnSignal();
// Loaded after signal handlers are set, so that a signal during loading also ends with a message.
const { CadenzaError } = await import('../util/errors.ts');
const { reportFailure } = await import('./failure.ts');
const { buildProgram } = await import('./program.ts');

const fail = (error: unknown) => reportFailure(error, { json: process.argv.includes('--json') });

/** The exit status after output. A reader that closes early (`| head`) is not a failure. */
function written(error: NodeJS.ErrnoException | null | undefined, status: number): number {
  if (!error || error.code === 'EPIPE') return status;
  const advice = 'Redirect the output elsewhere or free some space, then run the command again.';
  return reportFailure(new CadenzaError('E_DISK', `cannot write the output: ${error.message}. ${advice}`), { json: false });
}

let status = 0;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.exit(written(error, status));
});
// Ignore errors of stderr: progress output is optional.
process.stderr.on('error', () => {});
// Report unhandled rejections like other failures.
process.on('uncaughtException', error => process.exit(fail(error)));

try {
  await buildProgram().parseAsync();
} catch (error) {
  status = fail(error);
}
// Exit explicitly after stdout is written, because a worker or session of an aborted stage would keep the process alive.
process.stdout.write('', error => process.exit(written(error, status)));

#!/usr/bin/env node

/** @file The command line. Results go to stdout, progress and errors to stderr, and every failure has its own exit status. */

import { reportFailure } from './failure.ts';
import { buildProgram } from './program.ts';

// A reader that closed early (`| head`) is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 74));

const fail = (error: unknown) => reportFailure(error, { json: process.argv.includes('--json') });
// Whatever escapes a promise that nobody waits for is reported like the rest.
process.on('uncaughtException', error => process.exit(fail(error)));

let status: number;
try {
  await buildProgram().parseAsync();
  status = 0;
} catch (error) {
  status = fail(error);
}
// Exit by hand once stdout is written: a worker or session that an aborted stage left behind must not keep the process alive.
process.stdout.write('', () => process.exit(status));

/** @file How a failure ends the program: one paragraph of text, or JSON, and an exit status. */

import { CommanderError } from 'commander';
import { CadenzaError } from '../util/errors.ts';
import { diskFault, shownPath } from '../util/files.ts';
import { explainLoading } from '../util/native.ts';
import { printable } from '../util/text.ts';
import { interruptStatus } from './signals.ts';

/** Exit status of an unexpected failure (EX_SOFTWARE of sysexits.h). */
const EXIT_BUG = 70;

/** Prints the failure and returns the exit status: 0 for help and version texts, which commander also throws. */
export function reportFailure(thrown: unknown, { json }: { json: boolean }): number {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
  const { code, message, status } = toFailure(thrown);
  // Messages may quote text from data files.
  const complain = (text: string) => process.stderr.write(`${printable(text)}\n`);
  if (json) process.stdout.write(`${printable(JSON.stringify({ error: { code, message } }))}\n`);
  else complain(`cadenza: [${code}] ${message}`);
  if (status === EXIT_BUG && process.env.CADENZA_DEBUG === '1') complain(`${(thrown as Error)?.stack ?? thrown}`);
  return status;
}

function toFailure(thrown: unknown): { code: string; message: string; status: number } {
  const error = translate(thrown);
  if (error instanceof CadenzaError) {
    const status = error.code === 'E_INTERRUPTED' ? (interruptStatus() ?? error.exitCode) : error.exitCode;
    return { code: error.code, message: error.message, status };
  }
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const advice = process.env.CADENZA_DEBUG === '1' ? 'the stack follows' : 'set CADENZA_DEBUG=1 to print the stack';
  return {
    code: 'E_BUG',
    message: `internal error: ${reason}. This is a bug in cadenza; please report it with the command (${advice}).`,
    status: EXIT_BUG,
  };
}

/** Translates known failures of libraries to errors with a code. */
function translate(thrown: unknown): unknown {
  const fault = thrown instanceof CadenzaError ? undefined : diskFault(thrown);
  if (!fault) return explainLoading(thrown) ?? thrown;
  const { path = 'the disk' } = thrown as NodeJS.ErrnoException;
  return new CadenzaError('E_DISK', `${shownPath(path)}: ${fault.reason}. ${fault.advice}`, { cause: thrown });
}

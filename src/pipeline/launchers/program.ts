/** @file Calls the programs of a cluster. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CadenzaError } from '../../util/errors.ts';

/** Bytes that a program may print. */
const MOST = 2 ** 28;

/**
 * Runs a program to its end.
 *
 * @param missing what to do if it is not installed.
 * @returns what it printed.
 * @throws {CadenzaError} `E_INSTALL` if it is not there; `E_EXECUTOR` with the last line of its errors if it fails.
 */
export async function call(program: string, args: readonly string[], missing: string): Promise<string> {
  try {
    return (await promisify(execFile)(program, [...args], { maxBuffer: MOST })).stdout.trim();
  } catch (error) {
    const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT') throw new CadenzaError('E_INSTALL', `${program} was not found. ${missing}`);
    const said = (stderr || message).trim().split('\n').at(-1);
    throw new CadenzaError(
      'E_EXECUTOR',
      `${program} failed: ${said}. Check that it works on its own here, and the values of --launch-option if there are any.`,
    );
  }
}
